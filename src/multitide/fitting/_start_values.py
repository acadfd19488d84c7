"""Forecasts of an input, grown as differences to its last value."""

from __future__ import annotations

import copy

import numpy as np
import torch

from multitide.backbones._quantiles import Quantiles
from multitide.fitting._grow_trees import Rows
from multitide.network._forest_head import ForestHead, Start
from multitide.network._network import Network
from multitide.sharing._hard import HardModule
from multitide.tasks import Target
from multitide.tasks._forecast import ForecastTarget


def start_of(network: Network, target: Target, rows: Rows) -> Start | None:
    """Return where the predictions of a task start: from the last value of the same channel.

    None for other tasks than forecasts, if the column is no numeric input, and if it is missing in
    most rows. Trees answer with means of labels, so that without a start they never leave the range
    of the training labels.

    Parameters
    ----------
    network : Network
        The network of the trees; its input layer is fitted.
    target : Target
        The fitted target of the task.
    rows : Rows
        The training rows with a label.
    """
    if not isinstance(target, ForecastTarget):
        return None
    start = _last_value(network, target)
    if start is None or np.isnan(rows.features[:, start.feature]).mean() > 0.5:
        return None
    return start


def _last_value(network: Network, target: ForecastTarget) -> Start | None:
    column = target.task.column or target.task.name
    inputs = network.stems[0].inputs
    sharing = network.sharing
    if not isinstance(sharing, HardModule):
        return None
    if not isinstance(sharing.backbone, Quantiles):
        return None
    if column not in inputs.channels or column not in inputs.names:
        return None
    feature = sharing.backbone.last_value(inputs.names.index(column))
    channel = inputs.channels.index(column)
    center, gain = float(inputs.center[channel]), float(inputs.gain[channel])
    scale = float(target.scale)
    if not gain * scale:  # the channel has no measured value
        return None
    return Start(feature, 1 / (gain * scale), (center - float(target.mean)) / scale)


def less_start(head: ForestHead, target: Target, rows: Rows) -> Rows:
    """Return the rows with a start, with differences to it in place of labels.

    The losses of differences are those of the labels. Rows stay as they are if the predictions of
    the head do not start from a known value.
    """
    if not isinstance(target, ForecastTarget) or not head.has_start:
        return rows
    known = ~np.isnan(rows.features[:, head.forest.shape.start])
    features = rows.features[known]
    start = head.start(torch.from_numpy(features)).numpy()[:, None]
    differences = rows.truth[known] - start * float(target.scale)
    weights = None if rows.weights is None else rows.weights[known]
    return Rows(features, rows.codes[known] - start, differences, weights)


def of_differences(target: Target, rows: Rows) -> Target:
    """Return the target of a forecast with the best constants of its differences."""
    if not isinstance(target, ForecastTarget):
        return target
    twin = copy.deepcopy(target)
    twin.bias.copy_(torch.from_numpy(twin.best_constants(rows.codes, rows.weights)))
    return twin
