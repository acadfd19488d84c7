"""Arguments that several commands take, and how they are read and written."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

import typer

if TYPE_CHECKING:
    from multitide.data._samples import Samples
    from multitide.data.tables._read_options import FileOptions
    from multitide.model._fitted_model import FittedModel

RUNS = Path("runs")


def place(text: str) -> str:
    """Return a path or URL; "" is a variable of the shell without a value, not a folder."""
    if not text.strip():
        raise typer.BadParameter(f"It must name a file or a folder; got {text!r}.")
    return text


def table_path(text: str) -> Path:
    """Return the path of a table on this machine."""
    return Path(place(text))


Run = Annotated[
    str, typer.Argument(metavar="run", help="Run folder or model folder, or its URL.")
]

Data = Annotated[
    str,
    typer.Argument(
        parser=place,
        metavar="data",
        help="Data file or folder with the same columns as the training data, or its URL. "
        '`predict` to a folder also takes a pattern, "runs/*.csv".',
    ),
]

Name = Annotated[
    str | None,
    typer.Option("--data", help="Data set name (only for models fitted on several)."),
]

LabelFile = Annotated[
    Path | None,
    typer.Option(
        parser=table_path,
        metavar="<path>",
        help="Second table with the labels, one row per series.",
    ),
]

Labels = Annotated[
    str | None,
    typer.Option(
        parser=place,
        metavar="<path>",
        help="Second table with the labels, one row per series, or its URL.",
    ),
]

Interval = Annotated[
    float | None,
    typer.Option(
        metavar="LEVEL",
        help="Probability that intervals and sets contain the label, e.g. 0.9.",
    ),
]
Label = Annotated[list[str] | None, typer.Option(help="Label column (repeatable).")]

Channel = Annotated[
    list[str] | None,
    typer.Option(help="Input column (repeatable). Default: all numeric columns."),
]

Static = Annotated[
    list[str] | None,
    typer.Option(help="Input column that is constant within a series (repeatable)."),
]

Ignore = Annotated[
    list[str] | None, typer.Option(help="Column to leave out (repeatable).")
]

Series = Annotated[
    str | None, typer.Option(help="Column that identifies the series of each row.")
]

Time = Annotated[
    list[str] | None,
    typer.Option(help="Time column, or several such as year and month (repeatable)."),
]

Category = Annotated[
    list[str] | None,
    typer.Option(
        help="Input column whose values are categories, such as text; in addition to the others "
        "(repeatable)."
    ),
]

Calendar = Annotated[
    list[str] | None,
    typer.Option(
        help="Inputs from the times: hour, weekday, month, day_of_year (repeatable)."
    ),
]

Weight = Annotated[
    str | None,
    typer.Option(
        help="Column that says how much each row counts. Default: all count alike."
    ),
]

Window = Annotated[
    int | None,
    typer.Option(help="Rows per sample. Default: one sample per series."),
]

Stride = Annotated[
    int | None, typer.Option(help="Rows between the starts of windows. Default: 1.")
]

SplitBy = Annotated[
    str | None,
    typer.Option(
        help="Split by time, group or random. Default: the safest for your data."
    ),
]

Table = Annotated[
    Path,
    typer.Argument(
        parser=table_path,
        metavar="data",
        help="Data file (.csv, .parquet, .xlsx, .ts) or folder.",
    ),
]

Source = Annotated[
    Path,
    typer.Argument(
        parser=table_path,
        metavar="source",
        help="Configuration (.toml), data file (.csv, .parquet, .xlsx, .ts) or folder.",
    ),
]

Engine = Annotated[
    str | None,
    typer.Option(
        help="Where fits are computed: local, or ray for a Ray cluster. Default: local."
    ),
]

Address = Annotated[
    str | None,
    typer.Option(
        help="Address of the Ray cluster. Default: RAY_ADDRESS, or a new cluster here."
    ),
]

Quiet = Annotated[bool, typer.Option("--quiet", help="Hide the progress bar.")]


def engine_options(engine: str | None, address: str | None) -> dict[str, str]:
    """Return the options as an argument of what computes fits, and tell Ray the address."""
    if address is not None:
        if engine != "ray":
            raise typer.BadParameter("`--address` must come with `--engine ray`.")
        os.environ["RAY_ADDRESS"] = address
    if engine is None:
        return {}
    return {"engine": engine}


def command_line() -> str:
    """Return the command as it was typed."""
    return shlex.join(["multitide", *sys.argv[1:]])


def quoted(path: Path) -> str:
    """Return a path as it is typed in a command."""
    return shlex.quote(str(path))


def result_folder(output: Path | None, name: str, *, take_up: bool = False) -> Path:
    """Return the folder that `--output` names, or a numbered one in `runs`.

    Raise before any work is done if it cannot be made. With `take_up`, an unfinished run of that
    name is continued.
    """
    from multitide._partial_folder import refuse_leftover
    from multitide._result_folder import check_can_be_made

    folder = output or _first_free(name)
    check_can_be_made(folder, "output")
    if not take_up:
        refuse_leftover(folder, "output")
    return folder


def resumed_folder(output: Path | None, name: str) -> Path:
    """Return the folder of a run that is continued; that of a new one if there is none.

    Without `--output` it is the unfinished run in `runs` with the highest number.
    """
    from multitide._run_fit import check_place

    folder = output or _last_unfinished(name) or _first_free(name)
    check_place(folder, "output", resume=True)
    return folder


def _last_unfinished(name: str) -> Path | None:
    from multitide._partial_folder import has_ended_early, partial_of

    last = None
    number = 1
    folder = RUNS / f"{name}-{number:03d}"
    while folder.exists() or partial_of(folder).exists():
        if partial_of(folder).exists() or has_ended_early(folder):
            last = folder
        number += 1
        folder = RUNS / f"{name}-{number:03d}"
    return last


def growing_folder(output: Path | None, name: str, kind: str) -> Path:
    """Return the folder that `--output` names, or a numbered one in `runs`.

    It may hold results of the same kind, which are continued. Raise before any work is done if it
    holds anything else or cannot be made.
    """
    from multitide._claim_folder import check_claimable

    if output is None or not output.exists():
        return result_folder(output, name)
    check_claimable(output, kind, "output")
    return output


def _first_free(name: str) -> Path:
    from multitide._partial_folder import partial_of

    number = 1
    folder = RUNS / f"{name}-{number:03d}"
    while folder.exists() or partial_of(folder).exists():
        number += 1
        folder = RUNS / f"{name}-{number:03d}"
    return folder


def read_model_and_data(
    run: str,
    data: str,
    labels: str | None,
    name: str | None,
    *,
    need_labels: bool,
    **written: Unpack[FileOptions],
) -> tuple[FittedModel, str, Samples]:
    """Return the model, the name of its data set, and the samples; see `read_data_for`."""
    from multitide._load import load

    model = load(run)
    data_set, samples = read_data_for(
        model, run, data, labels, name, need_labels=need_labels, **written
    )
    return model, data_set, samples


def read_data_for(
    model: FittedModel,
    run: str,
    data: str,
    labels: str | None,
    name: str | None,
    *,
    need_labels: bool,
    last: bool = False,
    **written: Unpack[FileOptions],
) -> tuple[str, Samples]:
    """Return the name of a model's data set ("" for an only, unnamed one), and the samples.

    With `last`, only the window that ends with the last row of each series.
    """
    from multitide.data.tables._part_by_part import last_of_series
    from multitide.data.tables._read_like import read_like
    from multitide.model._table_record import table_record

    record, reading = table_record(model.data_, name, run, "`--data`")
    if last:
        reading = {**reading, "stride": 1}
    samples = read_like(
        reading, data, labels=labels, need_labels=need_labels, **written
    )
    if last:
        samples = samples[last_of_series(samples)]
    return record.name, samples
