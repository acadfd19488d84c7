"""What a check of new data found."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

FEW_PARTS = 8


@dataclass(frozen=True, repr=False)
class DriftReport:
    """What differs between new data and the training data; see :func:`multitide.check_data`.

    Attributes
    ----------
    table : DataFrame
        One row per column, the most different first: ``source`` ("channel", "static", "length",
        "step", "label", "prediction"), ``name``, ``kind`` ("number", "category"); ``score`` and
        ``drifted``, whether it is above the threshold; ``distance``, the largest difference of the
        distribution functions (for categories half the sum of the differences of shares), and
        ``usual``, half of what chance explains; ``shift``, the mean distance
        of the quantiles over the interquartile range of training; ``missing`` and
        ``missing_in_training``, shares of missing values; ``outside``, the share of the known
        values outside the range of training, or of categories that it did not have; ``parts``,
        how many independent parts of this size the training set is worth.
    threshold : float
        Scores above it are drift.
    n_samples, n_in_training : int
        Sizes of the new data and of the training set.
    """

    table: pd.DataFrame
    threshold: float
    n_samples: int
    n_in_training: int

    @property
    def drifted(self) -> bool:
        """Whether any column has a score above the threshold."""
        return bool(self.table["drifted"].any())

    @property
    def score(self) -> float:
        """The largest score."""
        return float(self.table["score"].max())

    @property
    def too_few(self) -> bool:
        """Whether the inputs of training are so few independent parts that most drift stays unseen.

        Only values far from all of training then have a high score.
        """
        inputs = self.table[self.table["source"].isin(["channel", "static"])]
        return bool(len(inputs) and inputs["parts"].median() < FEW_PARTS)

    def __repr__(self) -> str:
        """Return the number of columns that differ; the table would fill the screen."""
        n = int(self.table["drifted"].sum())
        return (
            f"<DriftReport: {n} of {len(self.table)} columns above {self.threshold:g}; "
            f"{self.n_samples} samples>"
        )
