"""Many tasks at once: linear heads as one matrix, and the losses of tasks of one kind as one.

A hundred small matrices and losses cost a hundred times the calls of one, whatever their size. Each
task keeps its own parameters, in the state dict and in the optimiser; they are joined for the pass
forward alone. So a task without labels in a batch has no gradient, and neither its head nor the
optimiser's memory of it moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide.tasks._task import Target

STACK_FROM = 8  # tasks; fewer are computed one by one, which is as fast


def linear_outputs(
    heads: Sequence[nn.Linear], features: Tensor, learning: Sequence[bool] | None = None
) -> list[Tensor]:
    """Return the outputs of linear heads on the same features, computed as one matrix.

    Parameters
    ----------
    heads : sequence of Linear
        With any numbers of outputs.
    features : Tensor, shape (batch, n_features)
        What all of them read.
    learning : sequence of bool, optional
        Which heads may get a gradient; all when not given.

    Returns
    -------
    list of Tensor, each of shape (batch, n_outputs)
        Views of one tensor.
    """
    weights: list[Tensor] = [head.weight for head in heads]
    biases: list[Tensor] = [head.bias for head in heads]
    for i in [] if learning is None else [i for i, learns in enumerate(learning) if not learns]:
        weights[i], biases[i] = weights[i].detach(), biases[i].detach()
    joined = F.linear(features, torch.cat(weights), torch.cat(biases))
    return list(joined.split([head.out_features for head in heads], dim=1))


class Losses:
    """The losses of all tasks of a network; those of tasks that are alike are computed together.

    Parameters
    ----------
    targets : sequence of Target
        See `Target.loss_key`.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = list(targets)
        alike: dict[object, list[int]] = {}
        for i, target in enumerate(self._targets):
            if target.loss_key is not None:
                alike.setdefault(target.loss_key, []).append(i)
        self._stacks = [
            _Stack(members, self._targets)
            for members in alike.values()
            if len(members) >= STACK_FROM
        ]
        stacked = {i for stack in self._stacks for i in stack.members}
        self._single = [i for i in range(len(self._targets)) if i not in stacked]

    def means(
        self, outputs: Sequence[Tensor], codes: Sequence[Tensor], n_labelled: Sequence[int]
    ) -> dict[int, Tensor]:
        """Return the mean loss of each task with labels in the batch, by its position and in that order.

        Parameters
        ----------
        outputs : sequence of Tensor, each of shape (batch, n_outputs)
            What the heads gave.
        codes : sequence of Tensor, each of shape (batch,)
            Labels as the targets encode them.
        n_labelled : sequence of int
            Number of labelled rows of each task.
        """
        found: dict[int, Tensor] = {}
        for i in self._single:
            if n_labelled[i]:
                found[i] = self._targets[i].row_loss(outputs[i], codes[i]).sum() / int(
                    n_labelled[i]
                )
        for stack in self._stacks:
            losses, measured = stack.row_losses(outputs, codes)
            # Counted where the labels are: a row of counts would have to travel to the device at
            # every step.
            means = (losses.sum(dim=0) / measured.sum(dim=0).clamp(min=1)).unbind()
            found |= {
                i: mean for i, mean in zip(stack.members, means, strict=True) if n_labelled[i]
            }
        return {i: found[i] for i in sorted(found)}

    def sums(self, outputs: Sequence[Tensor], codes: Sequence[Tensor]) -> Tensor:
        """Return each task's loss summed over its labelled rows, float64 (n_tasks,)."""
        found = {
            i: self._targets[i].row_loss(outputs[i], codes[i]).double().sum() for i in self._single
        }
        for stack in self._stacks:
            sums = stack.row_losses(outputs, codes)[0].double().sum(dim=0).unbind()
            found |= dict(zip(stack.members, sums, strict=True))
        return torch.stack([found[i] for i in range(len(self._targets))])


class _Stack:
    """Tasks that are alike; their rows follow each other as if they were rows of one task."""

    def __init__(self, members: list[int], targets: Sequence[Target]) -> None:
        self.members, self._target = members, targets[members[0]]
        self._trivial = torch.stack([targets[i].trivial_loss for i in members])

    def row_losses(
        self, outputs: Sequence[Tensor], codes: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return losses, 0 where there is no label, and which rows have one, both of shape (batch, n_members)."""
        joined = torch.stack([codes[i] for i in self.members], dim=1)
        rows = torch.stack([outputs[i] for i in self.members], dim=1).flatten(0, 1)
        filled = self._target.fill_missing(joined).flatten()
        measured = self._target.measured(joined)
        losses = self._target.raw_loss(rows, filled).view_as(joined) / self._trivial
        return torch.where(measured, losses, torch.zeros_like(losses)), measured
