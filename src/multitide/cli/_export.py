"""``multitide export``: write a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import Name, Run, place

if TYPE_CHECKING:
    import pandas as pd

    from multitide.data._samples import Samples
    from multitide.model._fitted_model import FittedModel


def export(
    run: Run,
    output: Annotated[
        Path, typer.Argument(help="File to write, .onnx.", metavar="model.onnx")
    ],
    name: Name = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Round the weights to int8.")
    ] = False,
    measure: Annotated[
        str | None,
        typer.Option(
            parser=place,
            metavar="<path>",
            help="Labelled table, on which the model and the file are evaluated.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(parser=place, metavar="<path>", help="Second table of --measure."),
    ] = None,
) -> None:
    """Write a model as an ONNX file that predicts without torch and multitide.

    The graph imputes, scales, encodes, predicts and decodes. It is compared with the model
    on several shapes, with missing values, before the file appears. What int8 costs is shown
    by --measure, which it needs.
    """
    from multitide._load import load
    from multitide.cli._arguments import read_model_and_data
    from multitide.cli._terminal import bold, say, show_table
    from multitide.errors import ParameterError
    from multitide.exporting._export import export as write_onnx

    if measure is None and (int8 or labels is not None):
        option = "--int8" if int8 else "--labels"
        raise ParameterError(
            f"`{option}` must come with --measure; it is not given. Name a labelled table."
        )
    model: FittedModel
    if measure is None:
        model = load(run)
    else:
        model, name, samples = read_model_and_data(
            run, measure, labels, name, need_labels=True
        )
    write_onnx(model, output, data_set=name or None, int8=int8)
    size = output.stat().st_size / 1e6
    say("Written: ", bold(output), f", {size:.1f} MB")
    if measure is not None:
        table = compared(model, output, samples, name or "")
        show_table(table, f"The model and the file on {Path(measure).name}")


def compared(
    model: FittedModel, path: Path, samples: Samples, data_set: str
) -> pd.DataFrame:
    """Return the main metric and the loss of each task, of the model and of a file."""
    from multitide.data._data_sets import DataSets
    from multitide.exporting._onnx_engine import OnnxEngine
    from multitide.model._prediction import metric_table

    (record,) = [each for each in model.data_ if each.name == data_set]
    data_sets = DataSets({data_set: samples})
    engine = OnnxEngine(path.read_bytes(), model, record)
    by_model = metric_table(
        model.targets_, data_sets, model.decode_data_sets(data_sets)
    )
    by_file = metric_table(model.targets_, data_sets, {data_set: engine(samples)})
    table = by_model[["task", "metric", "value"]].rename(columns={"value": "model"})
    table["file"] = by_file["value"]
    first = ~table.duplicated("task") | (table["metric"] == "loss")
    return table[first].reset_index(drop=True)
