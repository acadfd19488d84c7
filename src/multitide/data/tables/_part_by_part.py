"""Samples of a table that comes in parts: windows may begin in one part and end in a later one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data.tables._cut_samples import NoWindow
from multitide.data.tables._findings import Findings
from multitide.data.tables._folder import WHOLE_NUMBER
from multitide.data.tables._reading import Reading
from multitide.data.tables._row_order import MOVED
from multitide.errors import DataError

# Makes samples of rows; raises NoWindow if no window fits.
Build: TypeAlias = Callable[[pd.DataFrame, Findings], Samples]


@dataclass(frozen=True)
class Part:
    """The samples of some rows.

    Attributes
    ----------
    samples : Samples
        All that these rows make.
    new : ndarray of int64
        The numbers of those that no earlier part had.
    first_row : int
        Place of the first of `samples.values` among the values of the whole table.
    """

    samples: Samples
    new: np.ndarray
    first_row: int


class PartByPart:
    """The rows that are not in a sample yet, and the samples of those that come.

    The rows from the last window of an unfinished series on stay; the windows that follow are
    counted from it.

    Parameters
    ----------
    reading : Reading
        How the rows are read.
    build : callable
        Makes samples of rows.
    remedy : str
        What to do with a table that cannot be read in parts, as a sentence.
    last : bool, default=False
        Whether only the last window of each series is wanted.
    learns : bool, default=False
        Whether labels are wanted too: windows whose labels lie in rows to come wait for them.
    """

    def __init__(
        self,
        reading: Reading,
        build: Build,
        remedy: str,
        *,
        last: bool = False,
        learns: bool = False,
    ) -> None:
        self._reading, self._build, self._remedy = reading, build, remedy
        self._last, self._learns = last, learns
        self._lead = 0
        if learns:
            self._lead = max((task.lead for task in reading.tasks or ()), default=0)
        self._rest: list[pd.DataFrame] = []
        self._is_given = False  # whether the first window of the rest was yielded
        self._n_before = 0  # rows before the rest
        self._finished: set[object] = set()
        self._are_numbers: bool | None = None  # the ids of series in text files
        self._n_samples = 0
        self._problem = DataError("`data` must have at least one row; got none.")

    def add(self, frame: pd.DataFrame) -> Iterator[Part]:
        """Yield the samples that are complete with these rows."""
        frame = self._with_ids(frame)
        if not len(frame):
            return
        if self._by_series and self._continues(frame):
            self._rest.append(frame)
            return
        rows = pd.concat([*self._rest, frame], ignore_index=True)
        begin = self._begin_of_last(rows)
        if self._by_series:
            self._rest = [rows.iloc[begin:].copy()]
            if begin:
                yield from self._finished_series(rows.iloc[:begin])
            return
        samples = self._samples(rows)
        kept, was_given = begin, self._is_given
        self._is_given = False
        waiting = self._waiting(samples, begin, len(rows))
        if len(waiting):
            assert samples is not None
            kept = int(samples.starts[waiting[0]])
        elif samples is not None and (samples.starts >= begin).any():
            kept = int(samples.starts[-1])
            self._is_given = not self._last
        if samples is not None:
            new = np.arange(int(was_given), len(samples) - len(waiting))
            if self._last:
                new = last_of_series(samples)
                new = new[samples.starts[new] < begin]
            yield from self._part(samples, new)
        self._rest = [rows.iloc[kept:].copy()]  # a view would keep all rows
        self._n_before += kept

    def finish(self) -> Iterator[Part]:
        """Yield the samples that are complete with the last row."""
        if self._rest and (self._by_series or self._last or self._learns):
            rows = pd.concat(self._rest, ignore_index=True)
            yield from self._finished_series(rows, int(self._is_given))
        if not self._n_samples and not self._learns:
            raise self._problem

    @property
    def _by_series(self) -> bool:
        """Whether a sample needs its whole series."""
        reading = self._reading
        changes_rows = reading.every is not None or reading.duplicates is not None
        if reading.layout == "vectors":
            return False
        return changes_rows or reading.window is None or reading.missing_rows == "drop"

    def _finished_series(self, rows: pd.DataFrame, n_given: int = 0) -> Iterator[Part]:
        """Yield the samples of series that are complete, without the first ones."""
        samples = self._samples(rows)
        if samples is None:
            return
        new = np.arange(n_given, len(samples))
        if self._last:
            new = last_of_series(samples)
        yield from self._part(samples, new)
        self._n_before += len(samples.values)

    def _waiting(self, samples: Samples | None, begin: int, n_rows: int) -> np.ndarray:
        """Return the numbers of the samples whose labels may lie in rows to come."""
        if samples is None or not self._lead:
            return np.empty(0, dtype=np.int64)
        ends = samples.starts + samples.lengths + self._lead
        return np.flatnonzero((samples.starts >= begin) & (ends > n_rows))

    def _samples(self, rows: pd.DataFrame) -> Samples | None:
        """Return the samples of some rows; None if no window fits."""
        findings = Findings()
        try:
            samples = self._build(rows, findings)
        except NoWindow as error:
            self._problem = error
            return None
        if any(note.startswith(MOVED) for note in findings.assumed):
            note = next(note for note in findings.assumed if note.startswith(MOVED))
            raise DataError(
                "`data` must be in the order of time to be read in parts; "
                f"it is not{note.removeprefix(MOVED)} {self._remedy}"
            )
        if samples.time is None or self._reading.time:
            return samples
        if self._reading.series is not None:  # a part with a single series of many
            return samples.replace(time=None, begin=None, finish=None)
        numbers = {}
        for name in ("time", "begin", "finish"):
            numbers[name] = getattr(samples, name) + self._n_before
        return samples.replace(**numbers)

    def _part(self, samples: Samples, new: np.ndarray) -> Iterator[Part]:
        """Yield a part if it has anything that is wanted."""
        self._n_samples += len(new)
        if len(new) or self._learns:
            yield Part(samples, new, self._n_before)

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
                    f"{self._remedy}"
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
                f"whole numbers, and {ids[~whole].iloc[0]!r} comes later. {self._remedy}"
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
