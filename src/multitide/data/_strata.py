"""Strata of a split: the classes and the labelled rows of every task, kept in proportion."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MAX_CLASSES = 10
N_DRAWS = 64


def class_columns(y: pd.DataFrame) -> list[str]:
    """Return the columns of classes: text, booleans, or a few distinct whole numbers."""
    columns = []
    for name in y.columns:
        if _holds_classes(y[name].dropna()):
            columns.append(name)
    return columns


def _holds_classes(labels: pd.Series) -> bool:
    if not len(labels):
        return False
    if pd.api.types.is_bool_dtype(labels) or not pd.api.types.is_numeric_dtype(labels):
        return True
    numbers = labels.to_numpy(dtype=np.float64)
    return (
        bool((np.mod(numbers, 1) == 0).all()) and len(np.unique(numbers)) <= MAX_CLASSES
    )


def strata(
    y: pd.DataFrame, at_least: int, n_parts: int
) -> tuple[NDArray[np.int64] | None, str]:
    """Return the strata of a random split, and a note if they are coarser than the classes.

    Parameters
    ----------
    y : DataFrame
        Labels; a missing label is a class of its own.
    at_least : int
        Minimum number of rows per stratum.
    n_parts : int
        Number of rows of the smaller set: it must have room for every stratum.

    Returns
    -------
    codes : ndarray of int64, shape (n_rows,), or None
        The combination of all tasks with classes; if that is too fine, the task with the rarest
        class; that task with its small classes merged; or None.
    note : str
    """
    names = class_columns(y)
    if not names:
        return None, ""
    codes = pd.DataFrame(
        {name: pd.factorize(y[name], use_na_sentinel=True)[0] for name in names}
    )
    combined = codes.groupby(names).ngroup().to_numpy()

    def fits(one: np.ndarray) -> bool:
        counts = np.bincount(one + 1)
        counts = counts[counts > 0]
        return bool(counts.min() >= at_least) and len(counts) <= n_parts

    if fits(combined):
        return combined.astype(np.int64), ""
    rarest = sorted(names, key=lambda name: int(y[name].value_counts().min()))
    for name in rarest:
        if fits(codes[name].to_numpy()):
            note = f"The random split is stratified by {name!r} only; more would be too fine."
            return codes[name].to_numpy(dtype=np.int64), note
    for name in rarest:
        merged = _merged(codes[name].to_numpy(), at_least)
        if fits(merged) and len(np.unique(merged)) > 1:
            return merged.astype(np.int64), (
                f"Classes of {name!r} with fewer than {at_least} "
                "rows are one stratum of the random split."
            )
    note = f"The random split is not stratified: a class of {names} has under {at_least} rows."
    return None, note


def _merged(codes: NDArray[np.int64], at_least: int) -> NDArray[np.int64]:
    """Join the strata that are too small; if they still are, they join the largest stratum."""
    counts = np.bincount(codes + 1)
    small = counts[codes + 1] < at_least
    if small.sum() >= at_least:
        rest = len(counts)
    else:
        rest = int(counts.argmax()) - 1
    return np.where(small, rest, codes)


def choose_groups(
    codes: NDArray[np.int64], y: pd.DataFrame, fraction: float, random_state: int | None
) -> NDArray[np.int64]:
    """Draw whole groups to hold out, with samples, labels and classes in proportion.

    A fixed number of random orders of the groups are each cut where the share of samples is
    closest to `fraction`. The best one has the fewest tasks or classes missing from the rest, then
    the fewest missing from a set, and then the shares (of samples, of the labels of a task, of a
    class) closest to `fraction`.

    Parameters
    ----------
    codes : ndarray of int64, shape (n_samples,)
        Group of each sample, 0 to n_groups - 1.
    y : DataFrame, n_samples rows
    fraction : float
    random_state : int, optional

    Returns
    -------
    ndarray of int64
        The groups to hold out: at least one, and not all.
    """
    counts = _counts(codes, y)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    rng = np.random.default_rng(random_state)
    best = np.zeros(0, np.int64)
    least = (np.inf, np.inf, np.inf)
    for _ in range(N_DRAWS):
        order = rng.permutation(len(counts))
        held = np.cumsum(shares[order, 0])[:-1]
        n_held = int(np.abs(held - fraction).argmin()) + 1
        share = shares[order[:n_held]].sum(axis=0)
        off = (
            float(np.isclose(share, 1).sum()),
            float(np.isclose(share % 1, 0).sum()),
            float(((share - fraction) ** 2).sum()),
        )
        if off < least:
            best, least = np.sort(order[:n_held]), off
    return _without_only_ones(best, counts)


def _without_only_ones(
    held_out: NDArray[np.int64], counts: np.ndarray
) -> NDArray[np.int64]:
    """Give groups back until the rest has all tasks and classes, while any group is left."""
    for column in counts.T:
        places = held_out[column[held_out] > 0]
        is_lost = column.sum() > 0 and column[places].sum() == column.sum()
        if is_lost and len(held_out) > 1:
            smallest = places[counts[places, 0].argmin()]
            held_out = held_out[held_out != smallest]
    return held_out


def _counts(codes: NDArray[np.int64], y: pd.DataFrame) -> np.ndarray:
    """Count samples, labelled rows per task and rows per class; one row per group."""
    indicators = [pd.Series(np.ones(len(codes)))]
    for name in y.columns:
        indicators.append(y[name].notna().reset_index(drop=True).astype(float))
    for name in class_columns(y):
        labels = pd.Series(pd.factorize(y[name])[0])
        for code in range(labels.max() + 1):
            indicators.append((labels == code).astype(float))
    counts: np.ndarray = pd.concat(indicators, axis=1).groupby(codes).sum().to_numpy()
    return counts
