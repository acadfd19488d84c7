"""Folds as scikit-learn's functions take them: pairs of rows to train and to test on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import cast

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._split import Index, Split


def as_samples(X: object, y: object, groups: object) -> Samples:
    """Return samples with these labels and groups; their series are of no interest."""
    if isinstance(X, Samples):
        samples = X
    else:
        samples = Samples.from_arrays(np.zeros((len(cast("Sized", X)), 1, 1)))
    if y is not None:
        samples = samples.replace(y=pd.DataFrame(y).reset_index(drop=True))
    if groups is not None:
        samples = samples.replace(series=np.asarray(groups))
    return samples


def pairs_of(splits: Iterable[Split]) -> Iterator[tuple[Index, Index]]:
    """Yield the rows to train and to test on; what fits holds out its own validation set."""
    for split in splits:
        yield split.train, split.test
