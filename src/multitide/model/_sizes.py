"""Number of parameters of a model: in total, shared by tasks, and per task."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from multitide._count_values import count_values
from multitide.encodings._representation import Encoder
from multitide.network._forest import bytes_of_forests, n_values_of_forests
from multitide.network._network import Network, Predictor


@dataclass(frozen=True)
class Size:
    """Number of parameters of a network; `total` is the sum of the others.

    Attributes
    ----------
    total : int
        All parameters, including frozen ones.
    shared : int
        Parameters that losses of several tasks reach: shared blocks, mixtures, and layers that
        belong to a data set. Parameters that are only tied (soft sharing) are not shared.
    own, heads : dict of str to int
        Parameters that only one task has, below its head and in it.
    """

    total: int
    shared: int
    own: dict[str, int]
    heads: dict[str, int]


def size_of(network: Network) -> Size:
    """Count the parameters of a network; with a single task nothing is shared.

    Trees have a feature and a threshold per node and the numbers of their leaves.
    """
    total = count_values(network.parameters())
    heads = {}
    for name, head in zip(network.names, network.heads, strict=True):
        heads[name] = count_values(head.parameters()) + n_values_of_forests(head)
    total += n_values_of_forests(network)
    if len(network.names) == 1:
        (only,) = network.names
        return Size(total, 0, {only: total - heads[only]}, heads)
    each = network.sharing.own_parameters() or [[] for _ in network.names]
    own = {}
    for name, parameters in zip(network.names, each, strict=True):
        own[name] = count_values(parameters)
    return Size(total, total - sum(own.values()) - sum(heads.values()), own, heads)


def sizes_by_task(predictor: Predictor) -> pd.DataFrame:
    """Return the number of parameters that predict each task.

    Returns
    -------
    DataFrame
        One row per task, in the order of the networks: ``shared`` (with other tasks, in the
        networks that predict it), ``own`` (below its head), ``head``.
    """
    rows: dict[str, Counter[str]] = {}
    for network, names in predictor.pairs:
        size = size_of(network)
        for name in names:
            counts = rows.setdefault(name, Counter())
            counts["shared"] += size.shared
            counts["own"] += size.own[name]
            counts["head"] += size.heads[name]
    return pd.DataFrame.from_dict(rows, orient="index")


def tasks_without_epochs(predictor: Predictor) -> list[str]:
    """Return the tasks that only trees and linear heads predict, without a trained network."""
    of_others: list[str] = []
    of_networks: list[str] = []
    for network, names in predictor.pairs:
        if network.backbone is None or network.backbone.is_trained:
            of_networks += names
        else:
            of_others += names
    return [name for name in dict.fromkeys(of_others) if name not in of_networks]


def size_in_words(predictor: Predictor, encoder: Encoder | None = None) -> str:
    """Return in words how many parameters ``predict`` uses, and how many of them are shared.

    A joint set of weights that is only stored does not count; the trained parameters of a
    representation do.
    """
    if encoder is None:
        in_encoder = 0
    else:
        in_encoder = encoder.n_parameters
    n_networks, total, shared = 0, in_encoder, 0
    for network, names in predictor.pairs:
        if names:
            size = size_of(network)
            n_networks += 1
            total += size.total
            shared += size.shared
    if n_networks == 1:
        networks = "1 network"
    else:
        networks = f"{n_networks} networks"
    text = f"{total:,} in {networks}, {shared:,} of them shared by several tasks"
    n_bytes = bytes_of_forests(predictor)
    if n_bytes:
        text += f"; its trees take {n_bytes / 1e6:.1f} MB"
    if in_encoder:
        text += f", {in_encoder:,} of them in the representation"
    return text


def last_weights(history: pd.DataFrame) -> dict[str, float]:
    """Return the weight of each task's loss in its last epoch; empty if all weights are 1.

    Parameters
    ----------
    history : DataFrame
        ``estimator.history_``, which is empty for a model that was loaded from a model folder.
    """
    if not len(history):
        return {}
    rows = history[history["side"] == "train"]
    last = rows.loc[rows.groupby("task", sort=False)["epoch"].idxmax()]
    weights = {}
    for task, weight in zip(last["task"], last["weight"], strict=True):
        weights[str(task)] = float(weight)
    if all(weight == 1 for weight in weights.values()):
        return {}
    return weights
