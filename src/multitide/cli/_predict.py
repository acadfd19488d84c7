"""``multitide predict``: predict every task for new data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import (
    Data,
    Decimal,
    Encoding,
    Missing,
    Name,
    Run,
    Separator,
    Sheet,
    Thousands,
    TimeFormat,
    read_model_and_data,
)
from multitide.cli._output_table import EscapeFormulas, check_output, write_output

if TYPE_CHECKING:
    import pandas as pd

    from multitide.data._samples import Samples
    from multitide.model._fitted_model import FittedModel


def predict(
    run: Run,
    data: Data,
    output: Annotated[Path, typer.Option(help="Table to write, .csv or .parquet.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Second table, if the model needs static inputs from it."),
    ] = None,
    name: Name = None,
    time_format: TimeFormat = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    missing: Missing = None,
    sheet: Sheet = None,
    escape_formulas: EscapeFormulas = False,
) -> None:
    """Predict every task for every sample of a data file.

    The table has one row per sample: its series and the time of its last row, in columns named as
    in the data, the predictions, and the probabilities of classes. The file is read
    as the training data were; options say where it is written in another way.
    """
    from multitide.cli._terminal import bold, say, show_warning

    check_output(output, escape_formulas=escape_formulas)
    model, data_set, samples = read_model_and_data(
        run,
        data,
        labels,
        name,
        need_labels=False,
        time_format=time_format,
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        thousands=thousands,
        missing=missing or None,
        sheet=sheet,
    )
    table = prediction_rows(model, samples, data_set)
    write_output(table, output, escape_formulas=escape_formulas)
    columns = ", ".join(map(str, table.columns))
    say("Written: ", bold(output), f", {len(table)} rows; columns: {columns}")
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


def prediction_rows(
    model: FittedModel, samples: Samples, data_set: str = ""
) -> pd.DataFrame:
    """Return one row per sample: its origin, predictions, probabilities and quantiles.

    The columns of the latter are ``p(task=class)``, ``p(label)`` and ``q(task=level)``.
    """
    import pandas as pd

    from multitide.cli._origin import origin_of
    from multitide.data._data_sets import DataSets
    from multitide.model._prediction import (
        prediction_table,
        probability_tables,
        quantile_tables,
    )

    decoded = model.decode_data_sets(DataSets({data_set: samples}))[data_set]
    tables = [origin_of(samples), prediction_table(model.targets_, decoded)]
    for table in probability_tables(model.targets_, decoded).values():
        task = table.columns.name
        names = []
        for value in table:
            names.append(f"p({task}={value})" if task else f"p({value})")
        tables.append(table.set_axis(names, axis=1))
    for task, table in quantile_tables(model.targets_, decoded).items():
        names = []
        for level in table:
            names.append(f"q({task}={level:g})")
        tables.append(table.set_axis(names, axis=1))
    return pd.concat(tables, axis=1)
