"""``multitide predict``: predict every task for new data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide._checks import counted
from multitide.cli._arguments import (
    Data,
    Interval,
    Name,
    Run,
    place,
    read_data_for,
)
from multitide.cli._output_table import EscapeFormulas, check_output, write_output
from multitide.cli._written import Written, takes_written

if TYPE_CHECKING:
    from multitide.data._samples import Samples


@takes_written
def predict(
    run: Run,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            help="Table to write, .csv or .parquet. Without a suffix: a folder of .parquet "
            "files, written while the data are read in parts that fit into memory."
        ),
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            parser=place,
            metavar="<path>",
            help="Second table, if the model needs static inputs from it.",
        ),
    ] = None,
    name: Name = None,
    *,
    written: Written,
    last: Annotated[
        bool,
        typer.Option("--last", help="Predict only the newest window of each series."),
    ] = False,
    escape_formulas: EscapeFormulas = False,
    interval: Interval = None,
) -> None:
    """Predict every task for every sample of a data file.

    The table has one row per sample: its series and the time of its last row, in columns named as
    in the data, the predictions, and the probabilities of classes. With --interval 0.9 there are
    intervals of numbers (NAME_low, NAME_high) and sets of classes (NAME_set), which contain the
    label with this probability. The file is read as the training data were; options say where it is
    written in another way.
    """
    from multitide._load_to_predict import load_to_predict
    from multitide.cli._predict_parts import predict_parts
    from multitide.cli._prediction_rows import prediction_rows
    from multitide.cli._terminal import bold, say, show_warning

    file = written.options()
    if not output.suffix:
        predict_parts(run, data, labels, name, output, interval, last=last, **file)
        return
    check_output(output, escape_formulas=escape_formulas)
    model = load_to_predict(run)
    data_set, samples = read_data_for(
        model, run, data, labels, name, need_labels=False, last=last, **file
    )
    table = prediction_rows(model, samples, data_set, interval)
    write_output(table, output, escape_formulas=escape_formulas)
    columns = ", ".join(map(str, table.columns))
    n_rows = counted(len(table), "row")
    say("Written: ", bold(output), f", {n_rows}; columns: {columns}")
    for sentence in _warnings(samples):
        show_warning(sentence)


def _warnings(samples: Samples) -> list[str]:
    """Say how many rows are in no sample, and which predictions lack a channel."""
    from multitide.data._channel_facts import channels_without_value

    warnings = []
    if samples.left_out is not None and len(samples.left_out):
        n_rows = samples.left_out["rows"].sum()
        warnings.append(
            f"{n_rows} rows of the table are in "
            "no sample and got no prediction; "
            "the reasons are above, and "
            "`mt.read_like(...).left_out` has them all."
        )
    for channel, n, first in channels_without_value(samples).itertuples(index=False):
        warnings.append(
            f"`{channel}` has no value in {n} of "
            f"{len(samples)} samples, e.g. of series {first}. "
            "Their predictions rest on the other channels."
        )
    return warnings
