"""Build a stored table of any length in constant memory: its rows come and go in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data.tables._build_samples import build_samples, check_labelled
from multitide.data.tables._columns import categories_of, nullable
from multitide.data.tables._cut_samples import NoWindow
from multitide.data.tables._findings import Findings
from multitide.data.tables._open_tables import Tables, has_text, open_tables
from multitide.data.tables._part_by_part import Part, PartByPart
from multitide.data.tables._read_options import Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import find_roles
from multitide.data.tables._rows import find_categories
from multitide.data.tables._store_files import PER_SAMPLE, VALUES, ValuesFile
from multitide.data.tables._table_parts import first_rows, table_parts

SORT = "Sort the table by series and time, or read it without `store`."
FRAMES = ("y", "static", "extra", "weights")


def build_store(
    data: Path,
    labels: Table | None,
    reading: Reading,
    folder: Path,
    findings: Findings,
    *,
    n_values: int,
    only_present: bool,
) -> tuple[Samples, int]:
    """Write the values of a table that is larger than memory, and return the rest of its samples.

    What the columns are, and the usual time step, are found in the first rows; the categories of
    a channel, and in which precision it is stored, in all.

    Parameters
    ----------
    data : path
        CSV or Parquet, or a folder of such files.
    labels : path or DataFrame, optional
        As in :func:`read_table`.
    reading : Reading
        The options.
    folder : path
        Gets the file of the values.
    findings : Findings
        What was assumed is added.
    n_values : int
        Number of cells of a part.
    only_present : bool
        Whether tasks are left out whose column is absent.

    Returns
    -------
    samples : Samples
        Without rows; their values only have the dtype of the file.
    n_rows : int
        Number of rows of the file.
    """
    plan = _plan(data, labels, reading, findings, n_values, only_present)
    for dtype in (np.float32, np.float64):
        with ValuesFile(folder / VALUES, np.dtype(dtype)) as values:
            collected = []
            for part in plan.parts():
                values.write(part.samples.values, part.first_row)
                collected.append(_without_values(part, dtype))
            is_enough = not values.spread.needs_float64()
        if is_enough:
            break
    samples = _joined(collected)
    if not len(samples) and plan.problem is not None:
        raise plan.problem
    check_labelled(samples.y, plan.reading)
    _note_uncovered(samples, values.n_rows, findings)
    known = replace(plan.reading, assumed=tuple(findings.assumed))
    return samples.replace(reading=known.to_dict()), values.n_rows


@dataclass
class _Plan:
    """How the parts of a table are read.

    Attributes
    ----------
    tables : Tables
        The first rows, and the labels.
    reading : Reading
        With all roles and categories.
    problem : NoWindow or None
        Why some rows are in no window.
    """

    data: Path
    without: Path | None
    tables: Tables
    reading: Reading
    n_values: int
    problem: NoWindow | None = None

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the rows of the table, some at a time."""
        return table_parts(self.data, self.reading, self.n_values, self.without)

    def parts(self) -> Iterator[Part]:
        """Yield the samples of the table, some at a time."""
        parts = PartByPart(self.reading, self.build, SORT, learns=True)
        for frame in self.frames():
            yield from parts.add(frame)
        yield from parts.finish()

    def build(self, rows: pd.DataFrame, findings: Findings) -> Samples:
        """Make samples of rows; none if no window fits."""
        # What is read has no encoding any more.
        reading = replace(self.reading, encoding=None, separator=None)
        opened = open_tables(rows, self.tables.labels, reading, findings)
        try:
            return build_samples(opened, reading, findings, is_part=True)
        except NoWindow as error:
            self.problem = error
            uncut = replace(reading, window=None)
            samples = build_samples(opened, uncut, findings, is_part=True)
            return samples[np.empty(0, dtype=np.int64)]


def _plan(
    data: Path,
    labels: Table | None,
    reading: Reading,
    findings: Findings,
    n_values: int,
    only_present: bool,
) -> _Plan:
    """Find the roles of the columns in the first rows, and all categories."""
    beside = Path(labels) if isinstance(labels, (str, Path)) else None
    first = first_rows(data, reading, n_values, beside)
    written = reading
    if not has_text(labels):
        written = replace(reading, encoding=None, separator=None)
    tables = open_tables(first.frame, labels, written, findings)
    tables = replace(
        tables, file_column=first.file_column, folder_columns=first.folder_columns
    )
    if only_present:
        reading = reading.with_tasks_in(tables.columns)
    known = find_roles(tables, reading, findings)
    known = find_categories(tables.data, known, findings)
    findings.raise_all()
    plan = _Plan(data, beside, tables, known, n_values)
    if known.categories:
        plan.reading = replace(known, categories=_categories(plan, known.categories))
    samples = plan.build(tables.data, Findings())
    complete = Reading.from_dict(samples.reading or {})
    plan.reading = replace(
        complete,
        window=reading.window,
        encoding=reading.encoding,
        separator=reading.separator,
    )
    plan.problem = None
    findings.note(
        f"The columns and the usual time step were found in the first {len(tables.data)} rows."
    )
    return plan


def _categories(plan: _Plan, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the categories that channels have anywhere in the table."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for frame in plan.frames():
        for name, known in found.items():
            known.update(categories_of(frame[name].drop_duplicates()))
    categories = {}
    for name, known in found.items():
        values = pd.Series(sorted(known), dtype="str")
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.notna().all():  # as numbers are sorted
            values = values.iloc[numbers.argsort(kind="stable")]
        categories[name] = tuple(values)
    return categories


def _without_values(part: Part, dtype: type) -> Samples:
    """Return the new samples of a part, placed in the whole table."""
    samples = part.samples[part.new]
    return samples.replace(
        starts=samples.starts + part.first_row,
        values=np.empty((0, samples.n_channels), dtype),
    )


def _joined(parts: Sequence[Samples]) -> Samples:
    """Return the samples of all parts, without their values."""
    first = parts[0]
    changes: dict[str, Any] = {}
    for name in PER_SAMPLE:
        arrays = [getattr(each, name) for each in parts if len(each)]
        if not arrays or arrays[0] is None:
            changes[name] = getattr(first, name)
        else:
            changes[name] = np.concatenate(arrays)
    for name in FRAMES:
        frames = [getattr(each, name) for each in parts]
        if frames[0] is not None:
            changes[name] = _stacked(frames)
    return first.replace(left_out=None, **changes)


def _note_uncovered(samples: Samples, n_rows: int, findings: Findings) -> None:
    """Note how many rows are in no sample."""
    to_next = np.diff(np.append(samples.starts, n_rows))
    n_covered = int(np.minimum(samples.lengths, to_next).sum())
    if n_covered < n_rows:
        findings.note(f"{n_rows - n_covered} of {n_rows} rows are in no sample.")


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables one after another; a part without a value has no say in the dtype."""
    columns = {}
    for name in frames[0]:
        pieces = [frame[name] for frame in frames]
        known = [piece for piece in pieces if piece.notna().any()]
        if len(known) in (0, len(pieces)):
            columns[name] = pd.concat(pieces, ignore_index=True)
            continue
        places, n_known = [], 0
        for piece in pieces:
            if piece.notna().any():
                places.append(np.arange(n_known, n_known + len(piece)))
                n_known += len(piece)
            else:
                places.append(np.full(len(piece), -1))
        array = nullable(pd.concat(known, ignore_index=True)).array
        taken = pd.api.extensions.take(array, np.concatenate(places), allow_fill=True)
        columns[name] = pd.Series(taken)
    return pd.DataFrame(columns, index=pd.RangeIndex(sum(map(len, frames))))
