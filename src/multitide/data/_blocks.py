"""Long arrays in blocks of rows, so that what is computed of them needs little memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK_VALUES = 2**22


def blocks_of(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in blocks of rows, about four million values each.

    Parameters
    ----------
    values : ndarray, shape (n_rows, ...)
    """
    per_row = max(1, int(np.prod(values.shape[1:])))
    size = max(1, BLOCK_VALUES // per_row)
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


def is_mapped(values: np.ndarray) -> bool:
    """Whether an array is mapped from a file for reading, and may be larger than memory."""
    return isinstance(values, np.memmap) and not values.flags.writeable
