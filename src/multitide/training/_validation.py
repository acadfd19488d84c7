"""What is measured on the validation set after each epoch: each task's loss and headline metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor

from multitide.backbones._batch_rows import batch_rows
from multitide.network._network import Network
from multitide.network._stacking import Losses
from multitide.tasks._task import Target
from multitide.training._batches import Batch, DeviceSamples, Rows
from multitide.training._mixing import DeviceData


class Headline(TypedDict):
    """A headline metric."""

    metric: str
    value: float


class Validation(NamedTuple):
    """What was measured, for the tasks that have labels in the validation set.

    Attributes
    ----------
    losses : dict of str to float
        Mean loss per task over its labelled rows, in units of the trivial loss.
    headlines : dict of str to dict
        ``metric``, the name of the headline metric, and its ``value``, for each task that has one.
    """

    losses: dict[str, float]
    headlines: dict[str, Headline]


@torch.no_grad()
def validate(
    network: Network, streams: Sequence[DeviceData], losses: Losses
) -> Validation:
    """Measure a network on the validation set of all data sets, with the weights of their rows.

    Results are read from the device once, at the end. The headline metrics are computed from the
    outputs that the losses need anyway. Both are those of ``evaluate`` on these rows: with clipped
    probabilities, and with classes that training has not seen counted as wrong.
    """
    if all(stream.validation is None for stream in streams):
        return Validation({}, {})
    targets = network.target_list
    sums = torch.zeros(
        2, len(targets), dtype=torch.float64, device=streams[0].samples.device
    )
    counts = np.zeros(len(targets))
    network.eval()
    for i, stream in enumerate(streams):
        if stream.validation is not None:
            sums += _sums(network, i, stream.samples, stream.validation, losses)
            counts += stream.totals(stream.validation)
    validation = Validation({}, {})
    nonzero = np.where(counts > 0, counts, 1.0)
    mean_losses, mean_headlines = (sums.cpu().numpy() / nonzero).tolist()
    for target, loss, mean, n in zip(
        targets, mean_losses, mean_headlines, counts, strict=True
    ):
        if not n:
            continue
        name = target.task.name
        validation.losses[name] = loss
        if target.headline:
            value = target.headline_of(mean)
            validation.headlines[name] = {"metric": target.headline, "value": value}
    return validation


def _sums(
    network: Network, data_set: int, samples: DeviceSamples, rows: Rows, losses: Losses
) -> Tensor:
    """Return the sums of losses and of headline metrics over labelled rows, shape (2, n_tasks)."""
    targets = network.target_list
    sums = torch.zeros(2, len(targets), dtype=torch.float64, device=samples.device)
    index = torch.from_numpy(rows.index).to(samples.device)
    size = batch_rows(network.modules(), samples.n_channels, samples.n_timepoints)
    for numbers in torch.split(index, size):
        # In pre-training, a data set may have no labels of the tasks.
        if not len(numbers):
            continue
        batch = samples.gather(numbers)
        outputs = network(batch.x, batch.lengths, batch.static, data_set)
        sums[0] += losses.sums(outputs, batch.codes, batch.weights, clipped=True)
        sums[1] += _headline_sums(targets, outputs, batch)
    return sums


def _headline_sums(
    targets: Sequence[Target], outputs: Sequence[Tensor], batch: Batch
) -> Tensor:
    """Return the sums over labelled rows whose means are the headline metrics, shape (n_tasks,)."""
    sums = []
    for i, (target, output) in enumerate(zip(targets, outputs, strict=True)):
        code = batch.codes[i]
        rows = target.headline_rows(output, code).double()
        if batch.weights is not None:
            rows = rows * batch.weights[i]
        sums.append(torch.where(target.labelled(code), rows, 0.0).sum())
    return torch.stack(sums)
