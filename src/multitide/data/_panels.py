"""Series in the tables of sktime and aeon: one row per step, or one cell per series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from multitide.errors import DataError


class Panel(NamedTuple):
    """The series of a table.

    Attributes
    ----------
    series : list of ndarray, each of shape (n_channels, n_timepoints_i)
    channels : tuple of str
    """

    series: list[np.ndarray]
    channels: tuple[str, ...]


def panel_of(X: object) -> Panel | None:
    """Return the series of a table in one of two conventions; None for anything else.

    Parameters
    ----------
    X : object
        "pd-multiindex": a DataFrame whose index has two levels, the series and the time, with a
        column per channel. "nested": a DataFrame with a row per series and a column per channel,
        whose cells are Series or arrays.

    Raises
    ------
    DataError
        If the channels of a series differ in length, or a series comes in several pieces.
    """
    if not isinstance(X, pd.DataFrame) or not len(X) or not X.shape[1]:
        return None
    channels = tuple(map(str, X.columns))
    if X.index.nlevels == 2:
        return Panel(_by_index(X), channels)
    if all(isinstance(cell, (pd.Series, np.ndarray)) for cell in X.iloc[0]):
        return Panel(_of_cells(X), channels)
    return None


def _by_index(X: pd.DataFrame) -> list[np.ndarray]:
    codes, ids = pd.factorize(X.index.get_level_values(0))
    if (np.diff(codes) < 0).any():
        back = ids.tolist()[codes[int(np.flatnonzero(np.diff(codes) < 0)[0]) + 1]]
        raise DataError(
            "`X` must hold the rows of a series together; "
            f"series {back!r} comes again. Use X.sort_index()."
        )
    bounds = np.flatnonzero(np.diff(codes)) + 1
    return [part.T for part in np.split(X.to_numpy(), bounds)]


def _of_cells(X: pd.DataFrame) -> list[np.ndarray]:
    series = []
    for place, row in enumerate(X.itertuples(index=False, name=None)):
        lengths = sorted({len(cell) for cell in row})
        if len(lengths) > 1:
            raise DataError(
                "`X` must have channels of the same length in each series; "
                f"got {lengths} in row {place}. Fill the shorter ones with NaN."
            )
        series.append(np.stack([np.asarray(cell) for cell in row]))
    return series
