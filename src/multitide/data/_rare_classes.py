"""Classes with few examples: the training set comes first, for what it lacks cannot be learned."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from multitide.data._strata import class_columns

logger = logging.getLogger("multitide")

Index = NDArray[np.int64]
MOST_NAMED = 5  # classes of a column, in a message


def single_and_others(
    y: pd.DataFrame, index: Index, at_least: int
) -> tuple[Index, Index]:
    """Divide rows into those with the only example of a class, and those to draw from.

    The first are for the training set, and are named in the log. If fewer than `at_least` rows
    would be left to draw from, all are.

    Parameters
    ----------
    y : DataFrame
        Labels of all samples.
    index : ndarray of int
        The rows to divide.
    at_least : int
        Number of rows that a draw needs.
    """
    labels = y.iloc[index]
    single = np.zeros(len(index), dtype=bool)
    parts = []
    for name in class_columns(labels):
        column = labels[name]
        counts = column.value_counts()
        alone = column.isin(counts.index[counts == 1]).to_numpy(dtype=bool)
        single |= alone
        if alone.any():
            parts.append(f"{name!r}: {shortened(list(column[alone]))}")
    if not single.any() or len(index) - single.sum() < at_least:
        return index[:0], index
    logger.info(
        f"Classes with a single example stay in the training set: {'; '.join(parts)}."
    )
    return index[single], index[~single]


def keep_every_class(
    y: pd.DataFrame, keep: Index, held_out: Index
) -> tuple[Index, Index]:
    """Move rows until every class of both parts has an example in the kept one.

    Parameters
    ----------
    y : DataFrame
        Labels of all samples.
    keep, held_out : ndarray of int
        Two parts of the samples. The first held-out example of each missing class is moved, as long
        as half of the rows stay held out.
    """
    fewest = max(1, len(held_out) // 2)
    for name, classes in lost_classes(y, keep, held_out):
        labels = y[name].iloc[held_out]
        for value in classes:
            place = np.flatnonzero((labels == value).to_numpy(dtype=bool))
            if len(held_out) > fewest and len(place):
                keep = np.append(keep, held_out[place[0]])
                held_out = np.delete(held_out, place[0])
                labels = y[name].iloc[held_out]
    return keep, held_out


def lost_classes(
    y: pd.DataFrame, keep: Index, others: Index
) -> Iterator[tuple[str, list[object]]]:
    """Yield each column with the classes that only the rows of `others` have."""
    for name in class_columns(y):
        classes = y[name].iloc[others].dropna().unique()
        known = set(y[name].iloc[keep].dropna().unique())
        missing = []
        for value in classes:
            if value not in known:
                missing.append(value)
        if missing:
            yield name, missing


def say_what_training_lacks(y: pd.DataFrame, train: Index, others: Index) -> None:
    """Name in the log the classes that only the held-out rows have."""
    for name, classes in lost_classes(y, train, others):
        logger.info(
            "The training set has no example "
            f"of these classes of {name!r}: "
            f"{shortened(classes)}. "
            'A split by="random" gives it one of each.'
        )


def shortened(values: list[object]) -> str:
    """Return the first values in quotes, and the number of the others."""
    text = ", ".join(map(repr, values[:MOST_NAMED]))
    if len(values) > MOST_NAMED:
        return f"{text} and {len(values) - MOST_NAMED} more"
    return text
