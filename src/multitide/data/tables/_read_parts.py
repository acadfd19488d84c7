"""Read new data in parts, as the training data was read: constant memory for any length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data.tables._cut_samples import NoWindow
from multitide.data.tables._drop_rows import are_keyless
from multitide.data.tables._findings import Findings
from multitide.data.tables._folder import WHOLE_NUMBER
from multitide.data.tables._read_like import build_like
from multitide.data.tables._read_options import FileOptions, Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._row_order import MOVED
from multitide.data.tables._table_parts import table_parts
from multitide.errors import DataError

MOST_VALUES = 2_000_000  # cells of a part
SORT = "Sort the table by series and time, or predict it as a whole, to one file."


def read_parts(
    reading: Mapping[str, object],
    data: str | Path,
    *,
    labels: Table | None = None,
    last: bool = False,
    n_values: int | None = None,
    **written: Unpack[FileOptions],
) -> Iterator[Samples]:
    """Read a table as :func:`read_like` does, in parts that fit into memory.

    Together the parts have the samples of :func:`read_like`, in the same order, without labels. The
    rows must lie series after series, each in the order of time.

    Parameters
    ----------
    reading : dict
        From ``samples.reading`` of the training data.
    data : path
        A CSV or Parquet file, a folder of such files, or a pattern such as ``"runs/*.csv"``. Where
        each file was a series in training, it is one here.
    labels : path or DataFrame, optional
        A second table with one row per series, if it holds static inputs.
    last : bool, default=False
        Only the window that ends with the last row of each series.
    n_values : int, optional
        Number of cells of a part; two million by default. Whole series, and rows that are put on a
        grid (``every``), combined (``duplicates``) or left out (``missing_rows``), are read a
        series at a time.
    **written
        As in :func:`read_like`.

    Yields
    ------
    Samples
        Those of a part.

    Raises
    ------
    DataError
        As :func:`read_like`, and if the rows are not in order.

    Examples
    --------
    >>> import multitide as mt
    >>> model = mt.load("runs/first")  # doctest: +SKIP
    >>> for samples in mt.read_parts(model.data_[0].reading, "new/"):  # doctest: +SKIP
    ...     model.predict(samples)
    """
    known = replace(Reading.from_dict(reading), assumed=()).written(**written)
    if last:
        known = replace(known, stride=1)
    # What is read has no encoding any more.
    of_parts = replace(known, encoding=None, separator=None, sheet=None)
    parts = _Parts(of_parts, labels, last)
    for frame in table_parts(data, known, n_values or MOST_VALUES):
        yield from parts.add(frame)
    yield from parts.finish()


class _Parts:
    """The rows that are not in a sample yet, and the samples of those that come.

    A window may begin in one part and end in a later one. So the rows from the last window of an
    unfinished series on stay; the windows that follow are counted from it.

    Parameters
    ----------
    reading : Reading
        How the rows are read.
    labels : DataFrame or path, optional
        The second table.
    last : bool
        Whether only the last window of each series is wanted.
    """

    def __init__(self, reading: Reading, labels: Table | None, last: bool) -> None:
        self._reading, self._labels, self._last = reading, labels, last
        self._rest: list[pd.DataFrame] = []
        self._is_given = False  # whether the first window of the rest was yielded
        self._n_before = 0  # rows before the rest
        self._finished: set[object] = set()
        self._are_numbers: bool | None = None  # the ids of series in text files
        self._n_samples = 0
        self._problem = DataError("`data` must have at least one row; got none.")

    def add(self, frame: pd.DataFrame) -> Iterator[Samples]:
        """Yield the samples that are complete with these rows."""
        frame = self._with_ids(frame[~are_keyless(frame, self._reading)])
        if not len(frame):
            return
        if self._by_series and self._continues(frame):
            self._rest.append(frame)
            return
        rows = pd.concat([*self._rest, frame], ignore_index=True)
        begin = self._begin_of_last(rows)
        if self._by_series:
            self._rest = [rows.iloc[begin:]]
            if begin:
                yield from self._chosen(self._samples(rows.iloc[:begin]), begin)
            return
        samples = self._samples(rows)
        kept, was_given = begin, self._is_given
        self._is_given = False
        if samples is not None and (samples.starts >= begin).any():
            kept = int(samples.starts[-1])
            self._is_given = not self._last
        yield from self._chosen(samples, begin, was_given)
        self._rest = [rows.iloc[kept:]]
        self._n_before += kept

    def finish(self) -> Iterator[Samples]:
        """Yield the samples that are complete with the last row."""
        if self._rest and (self._by_series or self._last):
            rows = pd.concat(self._rest, ignore_index=True)
            yield from self._chosen(self._samples(rows), len(rows))
        if not self._n_samples:
            raise self._problem

    @property
    def _by_series(self) -> bool:
        """Whether a sample needs its whole series."""
        reading = self._reading
        changes_rows = reading.every is not None or reading.duplicates is not None
        if reading.layout == "vectors":
            return False
        return changes_rows or reading.window is None or reading.missing_rows == "drop"

    def _samples(self, rows: pd.DataFrame) -> Samples | None:
        """Return the samples of some rows; None if no window fits."""
        findings = Findings()
        try:
            samples = build_like(
                self._reading, rows, self._labels, findings, need_labels=False
            )
        except NoWindow as error:
            self._problem = error
            return None
        if any(note.startswith(MOVED) for note in findings.assumed):
            note = next(note for note in findings.assumed if note.startswith(MOVED))
            raise DataError(
                "`data` must be in the order of time to be read in parts; "
                f"it is not{note.removeprefix(MOVED)} {SORT}"
            )
        if samples.time is None or self._reading.time:
            return samples
        if self._reading.series is not None:  # a part with a single series of many
            return samples.replace(time=None, begin=None, finish=None)
        return samples.replace(time=samples.time + self._n_before)

    def _chosen(
        self, samples: Samples | None, begin: int, was_given: bool = False
    ) -> Iterator[Samples]:
        """Yield the samples that are wanted and have not been yielded.

        Parameters
        ----------
        samples : Samples or None
        begin : int
            The first row of a series that may go on.
        was_given : bool
            Whether the first sample was yielded before.
        """
        if samples is None:
            return
        chosen = np.arange(int(was_given), len(samples))
        if self._last:
            chosen = last_of_series(samples)
            chosen = chosen[samples.starts[chosen] < begin]
        if len(chosen):
            self._n_samples += len(chosen)
            yield samples[chosen]

    def _ids(self, rows: pd.DataFrame) -> np.ndarray:
        if self._reading.series is None:
            return np.zeros(len(rows), dtype=np.int64)
        ids: np.ndarray = rows[self._reading.series].to_numpy()
        return ids

    def _continues(self, frame: pd.DataFrame) -> bool:
        """Whether all rows belong to the series of the rest."""
        if not self._rest:
            return False
        return bool((self._ids(frame) == self._ids(self._rest[0])[0]).all())

    def _begin_of_last(self, rows: pd.DataFrame) -> int:
        """Return the first row of the last series; raise if a series comes in several pieces."""
        ids = self._ids(rows)
        begins = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        for place in begins:
            if ids[place] in self._finished:
                raise DataError(
                    "`data` must hold the rows of a series together to be read in parts; "
                    f"`{self._reading.series}` {ids[place]} comes again after another. "
                    f"{SORT}"
                )
            if place != begins[-1]:
                self._finished.add(ids[place])
        return int(begins[-1])

    def _with_ids(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the ids of a text file as whole numbers, if the first ones are written so."""
        name = self._reading.series
        if name is None or not len(frame):
            return frame
        ids = frame[name]
        whole = _are_whole(ids)
        if self._are_numbers is None:
            self._are_numbers = bool(whole.all())
        if not self._are_numbers:
            return frame
        if not whole.all():
            raise DataError(
                f"`{name}` must be written in one way to be read in parts; it begins with "
                f"whole numbers, and {ids[~whole].iloc[0]!r} comes later. {SORT}"
            )
        return frame.assign(**{name: ids.astype("int64")})


def last_of_series(samples: Samples) -> np.ndarray:
    """Return the numbers of the last sample of each series."""
    ends = np.append(samples.series[1:] != samples.series[:-1], True)
    return np.flatnonzero(ends)


def _are_whole(ids: pd.Series) -> pd.Series:
    """Return which texts are whole numbers without leading zeros; values of other types are not."""
    if pd.api.types.is_numeric_dtype(ids):
        return pd.Series(False, index=ids.index)
    whole: pd.Series = ids.astype("str").str.fullmatch(WHOLE_NUMBER)
    return whole
