"""What computes the predictions of a server: ONNX Runtime, or torch where a model has no graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import MultitideError
from multitide.exporting._export import export
from multitide.exporting._onnx_engine import OnnxEngine
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.training._decode_samples import Decoded

ENGINES = ("auto", "onnx", "torch")

Engine: TypeAlias = "Callable[[Samples], Decoded]"


def make_engine(
    model: FittedModel, record: DataRecord, name: str
) -> tuple[Engine, str]:
    """Return a function from samples to the predictions of each task, and what computes them.

    Parameters
    ----------
    model : FittedModel
        The fitted model.
    record : DataRecord
        The data set that the samples belong to.
    name : {"auto", "onnx", "torch"}
        "auto": ONNX Runtime if the model is a single one that can be exported, torch otherwise.
        The export of an ensemble takes minutes.

    Raises
    ------
    MultitideError
        With "onnx", if the model cannot be exported.
    """
    if name == "auto" and len(model.weighted_fits) > 1:
        name = "torch"
    if name != "torch":
        try:
            return _onnx(model, record), "ONNX Runtime"
        except MultitideError as error:
            if name == "onnx":
                raise
            return _torch(model, record), f"torch ({error})"
    return _torch(model, record), "torch"


def _torch(model: FittedModel, record: DataRecord) -> Engine:
    def decode(samples: Samples) -> Decoded:
        decoded = model.decode_data_sets(DataSets({record.name: samples}))[record.name]
        return {task: decoded[task] for task in record.tasks}

    return decode


def _onnx(model: FittedModel, record: DataRecord) -> Engine:
    """Export the model, and run its graph."""
    with tempfile.TemporaryDirectory(prefix="multitide-") as folder:
        path = Path(folder) / "model.onnx"
        export(model, path, data_set=record.name or None)
        graph = path.read_bytes()
    return OnnxEngine(graph, model, record)
