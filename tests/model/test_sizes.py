"""Counts of parameters add up for every sharing and agree with what the gradients reach."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch

from makers import make_samples, small
from multitide.backbones import Trees
from multitide.encodings._inputs import Inputs
from multitide.model._notebook_view import fitted_html
from multitide.model._sizes import last_weights, size_in_words, size_of, sizes_by_task
from multitide.network._network import Network
from multitide.representations import ModelFeatures
from multitide.sharing import SHARINGS, Hard

VARIANTS: dict[str, Any] = {name: spec() for name, spec in SHARINGS.items()}
VARIANTS |= {
    f"{name}, head_units": spec(head_units=6) for name, spec in SHARINGS.items()
}
VARIANTS |= {
    "hard, branch": Hard(branch=1),
    "hard, branch, head_units": Hard(branch=2, head_units=6),
}


@pytest.mark.parametrize("keep", ["joint", "per_task"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.slow
def test_the_counts_add_up_to_the_networks_parameters(variant: str, keep: str) -> None:
    estimator = small(sharing=VARIANTS[variant], max_epochs=2, keep=keep).fit(
        make_samples()
    )
    for network in estimator.model_.network_list:
        size = size_of(network)
        assert size.total == sum(
            parameter.numel() for parameter in network.parameters()
        )
        assert size.total == size.shared + sum(size.own.values()) + sum(
            size.heads.values()
        )
        assert [*size.own] == [*size.heads] == network.names
        assert (size.shared, size.own) == reached(network, len(network.names))
    table = sizes_by_task(estimator.model_)
    assert set(table.index) == {"state", "load"}
    assert list(table.columns) == ["shared", "own", "head"]


def reached(network: Network, n_tasks: int) -> tuple[int, dict[str, int]]:
    """Return the shared parameters and those below each head, found by gradients of the outputs."""
    torch.manual_seed(0)
    with torch.no_grad():
        for (
            parameter
        ) in network.heads.parameters():  # a head of zeros passes no gradient down
            parameter.copy_(torch.rand_like(parameter))
    outputs = network(torch.randn(4, 3, 20))
    below = list(network.sharing.parameters())
    gradients = [
        torch.autograd.grad(o.sum(), below, retain_graph=True, allow_unused=True)
        for o in outputs
    ]
    owners = [
        [task for task in range(n_tasks) if gradients[task][i] is not None]
        for i in range(len(below))
    ]
    own = {
        name: sum(
            p.numel() for p, whose in zip(below, owners, strict=True) if whose == [task]
        )
        for task, name in enumerate(network.names)
    }
    return sum(p.numel() for p in below) - sum(own.values()), own


def test_many_stacked_heads_are_counted_one_by_one() -> None:
    samples = make_samples()
    y = pd.DataFrame({f"load{i}": samples.y["load"] for i in range(9)})
    estimator = small(max_epochs=1).fit(samples.replace(y=y))
    (network,) = estimator.model_.network_list
    table = sizes_by_task(estimator.model_)
    assert (table["head"] == network.sharing.n_features + 1).all()
    assert table["shared"].iloc[0] + table["head"].sum() == size_of(network).total


def test_linear_heads_alone_share_nothing() -> None:
    estimator = small(backbone="linear").fit(make_samples())
    table = sizes_by_task(estimator.model_)
    assert (table[["shared", "own"]] == 0).all(axis=None)
    assert size_of(estimator.model_.network_list[0]).total == table["head"].sum()


def test_trees_share_nothing_and_are_counted() -> None:
    estimator = small(backbone=Trees(n_trees=5)).fit(make_samples())
    (network,) = estimator.model_.network_list
    table = sizes_by_task(estimator.model_)
    assert (table[["shared", "own"]] == 0).all(axis=None)
    numbers = 0
    for name, tensor in network.heads.state_dict().items():
        if name.split(".")[-1] in ("feature", "threshold", "value"):
            numbers += tensor.numel()
    assert size_of(network).total == table["head"].sum() == numbers
    assert "its trees take 0.0 MB" in size_in_words(estimator.model_)


def test_what_a_representation_has_learned_is_counted_too() -> None:
    samples = make_samples()
    first = small(max_epochs=1).fit(samples)
    (network,) = first.model_.network_list
    below = size_of(network).shared
    estimator = small(
        backbone="linear", inputs=Inputs(representation=ModelFeatures(first))
    ).fit(samples)
    heads = sizes_by_task(estimator.model_)["head"].sum()
    words = size_in_words(estimator.model_, estimator.representation_)
    assert words == (
        f"{below + heads:,} in 1 network, 0 of them shared by several tasks, "
        f"{below:,} of them in the representation"
    )


def test_a_set_that_is_only_stored_is_not_counted() -> None:
    estimator = small(keep="per_task", max_epochs=4, lr=0.01).fit(make_samples())
    pairs = zip(estimator.model_.network_list, estimator.model_.predicted, strict=True)
    running = [size_of(network).total for network, names in pairs if names]
    assert size_in_words(estimator.model_).startswith(
        f"{sum(running):,} in {len(running)} network"
    )


def test_the_weights_that_training_ended_with() -> None:
    estimator = small(weighting="uncertainty", max_epochs=3, lr=0.02).fit(
        make_samples()
    )
    last = estimator.history_[
        (estimator.history_["epoch"] == 3) & (estimator.history_["side"] == "train")
    ]
    weights = last_weights(estimator.history_)
    assert weights == dict(zip(last["task"], last["weight"], strict=True))
    text = fitted_html(estimator.stored_, estimator.history_)
    assert "weight at the end" in text
    assert f"{weights['load']:.4g}" in text


def test_without_weights_or_history_there_is_nothing_to_say() -> None:
    assert last_weights(small(max_epochs=1).fit(make_samples()).history_) == {}
    assert last_weights(pd.DataFrame()) == {}
