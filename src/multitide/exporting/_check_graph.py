"""Compare a graph with the model that it was made of, before anybody gets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from multitide.errors import MultitideError
from multitide.exporting._example_inputs import Feed, as_tensors, example_inputs
from multitide.exporting._exported_model import ExportedModel
from multitide.exporting._relative_error import relative_error
from multitide.model._schema import DataRecord
from multitide.network._forest import forests_of

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-5  # relative
# Rows that may reach another leaf of a tree: the last bits of a feature decide at a threshold.
MOST_OTHER_LEAVES = 0.001


class Compared(NamedTuple):
    """How many rows were compared, and in how many of them a tree answers with another leaf."""

    n_rows: int
    n_other: int


def check_graph(
    graph: onnx.ModelProto,
    model: ExportedModel,
    record: DataRecord,
) -> Compared:
    """Raise unless the graph predicts what the model predicts, on several shapes and with NaN.

    Returns
    -------
    Compared
        Numbers of rows.

    Raises
    ------
    MultitideError
        With the task and the size of the difference.
    """
    from onnxruntime import InferenceSession

    session = InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    n_rows, n_other = 0, 0
    for seed, shape in enumerate(_shapes(model, record)):
        feed = example_inputs(model, *shape, seed=seed)
        found = session.run(None, feed.by_name())
        other = _other_rows(model, feed, found)
        n_rows += shape[0]
        n_other += other
    if n_other > MOST_OTHER_LEAVES * n_rows:
        raise MultitideError(
            f"At most {MOST_OTHER_LEAVES:.1%} of rows may reach another leaf of a tree in "
            f"the graph; {n_other} of {n_rows} do. Use a network without trees."
        )
    return Compared(n_rows, n_other)


def _shapes(model: ExportedModel, record: DataRecord) -> list[tuple[int, int]]:
    """Return numbers of rows and steps; with trees more rows, of which few may differ."""
    many = 33
    if forests_of(model):
        many = 2000
    length = model.n_timepoints
    if length is not None:
        return [(1, length), (many, length)]
    usual = max(record.n_timepoints, model.shortest)
    return [(1, usual), (many, usual), (3, model.shortest), (5, usual + 7)]


def _other_rows(
    model: ExportedModel,
    feed: Feed,
    found: Sequence[np.ndarray],
) -> int:
    """Return the number of rows that differ in a task of trees; raise if another task does."""
    with torch.no_grad():
        expected = model(*as_tensors(feed))
    differs = np.zeros(len(feed.series), dtype=bool)
    of_outputs = [model.targets[task] for task in (*model.tasks, *model.with_interval)]
    for target, tensor, values in zip(of_outputs, expected, found, strict=True):
        error = relative_error(target, tensor.numpy(), values)
        too_large = error > TOLERANCE
        if too_large.any() and not model.has_trees(target.task.name):
            raise MultitideError(
                f"The graph must predict `{target.task.name}` as the model does; "
                f"a relative difference is {error.max():.2g}, more than {TOLERANCE:g}. "
                "Install the versions of torch and onnxscript in constraints.txt."
            )
        differs |= too_large
    return int(differs.sum())
