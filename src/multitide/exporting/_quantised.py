"""A graph whose weights are int8."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from multitide.errors import ParameterError

if TYPE_CHECKING:
    import onnx

# The operators that have a form for int8 in ONNX Runtime; a GRU stays as it is.
OPERATORS = ["MatMul", "Gemm", "Conv", "LSTM"]


def quantised(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph with weights in int8; the scales of activations are found as it runs.

    Raises
    ------
    ParameterError
        If it has no such weights, as a model of trees.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it would like to see other preparations
    try:
        with tempfile.TemporaryDirectory(prefix="multitide-") as folder:
            path = Path(folder) / "model.onnx"
            quantize_dynamic(
                graph, path, op_types_to_quantize=OPERATORS, weight_type=QuantType.QInt8
            )
            found = onnx.load(path)
    finally:
        logging.disable(before)
    if not any(
        each.data_type == onnx.TensorProto.INT8 for each in found.graph.initializer
    ):
        raise ParameterError(
            "`int8` must be left out for a model without a network or linear heads: "
            "trees have no weights to round."
        )
    del found.metadata_props[:]
    found.metadata_props.extend(graph.metadata_props)
    return found
