"""Trees: a forest or boosted trees per task, on quantiles of intervals of the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from multitide.backbones._backbone import Backbone, BackboneModule
from multitide.backbones._quantiles import Quantiles
from multitide.errors import ParameterError

# Boosting reads every feature for every tree, a forest a few per node.
MOST_FEATURES = {"extra_trees": 10_000, "boosting": 1_000}

# Of a series, so that its steps are features.
MOST_VALUES = 400

# The settings that only the other kind uses.
OTHERS = {
    "extra_trees": ("max_leaf_nodes", "learning_rate"),
    "boosting": ("bootstrap",),
}


@dataclass
class Trees(Backbone):
    """A forest of extremely randomised trees per task, or boosted trees, without a training loop.

    Strong where labels are few or the series short. Each series becomes quantiles of its intervals,
    of its changes and of its spectrum (QUANT [1]_), and statistics; static inputs are joined. The
    trees of each task are grown by scikit-learn on the labelled rows of that task. Tasks share
    nothing, so sharing, weightings, epochs and learning rates have no effect.

    Parameters
    ----------
    kind : {"extra_trees", "boosting"}, default="extra_trees"
        Extremely randomised trees [2]_, or gradient boosting on histograms [3]_.
    n_trees : int, default=200
        Number of trees. For boosting the maximum number per output, of which the validation set
        chooses.
    max_depth : int, default=24
        Maximum depth of a tree.
    min_samples_leaf : int, optional
        Minimum number of training rows in a leaf. Default: for boosting 20, or a twentieth of the
        rows if that is fewer. For extra trees 1; the validation set then chooses how many rows, 2
        to 50, a node needs to be split. Without one these are 2 for classes and 5 for numbers.
    max_features : float, optional
        Fraction of the features among which each split is chosen. Default: 0.1 for extra trees; for
        boosting 0.2, but at least six features.
    bootstrap : bool, default=False
        Whether each extra tree draws its rows with replacement. Without a validation set, each row
        is then answered by the trees that have not drawn it, and these answers choose in its place;
        their losses are the validation losses of the history. This needs samples of different
        series: windows of one series resemble each other.
    max_leaf_nodes : int, default=31
        Maximum number of leaves of a boosted tree.
    learning_rate : float, default=0.1
        Weight of each boosted tree.
    n_levels : int, default=6
        Level k divides a series into 2^k intervals. There are fewer levels if there would be more
        than 10,000 features (for boosting 1,000). With 0 there are statistics only.
    steps : bool, default=False
        Whether the values and changes of every step, counted from the end of a series, are features
        too, if a series has at most 400 values. They help with many labels and harm with few.

    Notes
    -----
    (batch, n_channels, time) -> (batch, n_features). Missing values stay missing: statistics and
    quantiles are those of the measured values, and trees learn on which side of a split a missing
    feature belongs. So `inputs.impute` has no effect.

    Class weights and label smoothing are used. Extra trees minimise the squared error, or the
    entropy of classes. Boosting minimises the squared or absolute error, the cross-entropy, or the
    pinball loss of each quantile. Huber and focal losses only choose the number of trees and the
    size of leaves.

    Labels of a multi-label task and steps of a forecast may be missing one by one. Extra trees
    answer all of them at once: to grow them, the best constant replaces the missing labels of a
    row, but leaves answer with means of known labels. Boosting grows trees for each of them, on the
    rows that have it, so that it takes as many times as long. A forecast of an input is grown as
    differences to the last value of the input, with which every prediction starts: trees alone do
    not leave the range of the training labels. Extra trees refuse quantiles.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "QUANT: a minimalist interval method for time series
       classification", Data Mining and Knowledge Discovery 38, 2024.
       https://arxiv.org/abs/2308.00928
    .. [2] Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.
       https://doi.org/10.1007/s10994-006-6226-1
    .. [3] Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017.
       https://papers.nips.cc/paper/6907
    """

    reads_vectors: ClassVar[bool] = True
    reads_missing: ClassVar[bool] = True
    is_trained: ClassVar[bool] = False

    kind: Literal["extra_trees", "boosting"] = "extra_trees"
    n_trees: Annotated[int, Field(ge=1, le=10_000)] = 200
    max_depth: Annotated[int, Field(ge=1, le=64)] = 24
    min_samples_leaf: Annotated[int, Field(ge=1)] | None = None
    max_features: Annotated[float, Field(gt=0, le=1)] | None = None
    bootstrap: bool = False
    max_leaf_nodes: Annotated[int, Field(ge=2, le=65_536)] = 31
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    n_levels: Annotated[int, Field(ge=0, le=16)] = 6
    steps: bool = False

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` with every problem, also settings of the other kind."""
        super().check(name)
        problems = []
        for setting in OTHERS[self.kind]:
            value = getattr(self, setting)
            if value != getattr(Trees, setting):
                problems.append(
                    f"`{name or 'Trees'}.{setting}` must "
                    f"be left out with kind={self.kind!r}, "
                    "which does not use it; "
                    f"got {value!r}."
                )
        if problems:
            raise ParameterError("\n".join(problems))

    def build(self, n_channels: int, n_timepoints: int) -> BackboneModule:
        """Return a module without parameters that computes the features."""
        most = MOST_FEATURES[self.kind]
        n_steps = 0
        if self.steps and n_channels * n_timepoints <= MOST_VALUES:
            n_steps = n_timepoints
        return Quantiles(n_channels, n_timepoints, self.n_levels, most, n_steps)
