"""Read the set, or the fold, of each sample from a column that the user made."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from multitide.data._split import Index, Split
from multitide.errors import DataError

logger = logging.getLogger("multitide")

# The words of a column that names the set of each sample.
SETS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "calibration": "calibration",
    "test": "test",
    "testing": "test",
}


def sets_by_word(values: np.ndarray) -> Split:
    """Return training, validation, calibration and test set as the words of a column say.

    Raises
    ------
    DataError
        If no sample is in the training set, or none in the test set.
    """
    words = pd.Series(values).astype("object").map(_set_of)
    if unused := int(words.isna().sum()):
        logger.info(
            f"{unused} samples are in no set of the split: "
            f"{_examples(values[words.isna()])}."
        )
    train = np.flatnonzero(words == "train")
    validation = np.flatnonzero(words == "validation")
    calibration = np.flatnonzero(words == "calibration")
    test = np.flatnonzero(words == "test")
    if not len(train) or not len(test):
        raise DataError(
            '`split.column` must hold "train", '
            '"test" and perhaps "validation" and "calibration"; '
            f"got {_examples(values)}."
        )
    return Split(train, validation, test, calibration)


def folds_by_value(values: np.ndarray) -> Iterator[Index]:
    """Yield the samples of each value of a column.

    Raises
    ------
    DataError
        If the column has one value only, or holds the words of sets.
    """
    column = pd.Series(values)
    numbers = list(column.dropna().unique())
    has_words = any(str(number).lower() in SETS for number in numbers)
    if len(numbers) < 2 or has_words:
        raise DataError(f"`split.column` must number the folds; got {numbers[:5]}.")
    for number in numbers:
        yield np.flatnonzero(column == number)


def _set_of(value: object) -> str | None:
    return SETS.get(str(value).strip().lower())


def _examples(values: np.ndarray) -> list[str]:
    """Return the first values in alphabetical order, for messages."""
    return sorted(set(map(str, values)))[:5]
