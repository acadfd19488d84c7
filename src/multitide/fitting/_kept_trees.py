"""The trees of a task in the store of a fit, so that a fit that is taken up does not grow them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from multitide.network._forest import Forest, ForestArrays, ForestShape
from multitide.training._checkpoint_store import CheckpointStore, State, restoring

ARRAYS = ("feature", "threshold", "value", "base")


@dataclass(frozen=True)
class Choice:
    """What the validation set has chosen for a task.

    Attributes
    ----------
    setting : int
        Of the trees; see :class:`Grown`.
    share : float
        Weight of the best constant in the answer.
    loss : float
        On the rows that chose; infinite if there were none.
    """

    setting: int
    share: float
    loss: float = np.inf


@dataclass(frozen=True)
class ChosenTrees:
    """The trees of a task with the chosen setting.

    Attributes
    ----------
    arrays : ForestArrays
    choice : Choice
    """

    arrays: ForestArrays
    choice: Choice


def kept_trees(
    store: CheckpointStore | None, n_features: int, grow: Callable[[], ChosenTrees]
) -> ChosenTrees:
    """Return the next trees of a store; grow and keep them if it has none.

    Parameters
    ----------
    store : CheckpointStore or None
        None: they are grown.
    n_features : int
        Number of features that the trees can read.
    grow : callable
        Grows them.
    """
    if store is None:
        return grow()
    number = store.begin_piece()
    state = store.read(number)
    if state is not None:
        with restoring(store.path_of(number)):
            return _trees_of(state, n_features)
    trees = grow()
    store.write(number, _state_of(trees))
    return trees


def _state_of(trees: ChosenTrees) -> State:
    tensors = {}
    for name in ARRAYS:
        tensors[name] = torch.from_numpy(getattr(trees.arrays, name))
    values = {
        "shape": dataclasses.asdict(trees.arrays.shape),
        "choice": dataclasses.asdict(trees.choice),
    }
    return State(tensors, values)


def _trees_of(state: State, n_features: int) -> ChosenTrees:
    stored = {}
    for name in ARRAYS:
        stored[name] = state.tensors[name].numpy()
    shape = ForestShape(**state.values["shape"])
    if len(stored["feature"]) != shape.n_nodes:
        raise ValueError("the trees must have as many nodes as their arrays")
    arrays = ForestArrays(shape, **stored)
    Forest.of(arrays, n_features)  # raises if they are not trees
    return ChosenTrees(arrays, Choice(**state.values["choice"]))
