"""Predict a table that may be larger than memory, in parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from multitide._checks import counted

if TYPE_CHECKING:
    from multitide.data.tables._read_options import FileOptions


def predict_parts(
    run: str,
    data: str,
    labels: str | None,
    name: str | None,
    output: Path,
    interval: float | None,
    *,
    last: bool,
    **written: Unpack[FileOptions],
) -> None:
    """Predict every task, and write a folder of Parquet files with one row per sample.

    Parameters
    ----------
    run, data, labels, name
        As `multitide predict` takes them.
    output : path
        The folder. It appears when all is predicted.
    interval : float or None
        The level of intervals and sets; None: there are none.
    last : bool
        Whether only the newest window of each series is predicted.
    **written
        How the files are written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from multitide._load_to_predict import load_to_predict
    from multitide._result_folder import check_can_be_made, new_folder
    from multitide.cli._prediction_rows import prediction_rows
    from multitide.cli._terminal import bold, say
    from multitide.data.tables._read_parts import read_parts
    from multitide.model._table_record import table_record

    check_can_be_made(output, "output")
    model = load_to_predict(run)
    record, reading = table_record(model.data_, name, run, "`--data`")
    parts = read_parts(reading, data, labels=labels, last=last, **written)
    schema, n_rows, number = None, 0, 0
    with new_folder(output, "output") as draft:
        for number, samples in enumerate(parts, start=1):
            rows = prediction_rows(model, samples, record.name, interval)
            table = pa.Table.from_pandas(rows, schema, preserve_index=False)
            schema = table.schema
            pq.write_table(table, draft / f"part-{number:05d}.parquet")
            n_rows += len(rows)
    columns = ", ".join(schema.names) if schema is not None else ""
    written_there = f"{counted(number, 'file')}, {counted(n_rows, 'row')}"
    say("Written: ", bold(output), f", {written_there}; columns: {columns}")
