"""The calibrator of a task with several yes/no labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multitide.calibration._calibrator import Calibrator
from multitide.calibration._column_map import ColumnMap
from multitide.calibration._unchanged import Unchanged
from multitide.tasks._smallest_probability import SMALLEST_PROBABILITY


class Labels(Calibrator):
    """Maps the probability of yes of each label.

    Parameters
    ----------
    of_labels : sequence of ColumnMap
        A map per label.
    """

    kind = "labels"

    def __init__(self, of_labels: Sequence[ColumnMap]) -> None:
        super().__init__()
        self.of_labels = nn.ModuleList(of_labels)

    @property
    def maps(self) -> list[ColumnMap]:
        """The maps, as a typed list."""
        maps = []
        for each in self.of_labels:
            if isinstance(each, ColumnMap):
                maps.append(each)
        return maps

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities of yes, (batch, n_labels)."""
        log_odds = probabilities.double().logit(eps=SMALLEST_PROBABILITY)
        columns = []
        for i, each in enumerate(self.maps):
            if isinstance(each, Unchanged):
                columns.append(probabilities[:, i])
            else:
                columns.append(each(log_odds[:, i]).to(probabilities.dtype))
        return torch.stack(columns, dim=1)
