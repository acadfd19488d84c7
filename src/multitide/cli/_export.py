"""``multitide export``: write a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multitide.cli._arguments import Name, Run


def export(
    run: Run,
    output: Annotated[
        Path, typer.Argument(help="File to write, .onnx.", metavar="model.onnx")
    ],
    name: Name = None,
) -> None:
    """Write a model as an ONNX file that predicts without torch and multitide.

    The graph imputes, scales, encodes, predicts and decodes. It is compared with the model on
    several shapes, with missing values, before the file appears.
    """
    from multitide._load import load
    from multitide.cli._terminal import bold, say
    from multitide.exporting._export import export as write_onnx

    model = load(run)
    write_onnx(model, output, data_set=name)
    size = output.stat().st_size / 1e6
    say("Written: ", bold(output), f", {size:.1f} MB")
    say("docs/guide/export.md shows how to predict with it.")
