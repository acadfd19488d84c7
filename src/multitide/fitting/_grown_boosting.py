"""Boosted trees that scikit-learn grows, read into arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from multitide.fitting._grown_trees import Grown, Nodes, Variant
from multitide.network._forest import MOST_BYTES, ForestArrays, ForestShape

if TYPE_CHECKING:
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

Boosted: TypeAlias = "HistGradientBoostingClassifier | HistGradientBoostingRegressor"


class BoostedPart(NamedTuple):
    """Boosted trees of all classes of a task, or of one of its numbers or yes/no labels.

    Attributes
    ----------
    model : Boosted
        Fitted.
    columns : ndarray of int
        The features that its trees have seen.
    """

    model: Boosted
    columns: np.ndarray

    def stages(self, features: np.ndarray, yes_only: bool) -> Iterator[np.ndarray]:
        """Yield the answers after every iteration, (n, n_outputs)."""
        read = features[:, self.columns]
        if not hasattr(self.model, "staged_predict_proba"):
            for numbers in self.model.staged_predict(read):
                yield numbers[:, None]
            return
        for probabilities in self.model.staged_predict_proba(read):
            if yes_only:
                yield probabilities[:, 1:]
            else:
                yield probabilities


class BoostedTree(NamedTuple):
    """The nodes of one boosted tree, as scikit-learn stores them, and the feature of each."""

    nodes: np.ndarray
    features: np.ndarray


class GrownBoosting(Grown):
    """Boosted trees; the setting is the number of trees per output that are used.

    Parameters
    ----------
    parts : sequence of BoostedPart
        One, or one per number or yes/no label, with equal numbers of iterations.
    n_features : int
        Number of all features.
    """

    def __init__(self, parts: Sequence[BoostedPart], n_features: int) -> None:
        super().__init__(np.arange(n_features), n_features)
        self._parts = parts
        self.settings = [self._n_storable()]

    def _n_storable(self) -> int:
        """Return how many iterations can be stored, at least one."""
        n_bytes = 0
        n_grown = int(self._parts[0].model.n_iter_)
        for i in range(n_grown):
            for tree in self._iteration(i):
                n_nodes = len(tree.nodes)
                n_bytes += ForestShape(1, n_nodes, averaged=False).n_bytes
            if n_bytes > MOST_BYTES:
                return max(1, i)
        return n_grown

    def variants(self, features: np.ndarray) -> Iterator[Variant]:
        """Yield the answers with the first tree, the first two, and so on."""
        stages = []
        for part in self._parts:
            stages.append(part.stages(features, yes_only=len(self._parts) > 1))
        for i in range(self.settings[0]):
            answers = [next(stage) for stage in stages]
            yield i + 1, np.concatenate(answers, axis=1)

    def _iteration(self, i: int) -> Iterator[BoostedTree]:
        """Yield the trees of an iteration, those of the parts in turn."""
        for part in self._parts:
            predictors: list[Any] = part.model._predictors[i]
            for predictor in predictors:
                nodes = predictor.nodes
                yield BoostedTree(nodes, part.columns[nodes["feature_idx"]])

    def arrays(self, setting: int) -> ForestArrays:
        """Return the trees of the first iterations."""
        trees = []
        features = []
        for i in range(setting):
            for tree in self._iteration(i):
                trees.append(tree.nodes)
                features.append(tree.features)
        n_nodes = list(map(len, trees))
        roots = np.concatenate([[0], np.cumsum(n_nodes)[:-1]])
        joined = np.concatenate(trees)
        starts = np.repeat(roots, n_nodes)
        is_leaf = joined["is_leaf"].astype(bool)
        nodes = Nodes(
            roots=roots,
            left=np.where(is_leaf, -1, joined["left"] + starts),
            right=np.where(is_leaf, -1, joined["right"] + starts),
            feature=np.concatenate(features),
            threshold=joined["num_threshold"],
            missing_left=joined["missing_go_to_left"].astype(bool),
            value=joined["value"][:, None],
        )
        base = [np.ravel(part.model._baseline_prediction) for part in self._parts]
        joined_base = np.concatenate(base)
        return nodes.arrays(
            self.columns, self.n_features, len(joined_base), joined_base
        )
