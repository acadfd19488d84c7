"""How much memory trees need while they are grown: their features, copies of them, and nodes."""

from __future__ import annotations

from dataclasses import dataclass

from multitide.backbones._batch_rows import batch_rows
from multitide.backbones._quantiles import MOST_VALUES as MOST_AT_ONCE
from multitide.backbones._trees import Trees
from multitide.fitting._feature_tables import MOST_BYTES
from multitide.fitting._forests import MOST_VALUES, heads_of
from multitide.fitting._grow_trees import MOST_NODES
from multitide.fitting._task_group import TaskGroup

FLOAT, DOUBLE = 4, 8  # bytes
# Of each value of the series whose features are computed: the series and its changes, each with
# masks, numbers centred in float64 and steps; and where the quantiles of intervals are sorted.
OF_STATISTICS, OF_QUANTILES = 40, 60
# scikit-learn's copies of a feature table while boosted trees are grown: of the labelled rows, of
# the columns that vary, in float64, and binned by rows and by columns.
OF_BOOSTING = 2 * FLOAT + DOUBLE + 2
OF_FOREST = 2 * FLOAT
OF_NODE = 64  # and each of its outputs in float64


@dataclass(frozen=True)
class TreeMemory:
    """What the trees of a group of tasks need.

    Attributes
    ----------
    tables : int
        Bytes of the features of the training and validation set, and of both together.
    growing : int
        Bytes while the trees of a task are grown.
    computing : int
        Bytes while a table is computed.
    """

    tables: int
    growing: int
    computing: int


def tree_memory(group: TaskGroup) -> TreeMemory:
    """Return what the trees of a group of tasks need; its backbone must be :class:`Trees`."""
    trees = group.recipe.backbone
    if not isinstance(trees, Trees):
        raise TypeError(f"the backbone must be Trees; got {trees!r}")
    (data,) = group.data
    sketch = group.sketch()
    n_features = heads_of(sketch)[0].n_features
    most = max(1, MOST_VALUES // n_features)
    n_train, n_validation = min(most, group.n_rows), 0
    if data.validation is not None:
        n_validation = min(most, len(data.validation.index))
    n_all = 0
    if n_validation and group.recipe.training.refit in (True, "trees"):
        n_all = min(most, group.n_rows + n_validation)
    n_grown = max(n_train, n_all)
    if trees.kind == "boosting":
        growing = OF_BOOSTING * n_features * n_grown
    else:
        n_outputs = max(target.n_outputs for target in group.targets)
        n_nodes = min(MOST_NODES, 2 * n_grown * trees.n_trees)
        growing = OF_FOREST * n_features * n_grown
        growing += (OF_NODE + DOUBLE * n_outputs) * n_nodes
    samples = data.samples
    size = batch_rows(sketch.modules(), samples.n_channels, samples.n_timepoints)
    at_once = min(n_grown, size) * samples.n_channels * samples.n_timepoints
    computing = OF_STATISTICS * at_once
    if trees.n_levels:
        computing += OF_QUANTILES * min(at_once, MOST_AT_ONCE)
    tables = FLOAT * n_features * (n_train + n_validation + n_all)
    return TreeMemory(tables, growing, computing)


def memory_of_trees(groups: list[TaskGroup]) -> int:
    """Return the bytes that groups of trees need, which are grown one after the other.

    The tables of earlier groups are kept up to a size, and those of the same features once.
    """
    largest = kept = 0
    known = set()
    for group in groups:
        own = tree_memory(group)
        largest = max(largest, own.tables + max(own.growing, own.computing))
        if own.tables not in known:
            known.add(own.tables)
            kept += own.tables
    return largest + min(MOST_BYTES, max(0, kept - min(known, default=0)))
