"""What conformal prediction needs of a kind of task: its scores, and sets of labels by them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from multitide.tasks._task import Target

Kind = TypeVar("Kind", bound=Target)


class Conformity(ABC, Generic[Kind]):
    """Scores of labels, and the labels whose scores are small.

    Parameters
    ----------
    target : Target
        The fitted task.
    """

    def __init__(self, target: Kind) -> None:
        self.target = target

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns of the task, each of which has scores of its own."""
        return self.target.task.columns

    @abstractmethod
    def scores(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return how far predictions are from labels, float64 (n_rows, n_columns).

        Parameters
        ----------
        truth, decoded : ndarray, n_rows rows
            As `Target.metric_values` takes them; each row has a label.

        Returns
        -------
        ndarray
            NaN for missing labels.
        """

    @abstractmethod
    def table(self, decoded: np.ndarray, quantiles: np.ndarray) -> pd.DataFrame:
        """Return the labels whose scores are at most the quantile of their column, a row each.

        Parameters
        ----------
        decoded : ndarray, n_rows rows
            Predictions.
        quantiles : ndarray, shape (n_columns,)
            From `Scores.quantiles`.
        """

    @abstractmethod
    def widths(self, decoded: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return the width of each interval, or the size of each set, (n_rows, n_columns)."""
