"""Decision trees as arrays: a torch module that predicts by gathers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MOST_BYTES = 100_000_000  # of the stored arrays of a forest
# Entries of the tensors over rows and trees; more rows are processed in several parts.
MOST_ENTRIES = 2**22
# Entries of the arrays over rows and nodes up to which all nodes are compared at once, by NumPy: a
# call costs as much as some thousand comparisons. This takes a sixth of the calls, and those of
# NumPy take half of the time of those of torch.
FEW_ENTRIES = 2**16
INFINITE = np.float32(np.inf)


@dataclass(frozen=True)
class ForestShape:
    """What the size of a forest's arrays depends on.

    Attributes
    ----------
    n_trees, n_nodes : int
        Number of trees, and of their nodes.
    n_groups : int
        Tree t contributes to the outputs of group t % n_groups.
    n_values : int
        Number of outputs of a group.
    averaged : bool
        Whether the outputs of a group are the mean of its trees, in float32 as in a forest, or
        their sum, in float64 as in boosting.
    start : int, optional
        The feature that holds the last value of a forecast; see :class:`ForestHead`.
    """

    n_trees: int = 1
    n_nodes: int = 1
    n_groups: int = 1
    n_values: int = 1
    averaged: bool = True
    start: int | None = None

    def __post_init__(self) -> None:
        n_children = self.n_nodes - self.n_trees
        if min(self.n_trees, self.n_groups, self.n_values) < 1 or n_children < 0:
            raise ValueError("a forest must have at least a tree with a node")
        if n_children % 2 or self.n_trees % self.n_groups:
            raise ValueError("a forest must have two children per parent, whole groups")

    @property
    def n_leaves(self) -> int:
        """Number of leaves: in a binary tree, one more than nodes with children."""
        return self.n_trees + (self.n_nodes - self.n_trees) // 2

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.n_groups * self.n_values

    @property
    def n_entries(self) -> int:
        """Number of entries of the arrays over nodes and leaves."""
        return 2 * self.n_nodes + self.n_values * self.n_leaves

    @property
    def n_bytes(self) -> int:
        """Size of these arrays."""
        if self.averaged:
            per_value = 4
        else:
            per_value = 8
        return 8 * self.n_nodes + per_value * self.n_values * self.n_leaves


@dataclass(frozen=True)
class ForestArrays:
    """The nodes of all trees, level by level.

    The roots come first, then both children of each node in the order of their parents. So the
    place of the children follows from which nodes are leaves, and needs no array.

    Attributes
    ----------
    shape : ForestShape
    feature : ndarray of int32, shape (n_nodes,)
        The feature that a node reads; plus the number of features if a missing value goes to the
        right child. 0 at a leaf.
    threshold : ndarray of float32, shape (n_nodes,)
        Larger values go to the right child. Infinite at a leaf.
    value : ndarray of float32 or float64, shape (n_leaves, n_values)
        What each leaf contributes.
    base : ndarray of float64, shape (n_outputs,)
        Added to the outputs.
    """

    shape: ForestShape
    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    base: np.ndarray


class Forest(nn.Module):
    """Predicts by gathers over all rows and trees at once, level by level.

    The outputs are those of scikit-learn on the same features, up to rounding.

    Parameters
    ----------
    n_features : int
        Number of features.
    shape : ForestShape, optional
        By default, a single leaf whose value is 0.
    """

    feature: Tensor
    threshold: Tensor
    value: Tensor
    base: Tensor
    child: Tensor
    leaf: Tensor

    def __init__(self, n_features: int, shape: ForestShape = ForestShape()) -> None:
        super().__init__()
        self.n_features = n_features
        self.shape = shape
        kind = torch.float32 if shape.averaged else torch.float64
        n_nodes = shape.n_nodes
        self.register_buffer("feature", torch.zeros(n_nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.full((n_nodes,), torch.inf))
        self.register_buffer(
            "value", torch.zeros(shape.n_leaves, shape.n_values, dtype=kind)
        )
        self.register_buffer("base", torch.zeros(shape.n_outputs, dtype=torch.float64))
        # Derived from the others.
        self.register_buffer(
            "child", torch.zeros(n_nodes, dtype=torch.long), persistent=False
        )
        self.register_buffer(
            "leaf", torch.zeros(n_nodes, dtype=torch.long), persistent=False
        )
        self.depth = 0

    @classmethod
    def of(cls, arrays: ForestArrays, n_features: int) -> Forest:
        """Return the module of some arrays."""
        forest = cls(n_features, arrays.shape)
        state = {}
        for name in ("feature", "threshold", "value", "base"):
            state[name] = torch.from_numpy(getattr(arrays, name))
        forest.load_state_dict(state)
        return forest

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of features with NaN: (batch, n_features) -> (batch, n_outputs).

        In float64, like the sums over trees.
        """
        if torch.compiler.is_compiling():  # also true in an export
            return self._outputs(x)
        size = max(1, MOST_ENTRIES // (self.shape.n_trees * self.shape.n_values))
        if len(x) <= size:
            return self._outputs(x)
        return torch.cat(list(map(self._outputs, x.split(size))))

    def each(self, x: Tensor) -> Tensor:
        """Return the output of every tree of an average, (batch, n_trees, n_values)."""
        values = self.value.index_select(0, self.leaves(x))
        return values.view(x.shape[0], self.shape.n_trees, self.shape.n_values)

    def _outputs(self, x: Tensor) -> Tensor:
        shape = self.shape
        values = self.value.index_select(0, self.leaves(x)).view(
            x.shape[0], shape.n_trees // shape.n_groups, shape.n_groups, shape.n_values
        )
        total = values.sum(dim=1, dtype=torch.float64).flatten(1)
        if shape.averaged:
            total = total * shape.n_groups / shape.n_trees
        return total + self.base

    def leaves(self, x: Tensor) -> Tensor:
        """Return the number of the leaf of each row in each tree, (batch * n_trees,)."""
        return self.leaf.index_select(0, self._ends(x))

    def _ends(self, x: Tensor) -> Tensor:
        """Return the node at which each row ends in each tree, (batch * n_trees,)."""
        is_few = x.shape[0] * self.shape.n_nodes <= FEW_ENTRIES
        if is_few and x.device.type == "cpu" and not torch.compiler.is_compiling():
            return torch.from_numpy(self._ends_of_few(x.detach().numpy()))
        # The two copies of the features differ where one is missing: which one a node reads says
        # where it sends a missing value.
        low, high = x.nan_to_num(nan=-torch.inf), x.nan_to_num(nan=torch.inf)
        both = torch.cat([low, high], dim=1)
        both = both.flatten()
        rows = torch.arange(x.shape[0], device=x.device) * (2 * self.n_features)
        start = rows.repeat_interleave(self.shape.n_trees)
        node = torch.arange(self.shape.n_trees, device=x.device).repeat(x.shape[0])
        for _ in range(self.depth):
            place = start + self.feature.index_select(0, node)
            to_right = both.index_select(0, place) > self.threshold.index_select(
                0, node
            )
            node = self.child.index_select(0, node) + to_right
        return node

    def _ends_of_few(self, x: np.ndarray) -> np.ndarray:
        """Return the same, after all nodes have compared."""
        missing = np.isnan(x)
        low, high = np.where(missing, -INFINITE, x), np.where(missing, INFINITE, x)
        both = np.concatenate([low, high], axis=1)
        to_right = both.take(self.feature.numpy(), axis=1) > self.threshold.numpy()
        first = np.arange(len(x))[:, None] * self.shape.n_nodes
        follow = self.child.numpy() + to_right + first
        node = follow[:, : self.shape.n_trees]  # the roots come first
        for _ in range(self.depth - 1):
            node = follow.take(node)
        ends: np.ndarray = node - first
        return ends.ravel()

    # Any: what torch passes on.
    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any
    ) -> None:
        """Load the arrays and derive the others from them, if they are trees."""
        super()._load_from_state_dict(state_dict, prefix, *args)
        error_messages = args[-1]
        if not error_messages:
            problem = self._derive()
            if state_dict[f"{prefix}value"].dtype != self.value.dtype:
                problem = "its leaves have another precision"
            if problem:
                error_messages.append(f"{prefix}forest: {problem}")

    def _derive(self) -> str:
        """Fill the derived buffers; return what is wrong with the arrays, or nothing."""
        is_parent = self.threshold < torch.inf
        n_nodes, n_trees = self.shape.n_nodes, self.shape.n_trees
        if int(is_parent.sum()) * 2 != n_nodes - n_trees:
            return "its thresholds are not those of binary trees"
        if bool((self.feature < 0).any() | (self.feature >= 2 * self.n_features).any()):
            return f"a node reads a feature that is none of {self.n_features}"
        if bool(self.value.isnan().any() | self.threshold.isnan().any()):
            return "a number is missing"
        order = is_parent.long().cumsum(dim=0)
        own = torch.arange(n_nodes, device=order.device)
        # A leaf is its own child, so that all rows can take as many steps as the deepest one.
        self.child.copy_(torch.where(is_parent, n_trees + 2 * (order - 1), own))
        self.leaf.copy_((own - order).clamp(max=self.shape.n_leaves - 1))
        return self._measure(order.tolist())

    def _measure(self, n_parents_until: list[int]) -> str:
        """Find the depth: level by level, each level has two nodes per parent of the last one."""
        self.depth = 0
        end, n_parents = self.shape.n_trees, 0
        while end < self.shape.n_nodes:
            so_far = n_parents_until[end - 1]
            if so_far == n_parents:
                return "a node is in none of its trees"
            end, n_parents = end + 2 * (so_far - n_parents), so_far
            self.depth += 1
        return ""


def bytes_of_forests(module: nn.Module) -> int:
    """Return the size of the stored arrays of all forests in a module."""
    return sum(forest.shape.n_bytes for forest in forests_of(module))


def n_values_of_forests(module: nn.Module) -> int:
    """Return the number of entries of the stored arrays of all forests in a module."""
    return sum(forest.shape.n_entries for forest in forests_of(module))


def forests_of(module: nn.Module) -> list[Forest]:
    """Return all forests in a module."""
    found = []
    for part in module.modules():
        if isinstance(part, Forest):
            found.append(part)
    return found
