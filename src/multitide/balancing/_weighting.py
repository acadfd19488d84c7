"""The base of every weighting: from the losses of the tasks in a batch to the objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from multitide._part import Part

# Replaces smaller losses in divisions and logarithms.
SMALLEST_LOSS = 1e-8


class WeightingModule(nn.Module, ABC):
    """Combines losses; its state covers all tasks, whichever of them a batch holds.

    Parameters
    ----------
    names : sequence of str
        All tasks, two or more; with a single task there is nothing to weight (see
        :class:`Weighting`).
    """

    last_losses: Tensor

    # Whether `after_update` needs the losses after each step, which costs a second forward pass.
    needs_second_forward: ClassVar[bool] = False

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        self._position = {name: i for i, name in enumerate(self.names)}
        # In units of the trivial loss, all losses start at about 1.
        self.register_buffer(
            "last_losses", torch.ones(len(self.names)), persistent=False
        )

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the objective, shape ().

        Parameters
        ----------
        losses : mapping of str to Tensor, each of shape ()
            Mean losses, in units of the trivial loss, of the tasks that have labels in the batch;
            at least one. The terms of missing tasks are dropped, and the other tasks keep the
            weights that they have in the full set.
        """
        present = sorted(self._position[name] for name in losses)
        return self.combine(self.stacked(losses, present), present)

    def stacked(self, losses: Mapping[str, Tensor], present: list[int]) -> Tensor:
        """Return the losses of the tasks at these positions, shape (n_present,)."""
        return torch.stack([losses[self.names[i]] for i in present])

    @abstractmethod
    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the objective, shape (), of the tasks at these positions.

        Parameters
        ----------
        losses : Tensor, shape (n_present,)
            Their losses.
        present : list of int
            Their positions in `names`.
        """

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Receive the mean training loss of each task; tasks without labels may be left out."""
        for name, loss in mean_losses.items():
            self.last_losses[self._position[name]] = loss

    def after_update(
        self, before: Mapping[str, Tensor], after: Mapping[str, Tensor]
    ) -> None:
        """Receive what a step did to the losses, if `needs_second_forward` is True.

        Parameters
        ----------
        before, after : mapping of str to Tensor, each of shape ()
            The losses of the tasks in the batch before and after the step, without a graph.
        """

    def current(self) -> dict[str, float]:
        """Return the weight of each task: the slope of the objective at the last mean losses."""
        losses = self.last_losses.clone().requires_grad_()
        with torch.enable_grad():
            total = self.combine(losses, list(range(len(self.names))))
        (slopes,) = torch.autograd.grad(total, losses)
        return dict(zip(self.names, slopes.tolist(), strict=True))

    def parameter_groups(self, base_lr: float) -> list[dict[str, object]]:
        """Return the optimiser's parameter groups, if any parameter here is trained.

        Parameters
        ----------
        base_lr : float
            The network's learning rate.
        """
        return []

    def of_present(self, values: Tensor, present: list[int]) -> Tensor:
        """Return the values of the present tasks: shape (n_tasks,) -> (n_present,)."""
        if len(present) == len(values):
            return values
        # An index tensor would have to be copied to the device at every step.
        return torch.stack([values[i] for i in present])

    def put_present(self, buffer: Tensor, present: list[int], values: Tensor) -> None:
        """Write `values` of the present tasks, shape (n_present,), to a buffer of all tasks."""
        if len(present) == len(buffer):
            buffer.copy_(values)
        else:
            for i, value in zip(present, values.unbind(), strict=True):
                buffer[i] = value


class LinearModule(WeightingModule):
    """A weighted sum of the losses; subclasses define the weights."""

    @abstractmethod
    def weights(self) -> Tensor:
        """Return the weights of all tasks, shape (n_tasks,)."""

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the weighted sum of the losses, shape ()."""
        return (self.of_present(self.weights(), present) * losses).sum()


class ConstantModule(LinearModule):
    """A sum with constant weights.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    weights : sequence of float
        Their weights.
    """

    constants: Tensor

    def __init__(self, names: Sequence[str], weights: Sequence[float]) -> None:
        super().__init__(names)
        self.register_buffer("constants", torch.tensor(weights, dtype=torch.float32))

    def weights(self) -> Tensor:
        """Return the constant weights, shape (n_tasks,)."""
        return self.constants


@dataclass
class Weighting(Part, ABC):
    """Spec of a weighting; its dataclass fields are its parameters."""

    # Whether each step computes something on the host, so that it cannot be recorded for a GPU.
    needs_host: ClassVar[bool] = False

    def build(
        self, names: Sequence[str], kinds: Sequence[str] | None = None
    ) -> WeightingModule:
        """Return a fresh module; with a single task every weighting is plain training.

        Parameters
        ----------
        names : sequence of str
            All tasks that are trained together.
        kinds : sequence of str, optional
            The kind of each task, for weightings that treat regression differently from
            classification. Default: all are classification.

        Raises
        ------
        ParameterError
            If the parameters do not fit these tasks.
        """
        if len(names) < 2:
            return ConstantModule(names, [1.0] * len(names))
        if kinds is None:
            kinds = ["classification"] * len(names)
        return self.make(names, kinds)

    @abstractmethod
    def make(self, names: Sequence[str], kinds: Sequence[str]) -> WeightingModule:
        """Return a fresh module for two or more tasks."""
