"""What an epoch's end measures on the validation side: each task's loss, and its headline figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from multitide.network._network import Network
from multitide.network._stacking import Losses
from multitide.tasks._task import Target
from multitide.training._mixing import Stream

VALIDATION_BATCH = 1024


class Validation(NamedTuple):
    """What was measured; both are empty without a validation side, and leave out tasks without labels in it.

    Attributes
    ----------
    losses : dict of str to float
        Each task's mean loss over its labelled rows, in units of the trivial loss.
    figures : dict of str to dict
        For each task whose target has one: ``metric``, the name of its headline figure, and
        ``value``.
    """

    losses: dict[str, float]
    figures: dict[str, dict[str, Any]]


@torch.no_grad()
def validate(network: Network, streams: Sequence[Stream], losses: Losses) -> Validation:
    """Measure a network on the validation side of all data sets; the host reads at the end.

    The headline figures cost a few operations a task, on the outputs that the losses need anyway.
    They are those of ``evaluate`` on these rows, but for classes that training has not seen: here
    these are no labels.
    """
    sides = [
        (i, s.samples, s.validation) for i, s in enumerate(streams) if s.validation is not None
    ]
    if not sides:
        return Validation({}, {})
    network.eval()
    device, targets = sides[0][1].device, network.target_list
    sums = torch.zeros(2, len(targets), dtype=torch.float64, device=device)
    for i, samples, side in sides:
        for rows in torch.from_numpy(side.index).to(device).split(VALIDATION_BATCH):
            if not len(rows):  # a data set without labels of the tasks that are learned first
                continue
            batch = samples.gather(rows)
            outputs = network(batch.x, batch.lengths, batch.static, i)
            sums += torch.stack(
                [losses.sums(outputs, batch.codes), _headlines(targets, outputs, batch.codes)]
            )
    counts = np.sum([side.measured.sum(axis=0) for _, _, side in sides], axis=0)
    means = (sums.cpu().numpy() / np.maximum(counts, 1)).T.tolist()
    known = [(target, *mean) for target, mean, n in zip(targets, means, counts, strict=True) if n]
    return Validation(
        {target.task.name: loss for target, loss, _ in known},
        {
            target.task.name: {"metric": target.headline, "value": target.headline_of(mean)}
            for target, _, mean in known
            if target.headline
        },
    )


def _headlines(
    targets: Sequence[Target], outputs: Sequence[Tensor], codes: Sequence[Tensor]
) -> Tensor:
    """Return what each task's headline figure is the mean of, summed over its labelled rows, float64 (n_tasks,)."""
    return torch.stack(
        [
            torch.where(
                target.measured(code), target.headline_rows(output, code).double(), 0.0
            ).sum()
            for target, output, code in zip(targets, outputs, codes, strict=True)
        ]
    )
