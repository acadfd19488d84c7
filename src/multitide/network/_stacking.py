"""Many tasks at once: linear heads as one matrix, and the losses of similar tasks in one call.

A hundred small matrices and losses cost a hundred calls, whatever their size. Each task keeps its
own parameters, in the state dict and in the optimiser; they are joined for the forward pass only.
So a task without labels in a batch has no gradient, and neither its head nor its optimiser state
changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide.tasks._missing_labels import zero_missing
from multitide.tasks._task import Target

STACK_FROM = 8  # tasks; fewer are computed one by one, which is just as fast


def linear_outputs(
    heads: Sequence[nn.Linear], features: Tensor, learning: Sequence[bool] | None = None
) -> list[Tensor]:
    """Return the outputs of linear heads on the same features, computed as one matrix.

    Parameters
    ----------
    heads : sequence of Linear
        With any numbers of outputs.
    features : Tensor, shape (batch, n_features)
        Input of all of them.
    learning : sequence of bool, optional
        Which heads may get a gradient; all by default.

    Returns
    -------
    list of Tensor, each of shape (batch, n_outputs)
        Views of one tensor.
    """
    weights: list[Tensor] = []
    for head in heads:
        weights.append(head.weight)
    biases: list[Tensor] = []
    for head in heads:
        biases.append(head.bias)
    for i, learns in enumerate(learning or ()):
        if not learns:
            weights[i] = weights[i].detach()
            biases[i] = biases[i].detach()
    joined = F.linear(features, torch.cat(weights), torch.cat(biases))
    return list(joined.split([head.out_features for head in heads], dim=1))


class Losses:
    """The losses of all tasks of a network; those of similar tasks are computed together.

    Parameters
    ----------
    targets : sequence of Target
        Those with the same `Target.loss_key` are computed together.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = list(targets)
        alike: dict[object, list[int]] = {}
        for i, target in enumerate(self._targets):
            if target.loss_key is not None:
                alike.setdefault(target.loss_key, []).append(i)
        self._stacks = []
        single = set(range(len(self._targets)))
        for members in alike.values():
            if len(members) >= STACK_FROM:
                self._stacks.append(_Stack(members, self._targets))
                single.difference_update(members)
        self._single = sorted(single)

    def means(
        self,
        outputs: Sequence[Tensor],
        codes: Sequence[Tensor],
        n_labelled: Sequence[int],
        weights: Sequence[Tensor] | None = None,
        on_device: bool = False,
    ) -> dict[int, Tensor]:
        """Return the mean loss of each task with labels in the batch, by its position, in order.

        Parameters
        ----------
        outputs : sequence of Tensor, each of shape (batch, n_outputs)
            Outputs of the heads.
        codes : sequence of Tensor, each of shape (batch,)
            Labels as the targets encode them.
        n_labelled : sequence of int
            Number of labelled rows of each task.
        weights : sequence of Tensor, each of shape (batch,), optional
            Factors on the losses of the rows of each task.
        on_device : bool, default=False
            Count the labels on the device, so that `n_labelled` only says which tasks have any.
            A step that is recorded once may then be used for batches with other numbers.
        """
        by_task: dict[int, Tensor] = {}
        for i in self._single:
            own = None if weights is None else weights[i]
            if n_labelled[i] and on_device:
                by_task[i] = self._targets[i].mean_loss(outputs[i], codes[i], own)
            elif n_labelled[i]:
                # Most batches of most tables lack no label: to mask them would take as long as a
                # small layer.
                complete = n_labelled[i] == len(codes[i])
                losses = self._row_losses(i, outputs, codes, weights, complete=complete)
                by_task[i] = losses.sum() / int(n_labelled[i])
        for stack in self._stacks:
            losses, measured = stack.row_losses(outputs, codes, weights)
            # Counted on the device, where the labels are: `n_labelled` would have to be copied
            # there at every step.
            means = (losses.sum(dim=0) / measured.sum(dim=0).clamp(min=1)).unbind()
            for i, mean in zip(stack.members, means, strict=True):
                if n_labelled[i]:
                    by_task[i] = mean
        return dict(sorted(by_task.items()))

    def sums(
        self,
        outputs: Sequence[Tensor],
        codes: Sequence[Tensor],
        weights: Sequence[Tensor] | None = None,
        clipped: bool = False,
    ) -> Tensor:
        """Return each task's loss summed over its labelled rows, float64 (n_tasks,).

        The losses of rows are multiplied by `weights`, as in `means`. If they are `clipped`, they
        are `Target.clipped_loss`, over all rows that a measurement counts.
        """
        by_task: dict[int, Tensor] = {}
        for i in self._single:
            losses = self._row_losses(i, outputs, codes, weights, clipped)
            by_task[i] = losses.double().sum()
        for stack in self._stacks:
            losses, _ = stack.row_losses(outputs, codes, weights, clipped)
            sums = losses.double().sum(dim=0).unbind()
            by_task |= dict(zip(stack.members, sums, strict=True))
        return torch.stack([sum_ for _, sum_ in sorted(by_task.items())])

    def _row_losses(
        self,
        i: int,
        outputs: Sequence[Tensor],
        codes: Sequence[Tensor],
        weights: Sequence[Tensor] | None,
        clipped: bool = False,
        complete: bool = False,
    ) -> Tensor:
        """Return the weighted losses of a task, 0 for missing labels, (batch,)."""
        target = self._targets[i]
        if clipped:
            losses = target.clipped_loss(outputs[i], codes[i]) / target.trivial_loss
            losses = zero_missing(losses, target.labelled(codes[i]))
        elif complete:
            losses = target.raw_loss(outputs[i], codes[i]) / target.trivial_loss
        else:
            losses = target.row_loss(outputs[i], codes[i])
        if weights is None:
            return losses
        return losses * weights[i]


class _Stack:
    """Similar tasks; their rows are concatenated as if they were rows of one task."""

    def __init__(self, members: list[int], targets: Sequence[Target]) -> None:
        self.members = members
        self._target = targets[members[0]]
        self._trivial = torch.stack([targets[i].trivial_loss for i in members])

    def row_losses(
        self,
        outputs: Sequence[Tensor],
        codes: Sequence[Tensor],
        weights: Sequence[Tensor] | None = None,
        clipped: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return losses, 0 for missing labels, and which labels are present, (batch, n_members).

        The losses of rows are multiplied by `weights`.
        """
        joined = torch.stack([codes[i] for i in self.members], dim=1)
        rows = torch.stack([outputs[i] for i in self.members], dim=1).flatten(0, 1)
        if clipped:
            measured = self._target.labelled(joined)
            raw = self._target.clipped_loss(rows, joined.flatten())
        else:
            measured = self._target.measured(joined)
            raw = self._target.raw_loss(
                rows, self._target.fill_missing(joined).flatten()
            )
        losses = raw.view_as(joined) / self._trivial
        if weights is not None:
            losses = losses * torch.stack([weights[i] for i in self.members], dim=1)
        return zero_missing(losses, measured), measured
