"""Read new data in parts, as the training data was read: constant memory for any length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pandas as pd

from multitide._local_copy import local_tables
from multitide.data._samples import Samples
from multitide.data.tables._drop_rows import are_keyless
from multitide.data.tables._findings import Findings
from multitide.data.tables._part_by_part import PartByPart
from multitide.data.tables._read_like import build_like
from multitide.data.tables._read_options import FileOptions, Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._table_parts import table_parts

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
    data : path or URL
        A CSV or Parquet file, a folder of such files, or a pattern such as ``"runs/*.csv"``. Where
        each file was a series in training, it is one here.
    labels : path, URL or DataFrame, optional
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

    with local_tables(data, labels) as (table, beside):

        def build(rows: pd.DataFrame, findings: Findings) -> Samples:
            return build_like(of_parts, rows, beside, findings, need_labels=False)

        parts = PartByPart(of_parts, build, SORT, last=last)
        for frame in table_parts(table, known, n_values or MOST_VALUES):
            for part in parts.add(frame[~are_keyless(frame, of_parts)]):
                yield part.samples[part.new]
        for part in parts.finish():
            yield part.samples[part.new]
