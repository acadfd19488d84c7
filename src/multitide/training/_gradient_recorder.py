"""The norms of the tasks' gradients during training, and the cosines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from multitide._checks import check_positive_int
from multitide.training._callbacks import Callback, HistoryRow

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class GradientRecorder(Callback):
    """Samples the norms of the tasks' gradients at the shared parameters, and their cosines.

    The gradients are those of the step, of losses in units of the trivial loss, before any
    weighting. A negative cosine means that a step for one task alone would increase the other's
    loss. Recording does not change training. A sampled step needs one more backward pass per task
    in the batch, and waits for its result. Without shared parameters (``sharing="none"`` or
    ``"soft"``) nothing is recorded.

    Parameters
    ----------
    every : int, default=50
        Steps from one sample to the next; the first step of each run is sampled.

    Attributes
    ----------
    norms : DataFrame
        One row per sampled step and task: ``run`` (from 1; pre-training, trials and refits are
        separate runs), ``epoch``, ``step`` (from 1, within the run), ``task``, ``norm``.
    cosines : DataFrame
        One row per sampled step and pair of tasks, in the order of the tasks: ``run``, ``epoch``,
        ``step``, ``task``, ``other``, ``cosine`` (NaN if a gradient is zero).

    Notes
    -----
    The training rows of the history hold the means per epoch, as ``gradient_norm`` and
    ``cosine(OTHER)``.
    """

    def __init__(self, every: int = 50) -> None:
        check_positive_int("every", every)
        self.every = every
        self._norms: list[HistoryRow] = []
        self._cosines: list[HistoryRow] = []
        self._run = self._step = 0

    @property
    def norms(self) -> pd.DataFrame:
        """The norms recorded so far."""
        return pd.DataFrame(
            self._norms, columns=["run", "epoch", "step", "task", "norm"]
        )

    @property
    def cosines(self) -> pd.DataFrame:
        """The cosines recorded so far."""
        return pd.DataFrame(
            self._cosines, columns=["run", "epoch", "step", "task", "other", "cosine"]
        )

    @property
    def is_sampled(self) -> bool:
        """Whether the current step is sampled."""
        return (self._step - 1) % self.every == 0

    def where(self, trainer: Trainer) -> dict[str, int]:
        """Return the columns ``run``, ``epoch`` and ``step`` of the current step."""
        return {"run": self._run, "epoch": trainer.epoch, "step": self._step}

    def state(self) -> dict[str, Any]:
        """Return all that is recorded, and where."""
        return {
            "norms": self._norms,
            "cosines": self._cosines,
            "run": self._run,
            "step": self._step,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self._norms, self._cosines = list(state["norms"]), list(state["cosines"])
        self._run, self._step = int(state["run"]), int(state["step"])

    def on_train_begin(self, trainer: Trainer) -> None:
        """Start a new run."""
        self._run, self._step = self._run + 1, 0

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Count the step."""
        self._step += 1

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Record the gradients of this step if it is sampled."""
        shared = []
        for p in trainer.network.sharing.shared_parameters():
            if p.requires_grad:
                shared.append(p)
        if not self.is_sampled or not shared:
            return
        gradients = []
        for loss in losses.values():
            gradients.append(_gradient(loss, shared))
        self.record(trainer, losses, shared, gradients)

    def record(
        self,
        trainer: Trainer,
        losses: Mapping[str, Tensor],
        shared: list[nn.Parameter],
        gradients: list[list[Tensor]],
    ) -> None:
        """Record the norms and cosines of one sampled step.

        Parameters
        ----------
        trainer : Trainer
            The trainer of the step.
        losses : dict of str to Tensor
            Losses of the tasks in the batch.
        shared : list of Parameter
            The shared parameters.
        gradients : list of list of Tensor
            For each task in the batch, one tensor per parameter.
        """
        rows = torch.stack(list(map(_flatten, gradients)))
        products = (rows @ rows.T).tolist()
        norms = torch.linalg.vector_norm(rows, dim=1).tolist()
        where = self.where(trainer)
        for task, norm in zip(losses, norms, strict=True):
            self._norms.append({**where, "task": task, "norm": norm})
        for (i, task), (j, other) in combinations(enumerate(losses), 2):
            size = norms[i] * norms[j]
            if size:
                cosine = products[i][j] / size
            else:
                cosine = float("nan")
            self._cosines.append(
                {**where, "task": task, "other": other, "cosine": cosine}
            )

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Add the means of the epoch to its rows of the history."""
        norms = self._of_epoch(self._norms, trainer)
        cosines = self._of_epoch(self._cosines, trainer)
        for row in rows:
            if row["side"] != "train":
                continue
            task = row["task"]
            own_norms = []
            for record in norms:
                if record["task"] == task:
                    own_norms.append(record["norm"])
            row["gradient_norm"] = _mean(own_norms)
            for other in trainer.names:
                if other != task:
                    row[f"cosine({other})"] = _mean(_of_pair(cosines, task, other))

    def _of_epoch(
        self, rows: Sequence[HistoryRow], trainer: Trainer
    ) -> list[HistoryRow]:
        of_epoch = []
        for row in rows:
            if row["run"] == self._run and row["epoch"] == trainer.epoch:
                of_epoch.append(row)
        return of_epoch


def _gradient(loss: Tensor, shared: list[nn.Parameter]) -> list[Tensor]:
    """Return the gradient of the loss at each parameter, and retain the graph for the step."""
    return list(
        torch.autograd.grad(loss, shared, retain_graph=True, materialize_grads=True)
    )


def _flatten(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _of_pair(cosines: Sequence[HistoryRow], task: str, other: str) -> list[float]:
    """Return the cosines between the gradients of two tasks."""
    of_pair = []
    for record in cosines:
        if {record["task"], record["other"]} == {task, other}:
            of_pair.append(record["cosine"])
    return of_pair


def _mean(values: list[float]) -> float:
    known = []
    for value in values:
        if value == value:
            known.append(value)
    if known:
        return sum(known) / len(known)
    return float("nan")
