"""How many parameters a model has: all that ``predict`` runs, what its tasks share, and what each has for itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from torch import nn

from multitide.encodings._representation import Encoder
from multitide.network._network import Answers, Network


@dataclass(frozen=True)
class Size:
    """The parameters of a network, by which tasks' losses reach them; `total` is the sum of the others.

    Attributes
    ----------
    total : int
        All of them, those that a fine-tuning has frozen too.
    shared : int
        Those of more than one task: shared blocks, mixtures, what data sets have for themselves.
        What merely ties tasks (soft sharing) makes nothing shared.
    own, heads : dict of str to int
        For each task those that it has for itself, below its head and in it.
    """

    total: int
    shared: int
    own: dict[str, int]
    heads: dict[str, int]


def size_of(network: Network) -> Size:
    """Count the parameters of a network; with a single task nothing is shared."""
    total = count(network.parameters())
    heads = {
        name: count(head.parameters())
        for name, head in zip(network.names, network.heads, strict=True)
    }
    if len(network.names) == 1:
        (only,) = network.names
        return Size(total, 0, {only: total - heads[only]}, heads)
    each = network.sharing.own_parameters() or [[] for _ in network.names]
    own = {name: count(parameters) for name, parameters in zip(network.names, each, strict=True)}
    return Size(total, total - sum(own.values()) - sum(heads.values()), own, heads)


def sizes_by_task(answers: Answers) -> pd.DataFrame:
    """Return for each task the parameters that its answer is made with: a row a task, in the order of the networks.

    Returns
    -------
    DataFrame
        Indexed by task: ``shared`` (of the network that answers it, with other tasks), ``own``
        (below its head), ``head``.
    """
    pairs = [
        (size_of(network), names)
        for network, names in zip(answers.network_list, answers.answered, strict=True)
    ]
    rows = {
        name: {"shared": size.shared, "own": size.own[name], "head": size.heads[name]}
        for size, names in pairs
        for name in names
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def size_in_words(answers: Answers, encoder: Encoder | None = None) -> str:
    """Say in a line how many parameters ``predict`` runs, and how many of them several tasks share.

    A joint set of weights that is only stored does not count; what a representation has learned
    does.
    """
    pairs = zip(answers.network_list, answers.answered, strict=True)
    sizes = [size_of(network) for network, names in pairs if names]
    below = 0 if encoder is None else encoder.n_parameters
    total, shared = sum(size.total for size in sizes) + below, sum(size.shared for size in sizes)
    networks = f"{len(sizes)} {'network' if len(sizes) == 1 else 'networks'}"
    also = f", {below:,} of them in the representation" if below else ""
    return f"{total:,} in {networks}, {shared:,} of them shared by several tasks{also}"


def count(parameters: Iterable[nn.Parameter]) -> int:
    """Return how many numbers there are in some parameters."""
    return sum(parameter.numel() for parameter in parameters)


def ending_weights(history: pd.DataFrame) -> dict[str, float]:
    """Return the weight of each task's loss in the last epoch of its training; empty where all of them are 1.

    Parameters
    ----------
    history : DataFrame
        ``estimator.history_``; of a bare model folder, which has none, it is empty.
    """
    if not len(history):
        return {}
    rows = history[history["side"] == "train"]
    last = rows.loc[rows.groupby("task", sort=False)["epoch"].idxmax()]
    weights = {
        str(task): float(weight) for task, weight in zip(last["task"], last["weight"], strict=True)
    }
    return {} if all(weight == 1 for weight in weights.values()) else weights
