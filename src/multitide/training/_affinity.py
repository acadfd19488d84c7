"""Which task's step helps which task's loss: look-ahead affinity, sampled while all tasks share a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from multitide.training._gradient_recorder import GradientRecorder
from multitide.training._lookahead import LookAhead

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class AffinityRecorder(GradientRecorder):
    """Samples how a step for one task alone would change every task's loss on the same batch (Fifty et al. 2021, TAG).

    For each task i in the batch the shared parameters take a plain gradient step along its loss, at
    the present learning rate, and every task j's loss is measured again there: ``affinity = 1 -
    L_j(theta - lr g_i) / L_j(theta)``, the share of its loss that j loses by a step for i; negative
    where the step does harm. The batch, the heads and the dropped units are those of the training
    step itself, batch-norm statistics do not see the look-ahead, and training goes on as if nobody
    had looked, to the last bit.

    Losses are in units of their trivial losses, so that the steps of different tasks are of
    comparable size. The paper steps with the optimiser's learning rate too, and samples every tenth
    step.

    Parameters
    ----------
    every : int, default=10
        Steps from one sample to the next. A sample costs a pass back and a pass forward for each
        task.

    Attributes
    ----------
    affinities : DataFrame
        One row a sampled step and ordered pair of tasks, a task with itself too: ``run``,
        ``epoch``, ``step``, ``task`` (whose step), ``other`` (whose loss), ``affinity`` (NaN where
        the loss is 0 already).
    norms, cosines : DataFrame
        As :class:`GradientRecorder` has them.

    Notes
    -----
    Only tasks with labels in the batch step and are measured. Where no parameters are shared
    nothing is recorded.
    """

    def __init__(self, every: int = 10) -> None:
        super().__init__(every)
        self._affinities: list[dict[str, Any]] = []
        self._ahead: LookAhead | None = None

    @property
    def affinities(self) -> pd.DataFrame:
        """The affinities so far."""
        return pd.DataFrame(
            self._affinities, columns=["run", "epoch", "step", "task", "other", "affinity"]
        )

    def mean_affinities(self, names: list[str]) -> pd.DataFrame:
        """Return the mean over all samples: a row whose step, a column whose loss; NaN where two never met."""
        return _means(self.affinities, "affinity", names)

    def mean_cosines(self, names: list[str]) -> pd.DataFrame:
        """Return the mean cosine of every two tasks' gradients; 1 for a task with itself."""
        found = _means(self.cosines, "cosine", names)
        table = found.where(found.notna(), found.T).to_numpy(copy=True)
        np.fill_diagonal(table, 1.0)
        return pd.DataFrame(table, index=names, columns=names)

    def mean_norms(self, names: list[str]) -> pd.Series:
        """Return the mean norm of each task's gradient."""
        return self.norms.groupby("task")["norm"].mean().reindex(names).rename_axis(None)

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Remember what the step draws its dropped units from."""
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
        """Note the affinities of this step, beside its norms and cosines."""
        super().record(trainer, losses, shared, gradients)
        assert self._ahead is not None
        now = torch.stack(list(losses.values())).detach()
        rates = _rates(trainer)
        for task, gradient in zip(losses, gradients, strict=True):
            ahead = {
                id(p): p.detach() - rates[id(p)] * g for p, g in zip(shared, gradient, strict=True)
            }
            then = self._ahead.losses(ahead)
            found = (1 - then.double() / now.double()).tolist()
            self._affinities += [
                self.where(trainer)
                | {
                    "task": task,
                    "other": other,
                    "affinity": value if np.isfinite(value) else np.nan,
                }
                for other, value in zip(losses, found, strict=True)
            ]


def _rates(trainer: Trainer) -> dict[int, float]:
    return {
        id(p): float(group["lr"])
        for group in trainer.optimizer.param_groups
        for p in group["params"]
    }


def _means(table: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    means = table.groupby(["task", "other"])[column].mean().unstack()
    return (
        means.reindex(index=names, columns=names)
        .rename_axis(index=None, columns=None)
        .astype(float)
    )
