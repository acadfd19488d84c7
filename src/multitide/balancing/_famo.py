"""Weights under which all losses fall alike, learned from what each step did."""

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
    """A sum whose weights are ``c * softmax(logits) / loss``, with c so that the weights of a step add up to 1.

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
        self.step_size, self.decay = step_size, decay
        # Adam in buffers, each task with a count of its own steps: what an absent task has learned
        # does not move.
        for name in ("logits", "means", "squares", "steps"):
            self.register_buffer(name, torch.zeros(len(self.names)))

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the weighted sum of the losses, shape (); no gradient goes through the weights."""
        shares = torch.softmax(self.of_present(self.logits, present), dim=0)
        rates = shares / losses.detach().clamp(min=SMALLEST_LOSS)
        return (rates / rates.sum() * losses).sum()

    @torch.no_grad()
    def after_update(self, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
        """Give less weight to the tasks in the batch whose log losses fell more; with a single one nothing moves.

        Parameters
        ----------
        before, after : mapping of str to Tensor, each of shape ()
            The losses of the tasks in the batch, before the step and after it.
        """
        if len(before) < 2:
            return
        present = sorted(self._position[name] for name in before)
        falls = self._logs(before, present) - self._logs(after, present)
        buffers = (self.logits, self.means, self.squares, self.steps)
        logits, means, squares, steps = (self.of_present(buffer, present) for buffer in buffers)
        shares = torch.softmax(logits, dim=0)
        gradient = shares * (falls - (shares * falls).sum()) + self.decay * logits
        steps = steps + 1
        means = means.lerp(gradient, 1 - BETAS[0])
        squares = squares.lerp(gradient.square(), 1 - BETAS[1])
        moves = (
            means / (1 - BETAS[0] ** steps) / ((squares / (1 - BETAS[1] ** steps)).sqrt() + EPSILON)
        )
        for buffer, values in zip(
            buffers, (logits - self.step_size * moves, means, squares, steps), strict=True
        ):
            self.put_present(buffer, present, values)

    def _logs(self, losses: Mapping[str, Tensor], present: list[int]) -> Tensor:
        return torch.stack([losses[self.names[i]] for i in present]).clamp(min=SMALLEST_LOSS).log()


@dataclass
class FAMO(Weighting):
    """Fast adaptive multitask optimisation: weights under which the logs of all losses fall at the same rate [1]_.

    The weights are ``c * z / loss`` with ``z = softmax(logits)``; they add up to 1. After every
    step the losses of the same batch are measured again, in a second pass forward, and Adam moves
    the logits against what fell more. That pass drops the units that the step dropped, so that the
    difference is the step's alone, and leaves the running statistics of batch norm as they are; in
    the authors' code it is one more training pass.

    Where labels are missing, the tasks in the batch share what they have: z is their softmax, and
    only their logits move, each with its own moments; where one is alone, none does.

    Parameters
    ----------
    step_size : float, default=0.025
        Adam's learning rate for the logits.
    decay : float, default=0.001
        Pulls the logits towards 0, as Adam's weight decay (``gamma`` in the paper).

    References
    ----------
    .. [1] Liu, Feng, Stone, Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023.
       https://arxiv.org/abs/2306.03792
    """

    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.025
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> FAMOModule:
        """Return a module with equal logits."""
        return FAMOModule(names, self.step_size, self.decay)
