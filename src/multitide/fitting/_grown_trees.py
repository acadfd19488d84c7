"""Forests that scikit-learn grows, read into arrays.

Only this file and `_grown_boosting.py` know how scikit-learn stores trees: those of forests in
``tree_``, those of histogram boosting in the private ``_predictors``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from multitide.fitting._known_means import known_means
from multitide.network._forest import MOST_BYTES, Forest, ForestArrays, ForestShape

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

Extra: TypeAlias = "ExtraTreesClassifier | ExtraTreesRegressor"
# A setting of grown trees, such as the number that is used, and the answers with it.
Variant: TypeAlias = "tuple[int, np.ndarray]"
SOME_ROWS = 1024  # that are answered by each tree at a time


@dataclass
class Nodes:
    """The nodes of several trees, one tree after the other.

    Attributes
    ----------
    roots, left, right : ndarray of int
        Places of nodes; a node without children has -1.
    feature, threshold, missing_left : ndarray
        What a node asks, and whether a missing value goes to the left.
    value : ndarray, shape (n_nodes, n_values)
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray

    def arrays(
        self, columns: np.ndarray, n_features: int, n_groups: int, base: np.ndarray
    ) -> ForestArrays:
        """Return the nodes level by level.

        Parameters
        ----------
        columns : ndarray of int
            The features that the trees have seen, of `n_features`.
        n_features : int
        n_groups : int
            See :class:`ForestShape`.
        base : ndarray, shape (n_outputs,)
            Added to the outputs. Values that are float32 are averaged, others summed.
        """
        order = np.concatenate(self.levels())
        is_parent = self.left[order] >= 0
        feature = columns[np.where(is_parent, self.feature[order], 0)]
        feature = feature + np.where(self.missing_left[order], 0, n_features)
        threshold = np.where(is_parent, rounded_down(self.threshold[order]), np.inf)
        value = self.value[order][~is_parent]
        shape = ForestShape(
            n_trees=len(self.roots),
            n_nodes=len(order),
            n_groups=n_groups,
            n_values=value.shape[1],
            averaged=value.dtype == np.float32,
        )
        return ForestArrays(
            shape,
            np.where(is_parent, feature, 0).astype(np.int32),
            threshold.astype(np.float32),
            np.ascontiguousarray(value),
            base.astype(np.float64),
        )

    def levels(self) -> list[np.ndarray]:
        """Return the nodes that can be reached: the roots, then their children, and so on."""
        levels = []
        level = self.roots
        while len(level):
            levels.append(level)
            parents = level[self.left[level] >= 0]
            children = np.stack([self.left[parents], self.right[parents]], axis=1)
            level = children.reshape(-1)
        return levels

    def parents(self) -> np.ndarray:
        """Return the parent of each node; 0 for a root."""
        parents = np.zeros(len(self.left), dtype=np.int64)
        nodes = np.flatnonzero(self.left >= 0)
        parents[self.left[nodes]] = nodes
        parents[self.right[nodes]] = nodes
        return parents


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the largest finite float32 that is not above each threshold.

    A float32 feature is above the one if and only if it is above the other.
    """
    limits = np.finfo(np.float32)
    # Boosting divides by infinity to separate missing from known values; here infinity is a leaf.
    nearest = np.clip(thresholds, limits.min, limits.max).astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)


class Grown(ABC):
    """Trees of one task.

    Parameters
    ----------
    columns : ndarray of int
        The features that the trees have seen.
    n_features : int
        Number of all features.

    Attributes
    ----------
    settings : list of int
        Those that may be chosen; the first is that of the trees as they were grown.
    """

    settings: list[int]

    def __init__(self, columns: np.ndarray, n_features: int) -> None:
        self.columns = columns
        self.n_features = n_features

    @abstractmethod
    def variants(self, features: np.ndarray) -> Iterator[Variant]:
        """Yield every setting that may be chosen, with its answers for some rows.

        Answers are float64 (n, n_outputs): probabilities, or standardised numbers.
        """

    @abstractmethod
    def arrays(self, setting: int) -> ForestArrays:
        """Return the trees with a setting."""


class GrownForest(Grown):
    """Extremely randomised trees; the setting is the number of rows that a node needs to be split.

    A tree that is cut where nodes have fewer rows is a tree that was grown with this limit, so that
    one forest gives all of them.
    """

    def __init__(
        self, model: Extra, columns: np.ndarray, n_features: int, limits: Sequence[int]
    ) -> None:
        super().__init__(columns, n_features)
        self._model = model
        trees = [each.tree_ for each in model.estimators_]
        ends = np.cumsum([tree.node_count for tree in trees])
        roots = np.concatenate([[0], ends[:-1]])
        self._n_rows = _of_all(trees, "n_node_samples")
        self._nodes = Nodes(
            roots=roots,
            left=_joined(trees, "children_left", roots),
            right=_joined(trees, "children_right", roots),
            feature=_of_all(trees, "feature"),
            threshold=_of_all(trees, "threshold"),
            missing_left=_of_all(trees, "missing_go_to_left"),
            value=_values(_of_all(trees, "value")),
        )
        self.n_trees = len(trees)
        self.settings = self._storable(limits)

    def use_known_labels(
        self, features: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
    ) -> None:
        """Let each node answer with the mean of the known labels of its rows.

        Parameters
        ----------
        features : ndarray, shape (n_rows, n_features)
            The training rows.
        codes : ndarray, shape (n_rows, n_labels)
            NaN for missing labels, which were filled to grow the trees.
        weights : ndarray, shape (n_rows,), optional
            How much each row counts.
        """
        nodes = self._nodes
        drawn = self._drawn(len(features))
        if weights is not None:
            drawn = drawn * weights[:, None]
        means = known_means(
            nodes.levels(),
            nodes.parents(),
            self._model.apply(features[:, self.columns]) + nodes.roots,
            codes,
            drawn,
            nodes.value,
        )
        nodes.value = means.astype(np.float32)

    def _drawn(self, n_rows: int) -> np.ndarray:
        """Return how often each tree has drawn each training row, (n_rows, n_trees)."""
        if not self._model.bootstrap:
            return np.ones((n_rows, self.n_trees), dtype=np.int64)
        counts = []
        for rows in self._model.estimators_samples_:
            counts.append(np.bincount(rows, minlength=n_rows))
        return np.stack(counts, axis=1)

    def out_of_bag(self, features: np.ndarray) -> Iterator[Variant]:
        """Yield for each limit the answers of the trees that have not drawn a training row.

        NaN for rows that all trees have drawn.
        """
        left_out = torch.from_numpy(self._drawn(len(features)) == 0)
        for limit in self.settings:
            forest = Forest.of(self.arrays(limit), self.n_features)
            parts = []
            for rows, mask in zip(
                torch.from_numpy(features).split(SOME_ROWS),
                left_out.split(SOME_ROWS),
                strict=True,
            ):
                values = torch.where(mask[:, :, None], forest.each(rows).double(), 0.0)
                parts.append(values.sum(dim=1) / mask.sum(dim=1, keepdim=True))
            yield limit, torch.cat(parts).numpy()

    def _storable(self, limits: Sequence[int]) -> list[int]:
        """Return the limits with which the trees can be stored; a larger one if there is none."""
        storable = []
        limit = 0
        for limit in limits:
            if self._n_bytes(limit) <= MOST_BYTES:
                storable.append(limit)
        while not storable:
            limit *= 2
            if self._n_bytes(limit) <= MOST_BYTES:
                storable.append(limit)
        return storable

    def _n_bytes(self, limit: int) -> int:
        is_parent = (self._nodes.left >= 0) & (self._n_rows >= limit)
        n_trees, n_values = len(self._nodes.roots), self._nodes.value.shape[1]
        n_nodes = n_trees + 2 * int(is_parent.sum())
        return ForestShape(n_trees, n_nodes, n_values=n_values).n_bytes

    def variants(self, features: np.ndarray) -> Iterator[Variant]:
        """Yield the answers with each limit."""
        for limit in self.settings:
            forest = Forest.of(self.arrays(limit), self.n_features)
            yield limit, forest(torch.from_numpy(features)).numpy()

    def arrays(self, setting: int) -> ForestArrays:
        """Return the trees, cut where a node has fewer rows than the limit."""
        nodes = self._nodes
        kept = np.where(self._n_rows >= setting, nodes.left, -1)
        cut = Nodes(**{**vars(nodes), "left": kept})
        base = np.zeros(nodes.value.shape[1])
        return cut.arrays(self.columns, self.n_features, 1, base)


def _of_all(trees: Sequence[object], name: str) -> np.ndarray:
    """Return an array of the nodes of all trees, one tree after the other."""
    return np.concatenate([getattr(tree, name) for tree in trees])


def _joined(trees: Sequence[object], name: str, roots: np.ndarray) -> np.ndarray:
    """Return the children of all trees as places in the joined nodes; -1 for none."""
    moved = []
    for tree, root in zip(trees, roots, strict=True):
        places = getattr(tree, name)
        moved.append(np.where(places < 0, -1, places + root))
    return np.concatenate(moved)


def _values(value: np.ndarray) -> np.ndarray:
    """Return class probabilities or means of each node, float32 (n_nodes, n_values).

    scikit-learn has (n_nodes, 1, n_classes), or (n_nodes, n_outputs, 1) for numbers.
    """
    return value.reshape(len(value), -1).astype(np.float32)
