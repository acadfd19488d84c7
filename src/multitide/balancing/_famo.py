"""Weights under which all losses fall at the same rate, learned from each step's effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from multitide.balancing._weighting import SMALLEST_LOSS, Weighting, WeightingModule

BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's


class FAMOModule(WeightingModule):
    """A sum with the weights ``c * softmax(logits) / loss``; c makes them sum to 1 in each step.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    step_size, decay : float
        See :class:`FAMO`.
    """

    logits: Tensor
    means: Tensor
    squares: Tensor
    steps: Tensor

    needs_second_forward: ClassVar[bool] = True

    def __init__(self, names: Sequence[str], step_size: float, decay: float) -> None:
        super().__init__(names)
        self.step_size = step_size
        self.decay = decay
        # The state of Adam, with a step count per task: the state of a missing task does not
        # change.
        for name in ("logits", "means", "squares", "steps"):
            self.register_buffer(name, torch.zeros(len(self.names)))

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the weighted sum of the losses, shape (); the weights carry no gradient."""
        shares = torch.softmax(self.of_present(self.logits, present), dim=0)
        rates = shares / losses.detach().clamp(min=SMALLEST_LOSS)
        return (rates / rates.sum() * losses).sum()

    @torch.no_grad()
    def after_update(
        self, before: Mapping[str, Tensor], after: Mapping[str, Tensor]
    ) -> None:
        """Reduce the weight of the tasks whose log losses fell more; with one task, do nothing.

        Parameters
        ----------
        before, after : mapping of str to Tensor, each of shape ()
            The losses of the tasks in the batch before and after the step.
        """
        if len(before) < 2:
            return
        present = sorted(self._position[name] for name in before)
        falls = self._logs(before, present) - self._logs(after, present)
        logits = self.of_present(self.logits, present)
        shares = torch.softmax(logits, dim=0)
        gradient = shares * (falls - (shares * falls).sum()) + self.decay * logits
        steps = self.of_present(self.steps, present) + 1
        means = self.of_present(self.means, present).lerp(gradient, 1 - BETAS[0])
        squares = self.of_present(self.squares, present).lerp(
            gradient.square(), 1 - BETAS[1]
        )
        mean = means / (1 - BETAS[0] ** steps)
        square = squares / (1 - BETAS[1] ** steps)
        logits = logits - self.step_size * (mean / (square.sqrt() + EPSILON))
        self.put_present(self.logits, present, logits)
        self.put_present(self.means, present, means)
        self.put_present(self.squares, present, squares)
        self.put_present(self.steps, present, steps)

    def _logs(self, losses: Mapping[str, Tensor], present: list[int]) -> Tensor:
        return self.stacked(losses, present).clamp(min=SMALLEST_LOSS).log()


@dataclass
class FAMO(Weighting):
    """Fast adaptive multitask optimisation: all log losses fall at the same rate [1]_.

    The weights of a step are ``c * z / loss`` with ``z = softmax(logits)``; c makes them sum to 1.
    After every step a second forward pass measures the losses of the same batch, and Adam lowers
    the logits of the tasks whose log losses fell more. The second pass uses the dropout masks of
    the first, so that only the step changes the losses, and leaves the running statistics of batch
    norm unchanged. In the authors' code it is an ordinary training pass.

    With missing labels, z is the softmax over the tasks in the batch, and only their logits and
    moments change. A task that is alone in a batch changes nothing.

    Parameters
    ----------
    step_size : float, default=0.025
        Adam's learning rate for the logits.
    decay : float, default=0.001
        Adam's weight decay on the logits (``gamma`` in the paper).

    References
    ----------
    .. [1] Liu, Feng, Stone, Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023.
       https://arxiv.org/abs/2306.03792
    """

    needs_host: ClassVar[bool] = True  # its second forward pass begins there

    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.025
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> FAMOModule:
        """Return a module whose logits are all 0."""
        return FAMOModule(names, self.step_size, self.decay)
