"""Conformal intervals as a layer of the graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from multitide.calibration._scores import Scores
from multitide.model._intervals import supported
from multitide.tasks import ForecastTarget, RegressionTarget, Target

LEVEL = 0.9  # of the intervals, as in `predict_interval`


class IntervalOutput(nn.Module):
    """The bounds between which the label of a number is with probability `LEVEL`.

    Parameters
    ----------
    target : RegressionTarget or ForecastTarget
        The task.
    quantiles : ndarray, shape (n_columns,)
        Of the scores of each column.
    """

    quantiles: Tensor

    def __init__(self, target: Target, quantiles: np.ndarray) -> None:
        super().__init__()
        self.median: int | None = None
        if isinstance(target, RegressionTarget) and target.n_outputs > 1:
            self.median = list(target.task.quantiles).index(0.5)
        self.register_buffer("quantiles", torch.from_numpy(quantiles))

    def forward(self, decoded: Tensor) -> Tensor:
        """Return lower and upper bounds, (batch, n_columns, 2), for decoded predictions."""
        if self.median is None:
            # Not by its length: that would fix the number of rows in an export.
            center = decoded
            if decoded.ndim == 1:
                center = decoded[:, None]
            bounds = [center - self.quantiles, center + self.quantiles]
            return torch.stack(bounds, dim=2)
        median = decoded[:, self.median, None]
        low = torch.minimum(decoded[:, :1] - self.quantiles, median)
        high = torch.maximum(decoded[:, -1:] + self.quantiles, median)
        return torch.stack([low, high], dim=2)


def interval_outputs(
    targets: Mapping[str, Target], scores: Mapping[str, Scores]
) -> dict[str, IntervalOutput]:
    """Return the layer of each task of numbers that has intervals, by task."""
    layers = {}
    known = supported(LEVEL, scores)
    for task, target in targets.items():
        is_number = isinstance(target, (RegressionTarget, ForecastTarget))
        if is_number and task in known:
            layers[task] = IntervalOutput(target, known[task].quantiles(LEVEL))
    return layers
