"""What happens between the tasks in training: the norms of their gradients, and the angles between them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from multitide.callbacks import Callback
from multitide.checks import check_positive_int

if TYPE_CHECKING:
    from multitide.training import Trainer


class GradientRecorder(Callback):
    """Samples each task's gradient at the shared parameters: its norm, and its cosine with every other task's.

    The gradients are those of the step itself, of the losses in units of their trivial losses, before any weighting. A
    negative cosine says that a step for one task alone would undo some of the other's. Recording changes nothing in
    training. It costs a pass back for each task in the batch, and the wait for its result, on one step of `every`;
    nothing on the others. Where no parameters are shared (``sharing="none"``, ``"soft"``) nothing is recorded.

    Parameters
    ----------
    every : int, default=50
        Steps from one sample to the next; the first step of each run is sampled.

    Attributes
    ----------
    norms : DataFrame
        One row a sampled step and task: ``run`` (from 1; pre-training, trials and refits are runs of their own),
        ``epoch``, ``step`` (from 1, within the run), ``task``, ``norm``.
    cosines : DataFrame
        One row a sampled step and pair of tasks, ordered as the tasks are: ``run``, ``epoch``, ``step``, ``task``,
        ``other``, ``cosine`` (NaN where a gradient is zero).

    Notes
    -----
    Each epoch's means stand in the training rows of the history too, as ``gradient_norm`` and ``cosine(OTHER)``.
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
        return pd.DataFrame(self._cosines, columns=["run", "epoch", "step", "task", "other", "cosine"])

    def on_train_begin(self, trainer: Trainer) -> None:
        """Begin a new run."""
        self._run, self._step = self._run + 1, 0

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Sample the gradients of this step, if its turn has come."""
        self._step += 1
        shared = [p for p in trainer.network.sharing.shared_parameters() if p.requires_grad]
        if (self._step - 1) % self.every or not shared:
            return
        rows = torch.stack([_gradient(loss, shared) for loss in losses.values()])
        norms = torch.linalg.vector_norm(rows, dim=1)
        products, lengths = (rows @ rows.T).tolist(), norms.tolist()
        where = {"run": self._run, "epoch": trainer.epoch, "step": self._step}
        self._norms += [where | {"task": t, "norm": length} for t, length in zip(losses, lengths, strict=True)]
        for (i, task), (j, other) in combinations(enumerate(losses), 2):
            size = lengths[i] * lengths[j]
            cosine = products[i][j] / size if size else float("nan")
            self._cosines.append(where | {"task": task, "other": other, "cosine": cosine})

    def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """Write the epoch's means into the rows of the history."""
        norms, cosines = ([r for r in found if self._is_of(r, trainer)] for found in (self._norms, self._cosines))
        for row in rows:
            if row["side"] != "train":
                continue
            row["gradient_norm"] = _mean([r["norm"] for r in norms if r["task"] == row["task"]])
            for other in trainer.names:
                if other != row["task"]:
                    pair = {row["task"], other}
                    row[f"cosine({other})"] = _mean([r["cosine"] for r in cosines if {r["task"], r["other"]} == pair])

    def _is_of(self, row: Mapping[str, Any], trainer: Trainer) -> bool:
        return bool(row["run"] == self._run and row["epoch"] == trainer.epoch)


def _gradient(loss: Tensor, shared: list[torch.nn.Parameter]) -> Tensor:
    """Return the loss's gradient as one vector; the graph is left for the step."""
    found = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(found, shared, strict=True)])


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")
