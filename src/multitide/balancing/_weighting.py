"""What every weighting is: from the losses of the tasks in a batch to the one number that is minimised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from multitide._part import Part

# Stands in for a smaller loss where one is divided by, or its logarithm is taken.
SMALLEST_LOSS = 1e-8


class WeightingModule(nn.Module, ABC):
    """Combines losses; keeps whatever it learns for the full set of tasks, whichever of them a batch holds.

    Parameters
    ----------
    names : sequence of str
        All tasks; two or more, since with one there is nothing to weigh (see :class:`Weighting`).
    """

    last_losses: Tensor

    # Whether `after_update` wants to hear what each step did to the losses: a pass forward more a
    # step.
    needs_second_forward: ClassVar[bool] = False

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        self._position = {name: i for i, name in enumerate(self.names)}
        # Losses are in units of the trivial loss, so that they all start at 1.
        self.register_buffer("last_losses", torch.ones(len(self.names)), persistent=False)

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the number to minimise, shape ().

        Parameters
        ----------
        losses : mapping of str to Tensor, each of shape ()
            Mean losses, in units of the trivial loss, of the tasks that have labels in the batch;
            at least one. The term of an absent task is dropped, and the others keep the weights
            that they have in the full set.
        """
        present = sorted(self._position[name] for name in losses)
        return self.combine(torch.stack([losses[self.names[i]] for i in present]), present)

    @abstractmethod
    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the number to minimise, shape (), for losses (n_present,) of the tasks at these positions."""

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Hear each task's mean training loss of the epoch; a task without labels in it may be left out."""
        for name, loss in mean_losses.items():
            self.last_losses[self._position[name]] = loss

    def after_update(self, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
        """Hear what a step has done, if `needs_second_forward`.

        Parameters
        ----------
        before, after : mapping of str to Tensor, each of shape ()
            The losses of the tasks in the batch with the parameters before and after the step,
            without a graph.
        """

    def current(self) -> dict[str, float]:
        """Return each task's weight: how much the number falls with its loss, at the last epoch's mean losses."""
        losses = self.last_losses.clone().requires_grad_()
        with torch.enable_grad():
            total = self.combine(losses, list(range(len(self.names))))
        (slopes,) = torch.autograd.grad(total, losses)
        return dict(zip(self.names, slopes.tolist(), strict=True))

    def parameter_groups(self, base_lr: float) -> list[dict[str, Any]]:
        """Return groups for the optimiser, if anything here is learned by gradient; `base_lr` is the network's."""
        return []

    def of_present(self, values: Tensor, present: list[int]) -> Tensor:
        """Return the values of the present tasks, shape (n_present,), of those of all, shape (n_tasks,)."""
        # Views by number: an index tensor would have to travel to the device at every step.
        return values if len(present) == len(values) else torch.stack([values[i] for i in present])

    def put_present(self, buffer: Tensor, present: list[int], values: Tensor) -> None:
        """Write the values of the present tasks, shape (n_present,), among those of all, shape (n_tasks,)."""
        if len(present) == len(buffer):
            buffer.copy_(values)
        else:
            for i, value in zip(present, values.unbind(), strict=True):
                buffer[i] = value


class LinearModule(WeightingModule):
    """A weighted sum; a subclass says the weights."""

    @abstractmethod
    def weights(self) -> Tensor:
        """Return the weights for the full set of tasks, shape (n_tasks,)."""

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the weighted sum of the losses, shape ()."""
        return (self.of_present(self.weights(), present) * losses).sum()


class ConstantModule(LinearModule):
    """A sum with weights that stay as they are.

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
        """Return the constants."""
        return self.constants


@dataclass
class Weighting(Part, ABC):
    """Spec of a weighting; its dataclass fields are its parameters."""

    def build(self, names: Sequence[str], kinds: Sequence[str] | None = None) -> WeightingModule:
        """Return a fresh module; with a single task every weighting is plain training.

        Parameters
        ----------
        names : sequence of str
            All tasks that are trained together.
        kinds : sequence of str, optional
            The kind of each task, for weightings that treat numbers otherwise than classes.

        Raises
        ------
        ParameterError
            If the parameters do not fit these tasks.
        """
        if len(names) < 2:
            return ConstantModule(names, [1.0] * len(names))
        return self.make(names, ["classification"] * len(names) if kinds is None else kinds)

    @abstractmethod
    def make(self, names: Sequence[str], kinds: Sequence[str]) -> WeightingModule:
        """Return a fresh module for two or more tasks."""
