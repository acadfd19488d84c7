"""One split of samples into training, validation, calibration and test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Index = NDArray[np.int64]


def nobody() -> Index:
    """Return the positions of no samples."""
    return np.array([], dtype=np.int64)


@dataclass(frozen=True, repr=False)
class Split:
    """Training, validation, test and calibration set of :class:`Samples`, as int indices into it.

    Attributes
    ----------
    train, validation, test, calibration : ndarray of int64
        Positions of the samples. Samples in none of them were purged, because they would leak. By
        default, the calibration set is empty.
    """

    train: Index
    validation: Index
    test: Index
    calibration: Index = field(default_factory=nobody)

    def __repr__(self) -> str:
        """Return the sizes; the positions would fill the screen."""
        calibration = ""
        if len(self.calibration):
            calibration = f", {len(self.calibration):,} calibration"
        return (
            "<Split: "
            f"{len(self.train):,} training, {len(self.validation):,} "
            f"validation{calibration} and {len(self.test):,} test samples>"
        )

    def counts(self, y: pd.DataFrame) -> pd.DataFrame:
        """Return the number of labelled rows of each task (rows) in each set (columns).

        There is no column for an empty calibration set.
        """
        sets = {"train": self.train, "validation": self.validation}
        if len(self.calibration):
            sets["calibration"] = self.calibration
        sets["test"] = self.test
        counts = {}
        for name, index in sets.items():
            counts[name] = y.iloc[index].notna().sum()
        return pd.DataFrame(counts, index=y.columns).rename_axis("task")


def held_out_rows(splits: Sequence[Split]) -> tuple[Index, Index]:
    """Return the test samples of all splits, one after the other, and the split of each."""
    rows, folds = [], []
    for fold, split in enumerate(splits):
        rows.append(split.test)
        folds.append(np.full(len(split.test), fold))
    return np.concatenate(rows), np.concatenate(folds)
