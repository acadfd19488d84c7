"""Checks of the arrays that become samples."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence, Sized
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from multitide._checks import a_kind
from multitide.data._plain_columns import plain_column
from multitide.data._series_view import SeriesView
from multitide.errors import DataError, MultitideWarning

logger = logging.getLogger("multitide")
FLOAT32_MAX = np.finfo(np.float32).max


def warn_of_swapped_axes(blocks: list[np.ndarray]) -> None:
    """Warn if the axes look like (n_samples, n_timepoints, n_channels)."""
    n_channels, n_timepoints = blocks[0].shape
    are_alike = all(block.shape == blocks[0].shape for block in blocks)
    if n_channels > 2 * n_timepoints > 2 and are_alike:
        warnings.warn(
            "`X` must have shape (n_samples, "
            "n_channels, n_timepoints); "
            f"got {n_channels} channels of "
            f"only {n_timepoints} time points. "
            "If these are the other way "
            "round, use X.transpose(0, 2, 1).",
            MultitideWarning,
            stacklevel=3,
        )


def as_blocks(X: object) -> list[np.ndarray]:
    """Return the series as a list of (n_channels, n_timepoints_i), or refuse with the remedy."""
    if isinstance(X, SeriesView):
        return list(np.asarray(X))
    if isinstance(X, (list, tuple)) and _holds_matrices(X):
        return _with_equal_channels([_as_array(block) for block in X])
    array = _as_array(X)
    if array.ndim == 2:
        array = _as_vectors(array)
    if array.ndim != 3:
        raise DataError(
            "`X` must have shape (n_samples, "
            "n_channels, n_timepoints), or (n_samples, n_features) for vectors; "
            f"got a {array.ndim}-D array of shape {array.shape}. "
            "Reshape your data: X.reshape(-1, 1) for one number per sample."
        )
    if 0 in array.shape:
        raise DataError(f"`X` must not be empty; got shape {array.shape}.")
    return list(array)


def _as_vectors(array: np.ndarray) -> np.ndarray:
    """Return vectors as series of one step."""
    logger.info(
        "`X` is 2-D: %d vectors of %d numbers. Series of one channel are X[:, None, :].",
        *array.shape,
    )
    return array[:, :, None]


def _as_array(values: object) -> np.ndarray:
    """Return an array; masked values and None are NaN, and objects that are numbers are."""
    if isinstance(values, np.ma.MaskedArray) and values.mask.any():
        dtype = np.result_type(values.dtype, np.float32)
        return np.where(values.mask, np.nan, values.data).astype(dtype)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(
            "`X` must be an array (n_samples, "
            "n_channels, n_timepoints), or a list "
            "of arrays (n_channels, n_timepoints); "
            f"got a {type(values).__name__} "
            f"of other shapes ({error})."
        ) from error
    if array.dtype.kind != "O":
        return array
    column = plain_column(pd.Series(array.ravel(), dtype="object"))
    if not pd.api.types.is_numeric_dtype(column):
        return array
    numbers: np.ndarray = column.to_numpy(np.float64, na_value=np.nan)
    return numbers.reshape(array.shape)


def _holds_matrices(blocks: Sequence[ArrayLike]) -> bool:
    return len(blocks) > 0 and all(np.ndim(block) == 2 for block in blocks)


def _with_equal_channels(blocks: list[np.ndarray]) -> list[np.ndarray]:
    numbers = sorted({block.shape[0] for block in blocks})
    if len(numbers) > 1:
        raise DataError(
            f"`X` must have the same number of channels in every series; got {numbers}."
        )
    return blocks


def check_arrays(
    blocks: list[np.ndarray],
    channels: tuple[str, ...],
    y: pd.DataFrame | None,
    static: pd.DataFrame | None,
    series: Sequence[object] | None,
    time: Sequence[object] | None,
) -> None:
    """Raise one error that lists every problem of the arrays."""
    problems = _channel_problems(blocks[0], channels)
    rows = {"y": y, "static": static, "series": series, "time": time}
    for name, values in rows.items():
        if values is None:
            continue
        if not isinstance(values, Sized):
            problems.append(
                f"`{name}` must have one row per sample; got {a_kind(values)}."
            )
        elif len(values) != len(blocks):
            problems.append(
                f"`{name}` must have one row per sample; "
                f"got {len(values)} rows for {len(blocks)} samples."
            )
    if time is not None:
        n_dimensions = _n_dimensions(time)
        if n_dimensions != 1:
            problems.append(
                f"`time` must have one entry per sample; got {n_dimensions} dimensions."
            )
    problems += _value_problems(blocks)
    if problems:
        raise DataError("\n".join(problems))


def _n_dimensions(values: object) -> int:
    try:
        return np.ndim(cast(ArrayLike, values))
    except ValueError:  # rows of several lengths
        return 2


def _channel_problems(first: np.ndarray, channels: tuple[str, ...]) -> list[str]:
    problems = []
    n_channels, n_timepoints = first.shape
    if len(channels) != n_channels:
        if len(channels) == n_timepoints:
            swapped = " Its axes look swapped: use X.transpose(0, 2, 1)."
        else:
            swapped = ""
        problems.append(
            f"`channels` must name all {n_channels} channels of `X`; "
            f"got {len(channels)} names.{swapped}"
        )
    if len(set(channels)) != len(channels):
        problems.append(
            f"`channels` must differ from each other; got {list(channels)}."
        )
    return problems


def _value_problems(blocks: list[np.ndarray]) -> list[str]:
    n_infinite = 0
    for block in blocks:
        if block.dtype.kind not in "fiub":
            return [f"`X` must hold numbers; got dtype {block.dtype}."]
        n_infinite += int((np.abs(block) > FLOAT32_MAX).sum())
    if n_infinite:
        return [
            "`X` must be finite or NaN; "
            f"got {n_infinite} infinite values. "
            "Use NaN for missing values."
        ]
    return []
