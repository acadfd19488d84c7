"""Inter-task affinity: how a step for one task changes the loss of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from multitide.training._callbacks import HistoryRow
from multitide.training._gradient_recorder import GradientRecorder
from multitide.training._lookahead import LookAhead

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class AffinityRecorder(GradientRecorder):
    """Samples how a step for one task alone changes every task's loss (TAG; Fifty et al. 2021).

    For each task i in the batch, the shared parameters take a gradient step for its loss alone,
    with the current learning rate. The loss of every task j is then measured on the same batch::

        affinity = 1 - L_j(theta - lr * g_i) / L_j(theta)

    This is the relative decrease of the loss of j by a step for i; it is negative if the step
    increases the loss. The batch, the heads and the dropout masks are those of the training step.
    The look-ahead changes neither batch-norm statistics nor random numbers, so that training gives
    exactly the same result as without it.

    Losses are in units of the trivial loss, so that the steps of different tasks are of comparable
    size. As in the paper, the learning rate is the optimiser's, and every tenth step is sampled.

    Parameters
    ----------
    every : int, default=10
        Steps from one sample to the next. A sample costs one backward and one forward pass per
        task.

    Attributes
    ----------
    affinities : DataFrame
        One row per sampled step and ordered pair of tasks, including each task with itself:
        ``run``, ``epoch``, ``step``, ``task`` (whose step), ``other`` (whose loss), ``affinity``
        (NaN if the loss is already 0).
    norms, cosines : DataFrame
        See :class:`GradientRecorder`.

    Notes
    -----
    Only tasks with labels in the batch are included. Without shared parameters nothing is recorded.
    """

    def __init__(self, every: int = 10) -> None:
        super().__init__(every)
        self._affinities: list[HistoryRow] = []
        self._ahead: LookAhead | None = None

    @property
    def affinities(self) -> pd.DataFrame:
        """The affinities recorded so far."""
        return pd.DataFrame(
            self._affinities,
            columns=["run", "epoch", "step", "task", "other", "affinity"],
        )

    def mean_affinities(self, names: list[str]) -> pd.DataFrame:
        """Return the mean affinities, one row per task that steps, one column per loss.

        They are NaN for two tasks that were never in the same sample.
        """
        return _means(self.affinities, "affinity", names)

    def mean_cosines(self, names: list[str]) -> pd.DataFrame:
        """Return the mean cosine between the gradients of each pair of tasks; the diagonal is 1."""
        half = _means(self.cosines, "cosine", names)
        table = half.where(half.notna(), half.T).to_numpy(copy=True)
        np.fill_diagonal(table, 1.0)
        return pd.DataFrame(table, index=names, columns=names)

    def mean_norms(self, names: list[str]) -> pd.Series:
        """Return the mean norm of the gradient per task."""
        return (
            self.norms.groupby("task")["norm"].mean().reindex(names).rename_axis(None)
        )

    def state(self) -> dict[str, Any]:
        """Return all that is recorded, and where."""
        return {**super().state(), "affinities": self._affinities}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        super().restore(state)
        self._affinities = list(state["affinities"])

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Keep the batch and the states of the generators, if the step is sampled."""
        super().on_step_begin(trainer, rows, n_labelled)
        if self.is_sampled:
            self._ahead = LookAhead(trainer, rows, n_labelled)

    def record(
        self,
        trainer: Trainer,
        losses: Mapping[str, Tensor],
        shared: list[nn.Parameter],
        gradients: list[list[Tensor]],
    ) -> None:
        """Record the affinities of this step, and its norms and cosines."""
        super().record(trainer, losses, shared, gradients)
        assert self._ahead is not None
        before = torch.stack(list(losses.values())).detach()
        rates = _learning_rates(trainer)
        for task, gradient in zip(losses, gradients, strict=True):
            moved = {}
            for parameter, slope in zip(shared, gradient, strict=True):
                moved[id(parameter)] = parameter.detach() - rates[id(parameter)] * slope
            after = self._ahead.losses(moved)
            affinities = (1 - after.double() / before.double()).tolist()
            for other, affinity in zip(losses, affinities, strict=True):
                row = {**self.where(trainer), "task": task, "other": other}
                if np.isfinite(affinity):
                    row["affinity"] = affinity
                else:
                    row["affinity"] = np.nan
                self._affinities.append(row)


def _learning_rates(trainer: Trainer) -> dict[int, float]:
    """Return the current learning rate by the ``id`` of the parameter."""
    rates: dict[int, float] = {}
    for group in trainer.optimizer.param_groups:
        rates |= dict.fromkeys(map(id, group["params"]), float(group["lr"]))
    return rates


def _means(table: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    means = table.groupby(["task", "other"])[column].mean().unstack()
    means = means.reindex(index=names, columns=names)
    return means.rename_axis(index=None, columns=None).astype(float)
