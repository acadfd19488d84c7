"""Which task's step helps which task's loss: look-ahead affinity, sampled while all tasks share a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.func import functional_call

from multitide.recording import GradientRecorder

if TYPE_CHECKING:
    from multitide.training import Trainer


class AffinityRecorder(GradientRecorder):
    """Samples how a step for one task alone would change every task's loss on the same batch (Fifty et al. 2021, TAG).

    For each task i in the batch the shared parameters take a plain gradient step along its loss, at the present
    learning rate, and every task j's loss is measured again there: ``affinity = 1 - L_j(theta - lr g_i) / L_j(theta)``,
    the share of its loss that j loses by a step for i; negative where the step does harm. The batch, the heads and the
    dropped units are those of the training step itself, batch-norm statistics do not see the look-ahead, and training
    goes on as if nobody had looked, to the last bit.

    Losses are in units of their trivial losses, so that the steps of different tasks are of comparable size. The paper
    steps with the optimiser's learning rate too, and samples every tenth step.

    Parameters
    ----------
    every : int, default=10
        Steps from one sample to the next. A sample costs a pass back and a pass forward for each task.

    Attributes
    ----------
    affinities : DataFrame
        One row a sampled step and ordered pair of tasks, a task with itself too: ``run``, ``epoch``, ``step``, ``task``
        (whose step), ``other`` (whose loss), ``affinity`` (NaN where the loss is 0 already).
    norms, cosines : DataFrame
        As :class:`GradientRecorder` has them.

    Notes
    -----
    Only tasks with labels in the batch step and are measured. Where no parameters are shared nothing is recorded.
    """

    def __init__(self, every: int = 10) -> None:
        super().__init__(every)
        self._affinities: list[dict[str, Any]] = []
        self._again: tuple[Sequence[Tensor], np.ndarray, _Generators] | None = None

    @property
    def affinities(self) -> pd.DataFrame:
        """The affinities so far."""
        return pd.DataFrame(self._affinities, columns=["run", "epoch", "step", "task", "other", "affinity"])

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

    def on_step_begin(self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray) -> None:
        """Remember what the step draws its dropped units from."""
        super().on_step_begin(trainer, rows, n_labelled)
        if self.is_sampled:
            self._again = rows, n_labelled, _Generators(rows[0].device)

    def record(
        self,
        trainer: Trainer,
        losses: Mapping[str, Tensor],
        shared: list[nn.Parameter],
        gradients: list[list[Tensor]],
    ) -> None:
        """Note the affinities of this step, beside its norms and cosines."""
        super().record(trainer, losses, shared, gradients)
        assert self._again is not None
        rows, n_labelled, generators = self._again
        now = torch.stack(list(losses.values())).detach()
        network, rates = _Losses(trainer), _rates(trainer)
        for task, gradient in zip(losses, gradients, strict=True):
            ahead = {id(p): p.detach() - rates[id(p)] * g for p, g in zip(shared, gradient, strict=True)}
            with generators.again():
                then = network.at(ahead, rows, n_labelled)
            found = (1 - then.double() / now.double()).tolist()
            self._affinities += [
                self.where(trainer)
                | {"task": task, "other": other, "affinity": value if np.isfinite(value) else np.nan}
                for other, value in zip(losses, found, strict=True)
            ]


class _Losses(nn.Module):
    """The losses of a step as a function of the parameters."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.network = trainer.network
        self._trainer = trainer

    def forward(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> Tensor:
        losses, _ = self._trainer.task_losses(rows, n_labelled)
        return torch.stack(list(losses.values()))

    @torch.no_grad()
    def at(self, parameters: Mapping[int, Tensor], rows: Sequence[Tensor], n_labelled: np.ndarray) -> Tensor:
        """Return the losses with some parameters, by the ``id`` of those they stand in for, replaced.

        Batch-norm statistics are updated in copies, which are thrown away.
        """
        state = {name: parameters[id(p)] for name, p in self.named_parameters() if id(p) in parameters}
        state |= {name: buffer.clone() for name, buffer in self.named_buffers()}
        losses: Tensor = functional_call(self, state, (rows, n_labelled))
        return losses


class _Generators:
    """The states of torch's generators at one moment, to draw the same numbers once more."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw from that moment on; afterwards the generators are where they were."""
        with torch.random.fork_rng(devices=[self._device] if self._cuda is not None else []):
            torch.set_rng_state(self._cpu)
            if self._cuda is not None:
                torch.cuda.set_rng_state(self._cuda, self._device)
            yield


def _rates(trainer: Trainer) -> dict[int, float]:
    return {id(p): float(group["lr"]) for group in trainer.optimizer.param_groups for p in group["params"]}


def _means(table: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    means = table.groupby(["task", "other"])[column].mean().unstack()
    return means.reindex(index=names, columns=names).rename_axis(index=None, columns=None).astype(float)
