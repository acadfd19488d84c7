"""The recording of each row, for statistics that draw or judge whole recordings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples

FEW_RECORDINGS = 10
N_BLOCKS = 20


def recordings_of_rows(samples: Samples, rows: np.ndarray) -> np.ndarray:
    """Return the number of the recording of each row, int64 (n_rows,).

    If there are few recordings, blocks of neighbouring rows take their place.
    """
    return _numbered(samples.series[rows])


def units_of_rows(samples: Samples, rows: np.ndarray) -> np.ndarray:
    """Return what each row belongs to, (n_rows,): the group of a split by group, or the series."""
    names = samples.series if samples.unit is None else samples.unit
    units: np.ndarray = names[rows]
    return units


def numbered_units(samples: Samples, rows: np.ndarray) -> np.ndarray:
    """Return `units_of_rows` as numbers, int64 (n_rows,); blocks if they are few."""
    return _numbered(units_of_rows(samples, rows))


def _numbered(names: np.ndarray) -> np.ndarray:
    codes, found = pd.factorize(pd.Series(names))
    if len(found) < FEW_RECORDINGS:
        codes = np.arange(len(names)) * N_BLOCKS // max(len(names), 1)
    return np.asarray(codes, dtype=np.int64)
