"""Trees as single operators of ONNX, which find the leaves of all trees at once.

torch would export a gather per level. The operator's arrays do not pass through torch: the exported
graph has placeholders, which get them at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from multitide.errors import ParameterError
from multitide.network._forest import Forest

if TYPE_CHECKING:
    import onnx

DOMAIN, OPERATOR, VERSION = "ai.onnx.ml", "TreeEnsemble", 5
PLACE = "place"  # the attribute of a placeholder: which forest it stands for
LESS_OR_EQUAL, SUM, UNCHANGED = 0, 1, 0  # codes of the operator
# The operator returns the numbers of leaves in float32, which is exact up to here.
MOST_LEAVES = 2**24


class OnnxForest(Forest):
    """Answers as a forest, whose leaves are found by a placeholder; in an export only.

    Parameters
    ----------
    forest : Forest
    place : int
        Its number among the forests of the model.
    """

    def __init__(self, forest: Forest, place: int) -> None:
        super().__init__(forest.n_features, forest.shape)
        self.load_state_dict(forest.state_dict())
        self.place = place

    def leaves(self, x: Tensor) -> Tensor:
        """Return the leaf of each row in each tree, (batch * n_trees,)."""
        numbers: Tensor = torch.onnx.ops.symbolic(
            f"{DOMAIN}::{OPERATOR}",
            (x,),
            {PLACE: self.place},
            dtype=x.dtype,
            shape=(x.shape[0], self.shape.n_trees),
            version=VERSION,
        )
        return numbers.long().flatten()


def with_onnx_trees(module: nn.Module) -> list[Forest]:
    """Replace the forests in a module, in place; return them in the order of their places.

    Raises
    ------
    ParameterError
        If a forest has too many leaves.
    """
    found: list[Forest] = []
    _replace(module, found)
    for forest in found:
        if forest.shape.n_leaves > MOST_LEAVES:
            raise ParameterError(
                f"`model` must have at most {MOST_LEAVES:,} leaves per task to be exported; "
                f"got {forest.shape.n_leaves:,}. Train it with fewer `n_trees`."
            )
    return found


def _replace(module: nn.Module, found: list[Forest]) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, Forest):
            setattr(module, name, OnnxForest(child, len(found)))
            found.append(child)
        else:
            _replace(child, found)


def fill_trees(graph: onnx.ModelProto, forests: list[Forest]) -> None:
    """Give the placeholders of a graph the arrays of their forests, in place."""
    import onnx

    for node in graph.graph.node:
        if node.domain != DOMAIN or node.op_type != OPERATOR:
            continue
        (place,) = [each.i for each in node.attribute if each.name == PLACE]
        del node.attribute[:]
        for name, value in _attributes(forests[place]).items():
            if isinstance(value, np.ndarray):
                value = onnx.numpy_helper.from_array(value, name)
            node.attribute.append(onnx.helper.make_attribute(name, value))


class Children(NamedTuple):
    """One child of each inner node: its place among leaves, or among inner nodes."""

    is_leaf: list[int]
    place: list[int]


def _attributes(forest: Forest) -> dict[str, int | list[int] | np.ndarray]:
    """Return what the operator needs to return the number of the leaf in each tree."""
    shape = forest.shape
    threshold = forest.threshold.numpy()
    is_inner = threshold < np.inf
    (inner,) = np.nonzero(is_inner)
    # A tree without inner nodes gets one, whose children are both the leaf.
    lonely = np.flatnonzero(~is_inner[: shape.n_trees])
    place = np.where(is_inner, is_inner.cumsum() - 1, forest.leaf.numpy())
    left = np.append(forest.child.numpy()[inner], lonely)
    right = np.append(forest.child.numpy()[inner] + 1, lonely)
    feature = np.append(forest.feature.numpy()[inner], np.zeros_like(lonely))
    roots = place[: shape.n_trees].copy()
    roots[lonely] = len(inner) + np.arange(len(lonely))
    low = _children(left, is_inner, place)
    high = _children(right, is_inner, place)
    goes_left = feature < forest.n_features
    splits = np.append(threshold[inner], np.zeros(len(lonely)))
    return {
        "aggregate_function": SUM,
        "post_transform": UNCHANGED,
        "n_targets": shape.n_trees,
        "tree_roots": roots.tolist(),
        "nodes_featureids": (feature % forest.n_features).tolist(),
        "nodes_missing_value_tracks_true": goes_left.astype(int).tolist(),
        "nodes_modes": np.full(len(feature), LESS_OR_EQUAL, dtype=np.uint8),
        "nodes_splits": splits.astype(np.float32),
        "nodes_trueleafs": low.is_leaf,
        "nodes_truenodeids": low.place,
        "nodes_falseleafs": high.is_leaf,
        "nodes_falsenodeids": high.place,
        "leaf_targetids": _trees(forest)[~is_inner].tolist(),
        "leaf_weights": np.arange(shape.n_leaves, dtype=np.float32),
    }


def _children(nodes: np.ndarray, is_inner: np.ndarray, place: np.ndarray) -> Children:
    is_leaf = (~is_inner[nodes]).astype(int)
    return Children(is_leaf.tolist(), place[nodes].tolist())


def _trees(forest: Forest) -> np.ndarray:
    """Return the tree of each node."""
    trees = np.zeros(forest.shape.n_nodes, dtype=np.int64)
    trees[: forest.shape.n_trees] = np.arange(forest.shape.n_trees)
    child = forest.child.numpy()
    level = np.arange(forest.shape.n_trees)
    while len(level):
        parents = level[forest.threshold.numpy()[level] < np.inf]
        level = np.concatenate([child[parents], child[parents] + 1])
        trees[level] = np.tile(trees[parents], 2)
    return trees
