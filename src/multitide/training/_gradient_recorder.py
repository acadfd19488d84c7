"""What happens between the tasks in training: the norms of their gradients, and the angles between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multitide._checks import check_positive_int
from multitide.training._callbacks import Callback

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class GradientRecorder(Callback):
    """Samples each task's gradient at the shared parameters: its norm, and its cosine with every other task's.

    The gradients are those of the step itself, of the losses in units of their trivial losses,
    before any weighting. A negative cosine says that a step for one task alone would undo some of
    the other's. Recording changes nothing in training. It costs a pass back for each task in the
    batch, and the wait for its result, on one step of `every`; nothing on the others. Where no
    parameters are shared (``sharing="none"``, ``"soft"``) nothing is recorded.

    Parameters
    ----------
    every : int, default=50
        Steps from one sample to the next; the first step of each run is sampled.

    Attributes
    ----------
    norms : DataFrame
        One row a sampled step and task: ``run`` (from 1; pre-training, trials and refits are runs
        of their own), ``epoch``, ``step`` (from 1, within the run), ``task``, ``norm``.
    cosines : DataFrame
        One row a sampled step and pair of tasks, ordered as the tasks are: ``run``, ``epoch``,
        ``step``, ``task``, ``other``, ``cosine`` (NaN where a gradient is zero).

    Notes
    -----
    Each epoch's means stand in the training rows of the history too, as ``gradient_norm`` and
    ``cosine(OTHER)``.
    """

    def __init__(self, every: int = 50) -> None:
        check_positive_int("every", every)
        self.every = every
        self._norms: list[dict[str, Any]] = []
        self._cosines: list[dict[str, Any]] = []
        self._run = self._step = 0

    @property
    def norms(self) -> pd.DataFrame:
        """The norms so far."""
        return pd.DataFrame(self._norms, columns=["run", "epoch", "step", "task", "norm"])

    @property
    def cosines(self) -> pd.DataFrame:
        """The cosines so far."""
        return pd.DataFrame(
            self._cosines, columns=["run", "epoch", "step", "task", "other", "cosine"]
        )

    @property
    def is_sampled(self) -> bool:
        """Whether the present step is one of the sampled ones."""
        return (self._step - 1) % self.every == 0

    def where(self, trainer: Trainer) -> dict[str, Any]:
        """Return run, epoch and step, as they stand in every row of the tables."""
        return {"run": self._run, "epoch": trainer.epoch, "step": self._step}

    def on_train_begin(self, trainer: Trainer) -> None:
        """Begin a new run."""
        self._run, self._step = self._run + 1, 0

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Count."""
        self._step += 1

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Sample the gradients of this step, if its turn has come."""
        shared = [p for p in trainer.network.sharing.shared_parameters() if p.requires_grad]
        if not self.is_sampled or not shared:
            return
        gradients = [_gradient(loss, shared) for loss in losses.values()]
        self.record(trainer, losses, shared, gradients)

    def record(
        self,
        trainer: Trainer,
        losses: Mapping[str, Tensor],
        shared: list[torch.nn.Parameter],
        gradients: list[list[Tensor]],
    ) -> None:
        """Note norms and cosines of one sampled step.

        Parameters
        ----------
        trainer : Trainer
        losses : dict of str to Tensor
            Of the tasks in the batch.
        shared : list of Parameter
            What the gradients are taken at.
        gradients : list of list of Tensor
            For each task in the batch one tensor a parameter.
        """
        rows = torch.stack(
            [torch.cat([part.flatten() for part in gradient]) for gradient in gradients]
        )
        norms = torch.linalg.vector_norm(rows, dim=1)
        products, lengths = (rows @ rows.T).tolist(), norms.tolist()
        where = self.where(trainer)
        self._norms += [
            where | {"task": t, "norm": length} for t, length in zip(losses, lengths, strict=True)
        ]
        for (i, task), (j, other) in combinations(enumerate(losses), 2):
            size = lengths[i] * lengths[j]
            cosine = products[i][j] / size if size else float("nan")
            self._cosines.append(where | {"task": task, "other": other, "cosine": cosine})

    def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """Write the epoch's means into the rows of the history."""
        norms, cosines = (
            [r for r in found if self._is_of(r, trainer)] for found in (self._norms, self._cosines)
        )
        for row in rows:
            if row["side"] != "train":
                continue
            row["gradient_norm"] = _mean([r["norm"] for r in norms if r["task"] == row["task"]])
            for other in trainer.names:
                if other != row["task"]:
                    pair = {row["task"], other}
                    row[f"cosine({other})"] = _mean(
                        [r["cosine"] for r in cosines if {r["task"], r["other"]} == pair]
                    )

    def _is_of(self, row: Mapping[str, Any], trainer: Trainer) -> bool:
        return bool(row["run"] == self._run and row["epoch"] == trainer.epoch)


def _gradient(loss: Tensor, shared: list[torch.nn.Parameter]) -> list[Tensor]:
    """Return the loss's gradient at each parameter; the graph is left for the step."""
    return list(torch.autograd.grad(loss, shared, retain_graph=True, materialize_grads=True))


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")
