"""Samples: labelled time series, stored as a view of one long array.

All recordings are in one array ``values`` (n_rows, n_channels). A sample is a start and a length
in it, so an overlapping window costs only two integers. Windows of equal length, whole series and
series of unequal length are stored in the same way.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from multitide._checks import check_type, counted, named_values
from multitide._notebook import facts, panel, table
from multitide.data._arrays import as_blocks, check_arrays, warn_of_swapped_axes
from multitide.data._blocks import blocks_of
from multitide.data._calendar import with_calendar
from multitide.data._numerals import plain_inputs, plain_labels
from multitide.data._precision import as_values
from multitide.data._series_view import Rows, SeriesView
from multitide.data._time_format import check_time_format
from multitide.data._timestamps import parse_time
from multitide.data._to_pandas import to_pandas
from multitide.data._weights import as_weights, joined_weights
from multitide.errors import DataError, ParameterError

logger = logging.getLogger("multitide")

MOST_SHOWN = 12  # channels, in a notebook
PER_SAMPLE = ("lengths", "series", "unit", "time", "begin", "finish")  # arrays


@dataclass(frozen=True, repr=False)
class Samples:
    """Multivariate time series with their labels.

    Make one with :func:`multitide.read_table` or :meth:`Samples.from_arrays`. ``samples[index]``
    selects samples (with an int array, a bool mask or a slice) without copying the series.

    Attributes
    ----------
    values : ndarray of float32, shape (n_rows, n_channels)
        All recordings one after another; NaN for missing values. float64 if float32 cannot hold
        how a channel varies (2e9 plus or minus 1). Mapped from a file, read-only, if
        :func:`multitide.read_table` has a `store`.
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
    unit : ndarray or None, shape (n_samples,)
        What a split by group keeps whole, if that is not the series.
    time : ndarray or None, shape (n_samples,)
        Time stamp of each sample's last step.
    begin, finish : ndarray or None, shape (n_samples,)
        First and last time stamp that a sample covers, including the leads of its labels. Splits by
        time purge with them.
    extra : DataFrame or None
        Other columns kept per sample, such as the one that a split by column reads.
    categories : dict of str to tuple
        For a channel of categories, its categories; `values` holds their codes (0, 1, ...).
    reading : dict or None
        How the table was read (plain JSON values), stored with a model so that `predict` reads
        tables in the same way.
    left_out : DataFrame or None
        The rows of the table that are in no sample: ``why``, ``series``, ``rows`` (their number),
        and the time (or the place in the series) of the ``first`` and the ``last``. Rows between
        windows, which a stride longer than the window skips, are not listed.
    weights : DataFrame or None
        How much each sample counts: a column per task, or one named "" for the tasks without their
        own. None: all count alike.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    channels: tuple[str, ...]
    y: pd.DataFrame
    series: np.ndarray
    static: pd.DataFrame | None = None
    unit: np.ndarray | None = None
    time: np.ndarray | None = None
    begin: np.ndarray | None = None
    finish: np.ndarray | None = None
    extra: pd.DataFrame | None = None
    categories: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    reading: dict[str, Any] | None = None
    left_out: pd.DataFrame | None = None
    weights: pd.DataFrame | None = None

    @classmethod
    def from_arrays(
        cls,
        X: np.ndarray | Sequence[np.ndarray],
        y: pd.DataFrame | None = None,
        *,
        static: pd.DataFrame | None = None,
        series: Sequence[object] | None = None,
        time: Sequence[object] | None = None,
        time_format: str | None = None,
        channels: Sequence[str] | None = None,
        calendar: str | Sequence[str] = (),
        weights: pd.DataFrame | Sequence[float] | None = None,
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
        time_format : str, optional
            How times of text are written, as in ``strptime``: ``"%d.%m.%y %H:%M"``. Needed only
            where they do not decide it.
        channels : sequence of str, optional
            Names of the channels; "0", "1", ... when not given.
        calendar : sequence of {"hour", "weekday", "month", "day_of_year"}
            Cycles whose sine and cosine at the time of each sample become static inputs.
        weights : sequence of n_samples numbers, or DataFrame, optional
            How much each sample counts in training and evaluation, for all tasks, or with a column
            per task.

        Raises
        ------
        DataError
            With every problem found: wrong shape, infinite values, lengths that do not fit.
            Also if `calendar` is given and the times are no dates.
        """
        y, static = to_pandas(y, "y"), to_pandas(static, "static")
        series = cast("Sequence[object] | None", to_pandas(series, "series"))
        time = cast("Sequence[object] | None", to_pandas(time, "time"))
        blocks = as_blocks(X)
        lengths = np.array([block.shape[1] for block in blocks], dtype=np.int64)
        n_channels = blocks[0].shape[0]
        if channels is not None:
            check_type("channels", channels, Iterable, "Give a list of names.")
            names = tuple(map(str, channels))
        else:
            names = tuple(map(str, range(n_channels)))
        check_arrays(blocks, names, y, static, series, time)
        values = as_values(np.concatenate([block.T for block in blocks]))
        stamps = _stamps(time, time_format)
        warn_of_swapped_axes(blocks)
        if static is not None:
            static = _named(plain_inputs(pd.DataFrame(static)))
        static = with_calendar(static, calendar, stamps, names)
        if weights is not None:
            weights = as_weights(weights, len(blocks), "weights")
        return cls(
            values=np.ascontiguousarray(values),
            starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
            lengths=lengths,
            channels=names,
            y=pd.DataFrame(index=pd.RangeIndex(len(blocks)))
            if y is None
            else _named(plain_labels(pd.DataFrame(y))),
            series=np.arange(len(blocks)) if series is None else np.asarray(series),
            static=static,
            time=stamps,
            begin=stamps,
            finish=stamps,
            weights=weights,
        )

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: Rows) -> Self:
        rows = np.atleast_1d(np.arange(len(self))[index])
        changes: dict[str, Any] = {}
        for name in ("starts", *PER_SAMPLE):
            if getattr(self, name) is None:
                changes[name] = None
            else:
                changes[name] = getattr(self, name)[rows]
        for name in ("y", "static", "extra", "weights"):
            frame = getattr(self, name)
            if frame is None:
                changes[name] = None
            else:
                changes[name] = frame.iloc[rows].reset_index(drop=True)
        return dataclasses.replace(self, **changes)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.values.shape[1])

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

    def gather(self, index: Rows) -> np.ndarray:
        """Return some samples, in the dtype of `values` (n_selected, n_channels, n_timepoints).

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
                f"`channels` must be {list(self.channels)} in both; "
                f"got {list(other.channels)}."
            )
        if self.values is other.values:
            values, shift = self.values, 0
        else:
            values = np.concatenate([self.values, other.values])
            shift = len(self.values)
        starts = np.concatenate([self.starts, other.starts + shift])
        changes: dict[str, Any] = {"values": values, "starts": starts}
        for name in (*PER_SAMPLE, "y", "static", "extra"):
            changes[name] = _joined(getattr(self, name), getattr(other, name))
        changes["weights"] = joined_weights([self, other])
        return dataclasses.replace(self, **changes)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes replaced."""
        return dataclasses.replace(self, **changes)

    def __repr__(self) -> str:
        """Return sizes and numbers of labels; arrays would fill the screen."""
        labels = named_values(self.y.notna().sum().to_dict(), ",")
        return f"<Samples: {self._size}; labelled: {labels or 'nothing'}>"

    @property
    def _size(self) -> str:
        sizes = counted(len(self), "sample"), counted(self.n_channels, "channel")
        return f"{', '.join(sizes)}, up to {counted(self.n_timepoints, 'step')}"

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
        labels = []
        for name, column in self.y.items():
            labels.append(
                {
                    "labels": name,
                    "labelled": f"{column.notna().sum():,}",
                    "missing": f"{column.isna().sum():,}",
                    "distinct": f"{column.nunique():,}",
                }
            )
        return panel(self._size, facts(says), table(labels))

    def fingerprint(self) -> str:
        """Return a short hash of the series and labels, so that a run can say which data it saw."""
        digest = hashlib.sha256()
        for array in (self.values, self.starts, self.lengths):
            for block in blocks_of(array):
                digest.update(np.ascontiguousarray(block).data)
        digest.update(repr(self.channels).encode())
        for frame in (self.y, self.static, self.weights):
            if frame is not None and frame.shape[1]:
                digest.update(frame.astype(str).to_csv(index=False).encode())
        return digest.hexdigest()[:16]


def _stamps(
    time: Sequence[object] | None, time_format: str | None
) -> np.ndarray | None:
    """Return the time of each sample, if there are times, and log what was assumed."""
    if time_format is not None:
        check_time_format(time_format)
    if time is None:
        if time_format is not None:
            raise ParameterError(
                "`time_format` must only be given together with `time`; "
                f"got {time_format!r} alone."
            )
        return None
    times = parse_time(pd.DataFrame({"time": time}), ["time"], time_format=time_format)
    for note in times.notes:
        logger.info(note)
    return times.values


def _joined(
    first: np.ndarray | pd.DataFrame | None, second: np.ndarray | pd.DataFrame | None
) -> np.ndarray | pd.DataFrame | None:
    """Return the rows of both; None if one has none."""
    if first is None or second is None:
        return None
    if isinstance(first, pd.DataFrame):
        return pd.concat([first, second], ignore_index=True)
    return np.concatenate([first, second])


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with text column names and a RangeIndex."""
    return frame.set_axis(frame.columns.map(str), axis=1).reset_index(drop=True)
