"""The quantiles of intervals in operators of ONNX have the bits of torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multitide.backbones._interval_quantiles import Level, interval_quantiles
from multitide.exporting._onnx_quantiles import quantile_function
from multitide.exporting._recurrent_cells import OPSET

onnxruntime = pytest.importorskip("onnxruntime")


def session_of(level: Level) -> onnxruntime.InferenceSession:
    from onnx import TensorProto, helper
    from onnx.inliner import inline_local_functions

    view = helper.make_tensor_value_info("view", TensorProto.FLOAT, ["a", "b", "c"])
    lengths = helper.make_tensor_value_info("lengths", TensorProto.INT64, ["a"])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    call = helper.make_node("Of", ["view", "lengths"], ["output"], domain="multitide")
    model = helper.make_model(
        helper.make_graph([call], "graph", [view, lengths], [output]),
        functions=[quantile_function("Of", level, OPSET)],
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid("multitide", 1),
        ],
        ir_version=9,
    )
    graph = inline_local_functions(model).SerializeToString()
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "level", [Level(1, 1), Level(1, 9), Level(2, 4), Level(4, 3), Level(32, 2)]
)
def test_a_level_has_the_bits_of_torch(level: Level) -> None:
    """Also of series without a step or a value, and of more intervals than steps."""
    torch.manual_seed(0)
    session = session_of(level)
    for n_rows, n_channels, n_steps in ((5, 3, 40), (1, 1, 3), (7, 2, 17), (3, 1, 1)):
        view = torch.randn(n_rows, n_channels, n_steps)
        view[torch.rand(view.shape) < 0.3] = torch.nan
        view[1:2] = torch.nan
        lengths = torch.randint(-1, n_steps + 1, (n_rows,))
        expected = interval_quantiles([view], [lengths], ((level,),)).numpy()
        feed = {"view": view.numpy(), "lengths": lengths.numpy()}
        (found,) = session.run(None, feed)
        assert np.array_equal(found, expected, equal_nan=True)
