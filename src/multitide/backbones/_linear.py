"""Linear: no hidden layer at all; the heads read the vectors, and are solved instead of trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from multitide.backbones._backbone import Backbone, BackboneModule
from multitide.backbones._flatten import flatten_steps

STRENGTHS = tuple(10.0**power for power in range(3, -7, -1))


@dataclass
class Linear(Backbone):
    """Linear heads on the vectors themselves: ridge regression and logistic regression, one a task; no training loop.

    Fast, and hard to beat behind a representation. Series are flattened. Each task's head is fitted
    to its labelled rows with the strength of its L2 penalty that has the least loss on validation
    rows (without validation, on a fifth of the training rows). Tasks do not meet, so sharing and
    weightings change nothing, nor do epochs and rates.

    Parameters
    ----------
    strengths : tuple of float
        Candidates for the L2 penalty, in units of the vectors' mean squared length.

    Notes
    -----
    (batch, n_channels, time) -> (batch, n_channels * time). Classes may be weighted; an absolute
    error is squared here, a focal or smoothed loss is a cross-entropy, and each only chooses the
    strength. Quantiles, forecasts and several answers at once are refused.

    References
    ----------
    .. [1] Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems",
       Technometrics 12, 1970. https://doi.org/10.1080/00401706.1970.10488634
    """

    reads_vectors: ClassVar[bool] = True
    strengths: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = STRENGTHS

    def build(self, n_channels: int, n_timepoints: int) -> Flat:
        """Return a module without parameters."""
        return Flat(n_channels, n_timepoints)


class Flat(BackboneModule):
    """Flattens; see :class:`Linear`.

    Parameters
    ----------
    n_channels, n_timepoints : int
        Of the longest series.
    """

    def __init__(self, n_channels: int, n_timepoints: int) -> None:
        super().__init__()
        self.n_timepoints, self.n_features = n_timepoints, n_channels * n_timepoints

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the series as vectors, (batch, n_features)."""
        return flatten_steps(x, lengths, self.n_timepoints)
