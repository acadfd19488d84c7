"""What identifies a published table: for each column, the number of values and their sum."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

# Relative, of sums that are not whole: float32 sums differ from those of the published decimals.
TOLERANCE = 1e-6
WHOLE_TOLERANCE = 0.01  # absolute, of whole sums

Fingerprint: TypeAlias = Mapping[str, tuple[int, float]]


def fingerprint(table: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """Return the number of values of each column and their sum; of texts, of their CRC-32."""
    marks = {}
    for name, column in table.items():
        known = column.dropna()
        numbers = known
        if not pd.api.types.is_numeric_dtype(known):
            numbers = known.map(lambda text: zlib.crc32(str(text).encode()))
        marks[str(name)] = (len(known), float(numbers.astype(np.float64).sum()))
    return marks


def fingerprint_of_sums(
    n_rows: int, sums: Mapping[str, float], n_missing: Mapping[str, int] | None = None
) -> Fingerprint:
    """Return the fingerprint of a table from the sums of its columns.

    Parameters
    ----------
    n_rows : int
    sums : dict of str to float
    n_missing : dict of str to int, optional
        Number of missing values of the columns that have any.
    """
    missing = n_missing or {}
    pairs = {}
    for name, total in sums.items():
        pairs[name] = (n_rows - missing.get(name, 0), float(total))
    return pairs


def differences(found: Fingerprint, known: Fingerprint) -> Iterator[str]:
    """Yield one sentence for every difference between two fingerprints of a table."""
    if list(found) != list(known):
        yield f"must have the columns {list(known)}; got {list(found)}."
        return
    for column, (n_known, total) in known.items():
        n_found, sum_found = found[column]
        if total.is_integer():
            tolerance = WHOLE_TOLERANCE
        else:
            tolerance = TOLERANCE * abs(total)
        if n_found != n_known:
            yield f"must have {n_known} values of {column!r}; got {n_found}."
        elif abs(sum_found - total) > tolerance:
            yield f"must have {column!r} sum to {total}; got {sum_found}."
