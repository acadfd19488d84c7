"""Answer what users give by mistake in place of series or labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._to_pandas import to_pandas
from multitide.errors import DataError

SERIES = "`X` must be Samples or an array (n_samples, n_channels, n_timepoints)"


def refuse_other_series(X: object) -> None:
    """Raise if the series are a path, a table, nothing, or series together with labels."""
    X = to_pandas(X, "X")
    if isinstance(X, (str, Path)):
        raise DataError(
            f"{SERIES}; got the path {str(X)!r}. "
            "Read it with multitide.read_table(path)."
        )
    if isinstance(X, (pd.DataFrame, pd.Series)):
        columns = ""
        if isinstance(X, pd.DataFrame):
            columns = f" with the columns {list(map(str, X.columns[:5]))}"
        raise DataError(
            f"{SERIES}; "
            f"got a {type(X).__name__} of {len(X)} rows{columns}. "
            "Labels are the second argument. "
            "Read a table of one row per time step with "
            "multitide.read_table, and new data for a fitted model "
            "with multitide.read_like(estimator.reading_, table)."
        )
    if is_sparse(X):
        raise DataError(
            f"{SERIES}; got a sparse {type(X).__name__}, which is not supported. "
            "Use X.toarray()."
        )
    if X is None:
        raise DataError(f"{SERIES}; got None.")
    if isinstance(X, tuple) and any(isinstance(each, pd.DataFrame) for each in X):
        raise DataError(
            f"{SERIES}; got a tuple with labels. "
            "Give the series alone, and labels as "
            "the second argument where there is one."
        )


def labels_frame(y: object) -> pd.DataFrame:
    """Return labels as a DataFrame with text names, or refuse what are none."""
    if isinstance(y, Samples) or (isinstance(y, np.ndarray) and y.ndim > 2):
        shape = y.shape
        raise DataError(
            "`y` must be a DataFrame with one column per task; "
            f"got {type(y).__name__} of shape {shape}. "
            "`X` and `y` look swapped."
        )
    try:
        labels = pd.DataFrame(to_pandas(y, "y"))
    except ValueError as error:
        raise DataError(
            f"`y` must be a DataFrame with one column per task; got {y!r} ({error})."
        ) from error
    labels.columns = list(map(str, labels.columns))
    return labels


def is_sparse(X: object) -> bool:
    """Return whether it is a sparse array of SciPy, without an import of SciPy."""
    return type(X).__module__.startswith("scipy.sparse")
