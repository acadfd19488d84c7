"""Intervals of numbers: a residual, or quantiles moved until they are right."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

import numpy as np
import pandas as pd

from multitide.calibration._conformity import Conformity
from multitide.tasks._forecast import ForecastTarget
from multitide.tasks._regression import RegressionTarget

Numbers = TypeVar("Numbers", RegressionTarget, ForecastTarget)


class Intervals(Conformity[Numbers]):
    """Intervals of numbers, one per column."""

    @abstractmethod
    def bounds(
        self, decoded: np.ndarray, quantiles: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper bounds, each (n_rows, n_columns)."""

    def table(self, decoded: np.ndarray, quantiles: np.ndarray) -> pd.DataFrame:
        """Return the columns ``COLUMN_low`` and ``COLUMN_high``."""
        low, high = self.bounds(decoded, quantiles)
        columns = {}
        for i, name in enumerate(self.columns):
            columns[f"{name}_low"] = low[:, i]
            columns[f"{name}_high"] = high[:, i]
        return pd.DataFrame(columns)

    def widths(self, decoded: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return upper less lower bounds."""
        low, high = self.bounds(decoded, quantiles)
        difference: np.ndarray = high - low
        return difference


class Residuals(Intervals[Numbers]):
    """The prediction, plus and minus a quantile of absolute residuals; for each step of forecasts.

    All samples have intervals of the same width.
    """

    def scores(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return absolute residuals."""
        residuals: np.ndarray = np.abs(truth - decoded).reshape(len(truth), -1)
        return residuals

    def bounds(
        self, decoded: np.ndarray, quantiles: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions less and plus the quantiles."""
        center = decoded.astype(np.float64).reshape(len(decoded), -1)
        return center - quantiles, center + quantiles


class MovedQuantiles(Intervals[RegressionTarget]):
    """The outermost quantiles of a task, moved apart or together (Romano et al. 2019 [1]_).

    The width of an interval depends on the sample, as that of the quantiles does.

    References
    ----------
    .. [1] Romano, Patterson and Candes, "Conformalized quantile regression", NeurIPS 2019.
       https://arxiv.org/abs/1905.03222
    """

    def scores(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return how far labels are outside the quantiles; negative inside."""
        outside = np.maximum(decoded[:, 0] - truth, truth - decoded[:, -1])
        column: np.ndarray = outside[:, None]
        return column

    def bounds(
        self, decoded: np.ndarray, quantiles: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the moved quantiles; the median is always between them."""
        median = self.target.point(decoded)[:, None]
        low = np.minimum(decoded[:, :1] - quantiles, median)
        high = np.maximum(decoded[:, -1:] + quantiles, median)
        return low, high
