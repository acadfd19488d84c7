"""The operator finds the leaves that the forest finds."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnxruntime import InferenceSession

from multitide.exporting import _onnx_trees
from multitide.exporting._onnx_trees import DOMAIN, OPERATOR, PLACE, fill_trees
from multitide.network._forest import Forest, ForestArrays, ForestShape
from refusals import refused


def random_forest(seed: int, n_trees: int, n_features: int, n_levels: int) -> Forest:
    """Return trees of which some are a single leaf, with thresholds that features can equal."""
    random = np.random.default_rng(seed)
    levels = []
    size = n_trees
    for level in range(n_levels + 1):
        is_parent = (random.random(size) < 0.7) & (level < n_levels)
        levels.append(is_parent)
        size = 2 * int(is_parent.sum())
    is_parent = np.concatenate(levels)
    n_nodes = len(is_parent)
    shape = ForestShape(n_trees, n_nodes)
    arrays = ForestArrays(
        shape,
        np.where(is_parent, random.integers(0, 2 * n_features, n_nodes), 0).astype(
            np.int32
        ),
        np.where(is_parent, random.integers(-2, 3, n_nodes), np.inf).astype(np.float32),
        random.normal(size=(shape.n_leaves, 1)).astype(np.float32),
        np.zeros(1),
    )
    return Forest.of(arrays, n_features)


def graph_of(forest: Forest) -> onnx.ModelProto:
    node = helper.make_node(OPERATOR, ["x"], ["leaf"], domain=DOMAIN, **{PLACE: 0})
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, None])
    leaf = helper.make_tensor_value_info("leaf", onnx.TensorProto.FLOAT, [None, None])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 5)]
    graph = helper.make_graph([node], "trees", [x], [leaf])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    fill_trees(model, [forest])
    return model


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), n_trees=st.integers(1, 9), depth=st.integers(0, 5))
def test_every_row_reaches_the_same_leaf(seed: int, n_trees: int, depth: int) -> None:
    forest = random_forest(seed, n_trees, 4, depth)
    random = np.random.default_rng(seed)
    x = random.integers(-3, 4, (50, 4)).astype(np.float32)  # many are thresholds
    x[random.random(x.shape) < 0.2] = np.nan
    session = InferenceSession(graph_of(forest).SerializeToString())
    (found,) = session.run(None, {"x": x})
    expected = forest.leaves(torch.from_numpy(x)).view(50, n_trees)
    assert found.astype(int).tolist() == expected.tolist()


def test_too_many_leaves_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_onnx_trees, "MOST_LEAVES", 1)
    forest = random_forest(0, 9, 4, 2)
    with refused("`model`", f"{forest.shape.n_leaves}", "n_trees"):
        _onnx_trees.with_onnx_trees(torch.nn.Sequential(forest))
