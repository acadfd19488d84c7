"""The one noun of the data floor: samples, as a view of long tables of numbers.

Every recording lies in one long array ``values`` (n_rows, n_channels), and a sample is a start and
a length in it. So a million overlapping windows cost two integers each, and equal windows, whole
series and series of unequal length are one thing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from multitide._notebook import facts, panel, table
from multitide.data._timestamps import parse_time
from multitide.errors import DataError, MultitideWarning

MOST_SHOWN = 12  # channels, in a notebook
FLOAT32_MAX = np.finfo(np.float32).max


@dataclass(frozen=True, repr=False)
class Samples:
    """Multivariate time series with their labels; what every floor of multitide passes on.

    Make one with :func:`multitide.read_table` or :meth:`Samples.from_arrays`. ``samples[index]`` is
    a part of it (an int array, a bool mask or a slice), without a copy of the series.

    Attributes
    ----------
    values : ndarray of float32, shape (n_rows, n_channels)
        All recordings one after another; NaN for missing values.
    starts, lengths : ndarray of int64, shape (n_samples,)
        Where each sample begins in `values`, and its number of steps.
    channels : tuple of str
        Names of the channels.
    y : DataFrame, n_samples rows
        One column per task; NaN, None and blanks are missing labels. RangeIndex.
    static : DataFrame or None
        Inputs of the whole sample.
    series : ndarray, shape (n_samples,)
        The recording that each sample comes from (an id of the user's, or the sample's number).
    time : ndarray or None, shape (n_samples,)
        Time stamp of each sample's last step.
    begin, finish : ndarray or None, shape (n_samples,)
        First and last time stamp that a sample touches, its labels' leads included; splits by time
        purge with them.
    extra : DataFrame or None
        Other columns kept for each sample (the one that a split by column reads).
    categories : dict of str to tuple
        For a channel of categories, its categories; `values` holds their codes (0, 1, ...).
    reading : dict or None
        How a table was read (plain JSON values), stored with a model so that `predict` reads alike.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    channels: tuple[str, ...]
    y: pd.DataFrame
    series: np.ndarray
    static: pd.DataFrame | None = None
    time: np.ndarray | None = None
    begin: np.ndarray | None = None
    finish: np.ndarray | None = None
    extra: pd.DataFrame | None = None
    categories: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    reading: dict[str, Any] | None = None

    @classmethod
    def from_arrays(
        cls,
        X: np.ndarray | Sequence[np.ndarray],
        y: pd.DataFrame | None = None,
        *,
        static: pd.DataFrame | None = None,
        series: Sequence[Any] | None = None,
        time: Sequence[Any] | None = None,
        channels: Sequence[str] | None = None,
    ) -> Samples:
        """Make samples from arrays.

        Parameters
        ----------
        X : array, shape (n_samples, n_channels, n_timepoints), or list of arrays
            The series; NaN for missing values. A list holds one array (n_channels, n_timepoints)
            per series; their lengths may differ.
        y : DataFrame, n_samples rows, optional
            One column per task.
        static : DataFrame, n_samples rows, optional
            Inputs of the whole sample.
        series : sequence, n_samples entries, optional
            Group of each sample (machine, patient, run), kept whole by splits by group.
        time : sequence, n_samples entries, optional
            Time stamp of each sample, for splits by time.
        channels : sequence of str, optional
            Names of the channels; "0", "1", ... when not given.

        Raises
        ------
        DataError
            With every problem found: wrong shape, infinite values, lengths that do not fit.
        """
        blocks = _as_blocks(X)
        lengths = np.array([block.shape[1] for block in blocks], dtype=np.int64)
        n_channels = blocks[0].shape[0]
        if channels is not None:
            names = tuple(str(c) for c in channels)
        else:
            names = tuple(map(str, range(n_channels)))
        _check_arrays(blocks, names, y, static, series, time)
        values = np.concatenate(
            [np.asarray(block, dtype=np.float32).T for block in blocks]
        )
        if time is None:
            stamps = None
        else:
            stamps = parse_time(pd.DataFrame({"time": np.asarray(time)}), ["time"])[0]
        _warn_of_order(blocks)
        return cls(
            values=np.ascontiguousarray(values),
            starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
            lengths=lengths,
            channels=names,
            y=pd.DataFrame(index=pd.RangeIndex(len(blocks)))
            if y is None
            else _named(y),
            series=np.arange(len(blocks)) if series is None else np.asarray(series),
            static=None if static is None else _named(static),
            time=stamps,
            begin=stamps,
            finish=stamps,
        )

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: Any) -> Self:
        rows = np.atleast_1d(np.arange(len(self))[index])
        changes: dict[str, Any] = {}
        for name in ("starts", "lengths", "series", "time", "begin", "finish"):
            if getattr(self, name) is None:
                changes[name] = None
            else:
                changes[name] = getattr(self, name)[rows]
        for name in ("y", "static", "extra"):
            frame = getattr(self, name)
            if frame is None:
                changes[name] = None
            else:
                changes[name] = frame.iloc[rows].reset_index(drop=True)
        return dataclasses.replace(self, **changes)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.values.shape[1]

    @property
    def n_timepoints(self) -> int:
        """Number of steps of the longest sample."""
        if len(self):
            return int(self.lengths.max())
        return 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_samples, n_channels, n_timepoints), as if the series were one array."""
        return len(self), self.n_channels, self.n_timepoints

    @property
    def equal_lengths(self) -> bool:
        """Whether all samples have the same number of steps."""
        return bool((self.lengths == self.n_timepoints).all())

    @property
    def X(self) -> SeriesView:
        """The series as a lazy array, shape (n_samples, n_channels, n_timepoints)."""
        return SeriesView(self)

    def gather(self, index: Any) -> np.ndarray:
        """Return some samples as float32 (n_selected, n_channels, n_timepoints).

        Values after the last step of a sample are NaN.
        """
        rows = np.atleast_1d(np.arange(len(self))[index])
        steps = np.arange(self.n_timepoints)
        inside = steps < self.lengths[rows, None]
        positions = np.where(inside, self.starts[rows, None] + steps, 0)
        return np.where(inside[:, :, None], self.values[positions], np.nan).transpose(
            0, 2, 1
        )

    def joined(self, other: Self) -> Self:
        """Return the samples of both, these first; series of the same table are not copied.

        Raises
        ------
        DataError
            If the channels differ.
        """
        if self.channels != other.channels or self.categories != other.categories:
            raise DataError(
                f"`channels` must be {list(self.channels)} in both; got {list(other.channels)}."
            )
        same = self.values is other.values
        if same:
            shift = 0
        else:
            shift = len(self.values)
        changes: dict[str, Any] = {
            "values": self.values
            if same
            else np.concatenate([self.values, other.values]),
            "starts": np.concatenate([self.starts, other.starts + shift]),
        }
        for name in ("lengths", "series", "time", "begin", "finish"):
            pair = [getattr(self, name), getattr(other, name)]
            if any(array is None for array in pair):
                changes[name] = None
            else:
                changes[name] = np.concatenate(pair)
        for name in ("y", "static", "extra"):
            frames = [getattr(self, name), getattr(other, name)]
            if any(frame is None for frame in frames):
                changes[name] = None
            else:
                changes[name] = pd.concat(frames, ignore_index=True)
        return dataclasses.replace(self, **changes)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes replaced."""
        return dataclasses.replace(self, **changes)

    def __repr__(self) -> str:
        """Return sizes and numbers of labels; arrays would fill the screen."""
        labels = ", ".join(f"{name} {n:,}" for name, n in self.y.notna().sum().items())
        return f"<Samples: {self._size}; labelled: {labels or 'nothing'}>"

    @property
    def _size(self) -> str:
        return f"{len(self):,} samples, {self.n_channels} channels, up to {self.n_timepoints} steps"

    def _repr_html_(self) -> str:
        """Return what notebooks show: sizes, channels, and how many labels there are."""
        names = ", ".join(map(str, self.channels[:MOST_SHOWN]))
        more = len(self.channels) - MOST_SHOWN
        says = {
            "channels": f"{names}, and {more} more" if more > 0 else names,
            "series": len(pd.unique(self.series)),
        }
        if self.static is not None and self.static.shape[1]:
            says["static inputs"] = ", ".join(map(str, self.static))
        counts = (
            (name, self.y[name].notna().sum(), self.y[name].nunique())
            for name in self.y
        )
        labels = []
        for name, n, distinct in counts:
            labels.append(
                {
                    "labels": name,
                    "labelled": f"{n:,}",
                    "missing": f"{len(self) - n:,}",
                    "distinct": f"{distinct:,}",
                }
            )
        return panel(self._size, facts(says), table(labels))

    def fingerprint(self) -> str:
        """Return a short hash of the series and labels, so that a run can say which data it saw."""
        digest = hashlib.sha256()
        for array in (self.values, self.starts, self.lengths):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr(self.channels).encode())
        for frame in (self.y, self.static):
            if frame is not None and frame.shape[1]:
                digest.update(frame.astype(str).to_csv(index=False).encode())
        return digest.hexdigest()[:16]


class SeriesView:
    """The series of :class:`Samples` as a lazy array: it copies only what is indexed."""

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_samples, n_channels, n_timepoints)."""
        return self._samples.shape

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: Any) -> np.ndarray:
        if isinstance(index, tuple):
            rows, rest = (index[0], index[1:])
        else:
            rows, rest = (index, ())
        block = self._samples.gather(rows)
        if np.ndim(np.arange(len(self))[rows]) == 0:
            block = block[0]
        if not rest:
            return block
        if block.ndim == 3:
            return block[(slice(None), *rest)]
        return block[rest]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._samples.gather(slice(None)).astype(dtype or self.dtype, copy=False)


def _named(frame: Any) -> pd.DataFrame:
    """Return a frame with text column names and a RangeIndex."""
    frame = pd.DataFrame(frame)
    return frame.set_axis(
        [str(column) for column in frame.columns], axis=1
    ).reset_index(drop=True)


def _warn_of_order(blocks: list[np.ndarray]) -> None:
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


def _as_blocks(X: Any) -> list[np.ndarray]:
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


def _check_arrays(
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
