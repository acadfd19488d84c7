"""What computes the predictions of a server: ONNX Runtime, or torch where a model has no graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from multitide.backbones._batch_rows import batch_rows
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.ensemble._ensemble import Ensemble
from multitide.errors import MultitideError
from multitide.exporting._export import export
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel
from multitide.network._network import Predictor
from multitide.training._decode_samples import Decoded, joined

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
        "auto": ONNX Runtime if the model can be exported, torch otherwise.

    Raises
    ------
    MultitideError
        With "onnx", if the model cannot be exported.
    """
    if isinstance(model, Ensemble):
        return _torch(model, record), "torch"
    if name != "torch":
        try:
            return _onnx(model, record), "ONNX Runtime"
        except MultitideError as error:
            if name == "onnx":
                raise
            return _torch(model, record), f"torch ({error})"
    return _torch(model, record), "torch"


def predictors_of(model: FittedModel) -> list[Predictor]:
    """Return what predicts: one predictor, or those of the fits of an ensemble."""
    if not isinstance(model, Ensemble):
        return [model.stored_.predictor]
    predictors = []
    for fits in model.members_.values():
        for fit in fits:
            predictors.append(fit.model_)
    return predictors


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
    return OnnxEngine(graph, model.stored_, record)


class OnnxEngine:
    """Runs the graph of an exported model.

    Parameters
    ----------
    graph : bytes
        The exported file.
    stored : StoredModel
        The model, whose layers read static inputs.
    record : DataRecord
        The data set.
    """

    def __init__(self, graph: bytes, stored: StoredModel, record: DataRecord) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = 1
        self._session = InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        self._tasks = record.tasks
        self._inputs = {each.name: each for each in self._session.get_inputs()}
        self._predictor = stored.predictor
        self._static = None
        for network, _ in stored.predictor.networks_for(record.name):
            stem = network.stems[network.data_sets.index(record.name)]
            self._static = stem.static or self._static

    def __call__(self, samples: Samples) -> Decoded:
        """Return the predictions of each task."""
        size = batch_rows(
            self._predictor.modules(), samples.n_channels, samples.n_timepoints
        )
        parts = []
        for start in range(0, len(samples), size):
            parts.append(self._run(samples[start : start + size]))
        return joined(parts)

    def _run(self, samples: Samples) -> Decoded:
        feed = {"series": self._series(samples)}
        if "lengths" in self._inputs:
            feed["lengths"] = samples.lengths
        if self._static is not None:
            feed["static"] = self._static.encode(samples.static)
        outputs = self._session.run(None, feed)
        return dict(zip(self._tasks, outputs, strict=True))

    def _series(self, samples: Samples) -> np.ndarray:
        """Return the series in the precision of the graph, and of its length if that is fixed."""
        series = samples.gather(slice(None))
        wanted = self._inputs["series"]
        if wanted.type == "tensor(double)":
            series = series.astype(np.float64)
        else:
            series = series.astype(np.float32, copy=False)
        steps = wanted.shape[2]
        if isinstance(steps, int) and series.shape[2] < steps:
            missing = steps - series.shape[2]
            series = np.pad(
                series, ((0, 0), (0, 0), (0, missing)), constant_values=np.nan
            )
        return np.ascontiguousarray(series)
