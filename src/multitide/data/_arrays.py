"""Checks of the arrays that become samples."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from multitide.data._series_view import SeriesView
from multitide.errors import DataError, MultitideWarning

FLOAT32_MAX = np.finfo(np.float32).max


def warn_of_swapped_axes(blocks: list[np.ndarray]) -> None:
    """Warn if the axes look like (n_samples, n_timepoints, n_channels)."""
    n_channels, n_timepoints = blocks[0].shape
    if n_channels > 2 * n_timepoints > 2 and all(
        block.shape == blocks[0].shape for block in blocks
    ):
        warnings.warn(
            "`X` must have shape (n_samples, n_channels, n_timepoints); "
            f"got {n_channels} channels of only {n_timepoints} time points. "
            "If these are the other way round, use X.transpose(0, 2, 1).",
            MultitideWarning,
            stacklevel=3,
        )


def as_blocks(X: Any) -> list[np.ndarray]:
    """Return the series as a list of (n_channels, n_timepoints_i), or refuse with the remedy."""
    if isinstance(X, SeriesView):
        return list(np.asarray(X))
    if (
        isinstance(X, (list, tuple))
        and all(np.ndim(block) == 2 for block in X)
        and len(X)
    ):
        blocks = []
        for block in X:
            blocks.append(np.asarray(block))
        if len({block.shape[0] for block in blocks}) > 1:
            found = sorted({block.shape[0] for block in blocks})
            raise DataError(
                f"`X` must have the same number of channels in every series; got {found}."
            )
        return blocks
    array = np.asarray(X)
    if array.ndim != 3:
        if array.ndim == 2:
            hint = " For one channel use X[:, None, :]; for vectors use X[:, :, None]."
        else:
            hint = ""
        raise DataError(
            "`X` must have shape (n_samples, n_channels, n_timepoints); "
            f"got a {array.ndim}-D array of shape {array.shape}.{hint}"
        )
    if 0 in array.shape:
        raise DataError(f"`X` must not be empty; got shape {array.shape}.")
    return list(array)


def check_arrays(
    blocks: list[np.ndarray],
    channels: tuple[str, ...],
    y: pd.DataFrame | None,
    static: pd.DataFrame | None,
    series: Sequence[Any] | None,
    time: Sequence[Any] | None,
) -> None:
    """Raise one error that lists every problem of the arrays."""
    problems = []
    if len(channels) != blocks[0].shape[0]:
        if len(channels) == blocks[0].shape[1]:
            swapped = " Its axes look swapped: use X.transpose(0, 2, 1)."
        else:
            swapped = ""
        problems.append(
            f"`channels` must name all {blocks[0].shape[0]} channels of `X`; "
            f"got {len(channels)} names.{swapped}"
        )
    if len(set(channels)) != len(channels):
        problems.append(
            f"`channels` must differ from each other; got {list(channels)}."
        )
    for name, rows in (
        ("y", y),
        ("static", static),
        ("series", series),
        ("time", time),
    ):
        if rows is not None and len(rows) != len(blocks):
            problems.append(
                f"`{name}` must have one row per sample; "
                f"got {len(rows)} rows for {len(blocks)} samples."
            )
    if time is not None and np.ndim(time) != 1:
        problems.append(
            f"`time` must have one entry per sample; got {np.ndim(time)} dimensions."
        )
    if any(block.dtype.kind not in "fiub" for block in blocks):
        strange = next(
            block.dtype for block in blocks if block.dtype.kind not in "fiub"
        )
        problems.append(f"`X` must hold numbers; got dtype {strange}.")
    elif n_infinite := sum(
        int((np.abs(block) > FLOAT32_MAX).sum()) for block in blocks
    ):
        problems.append(
            f"`X` must be finite or NaN; got {n_infinite} infinite values. "
            "Use NaN for missing values."
        )
    if problems:
        raise DataError("\n".join(problems))
