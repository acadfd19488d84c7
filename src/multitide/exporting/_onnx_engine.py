"""Runs an exported file on samples, as the model itself predicts them."""

from __future__ import annotations

import numpy as np
from torch import nn

from multitide.backbones._batch_rows import batch_rows
from multitide.data._samples import Samples
from multitide.encodings._static import StaticLayer
from multitide.exporting._exported_fit import ExportedFit
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.representations._convolution_features import ConvolutionEncoder
from multitide.training._decode_samples import Decoded, joined


class OnnxEngine:
    """Runs the graph of an exported model.

    Parameters
    ----------
    graph : bytes
        The exported file.
    model : FittedModel
        The model, whose layers read static inputs.
    record : DataRecord
        The data set.
    """

    def __init__(self, graph: bytes, model: FittedModel, record: DataRecord) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = 1
        self._session = InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        self._tasks = record.tasks
        self._inputs = {each.name: each for each in self._session.get_inputs()}
        self._modules: list[nn.Module] = []
        self._static: StaticLayer | None = None
        self._n_values = 1
        for stored, _ in model.weighted_fits:
            fit = ExportedFit(stored, record)
            self._modules += fit.modules()
            self._static = next(iter(fit.statics), self._static)
            if isinstance(stored.encoder, ConvolutionEncoder):
                self._n_values = max(self._n_values, stored.encoder.module.n_values)

    def __call__(self, samples: Samples) -> Decoded:
        """Return the predictions of each task."""
        if "lengths" in self._inputs:
            return self._in_batches(samples)
        # Without that input, the series of a batch are of one length.
        found: Decoded = {}
        for length in np.unique(samples.lengths):
            rows = np.flatnonzero(samples.lengths == length)
            for task, values in self._in_batches(samples[rows]).items():
                shape = (len(samples), *values.shape[1:])
                found.setdefault(task, np.empty(shape, values.dtype))[rows] = values
        return found

    def _in_batches(self, samples: Samples) -> Decoded:
        n_channels = max(samples.n_channels, self._n_values)
        size = batch_rows(self._modules, n_channels, samples.n_timepoints)
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
        # Intervals come after the tasks.
        return dict(zip(self._tasks, outputs, strict=False))

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
