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
    codes, found = pd.factorize(pd.Series(samples.series[rows]))
    if len(found) < FEW_RECORDINGS:
        codes = np.arange(len(rows)) * N_BLOCKS // max(len(rows), 1)
    return np.asarray(codes, dtype=np.int64)
