"""Networks of trees with the same features compute them once, with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from makers import make_samples, plan_of
from multitide import MultiTaskEstimator
from multitide.backbones import Trees
from multitide.backbones._quantiles import Quantiles
from multitide.data._samples import Samples
from multitide.encodings import Inputs
from multitide.encodings._static import StaticLayer
from multitide.fitting._forests import TreeFit
from multitide.fitting._task_group import TaskGroup
from multitide.network._network import Network, Predictor
from multitide.network._shared_features import feature_key
from multitide.training._decode_samples import decode_samples

CPU = torch.device("cpu")


def with_static(samples: Samples) -> Samples:
    kinds = np.array(["old", "new", "new"])[np.arange(len(samples)) % 3]
    age = np.arange(len(samples)) * 1.0
    return samples.replace(static=pd.DataFrame({"age": age, "kind": kinds}))


SAMPLES = with_static(make_samples(60, unequal=True))


def groups() -> list[TaskGroup]:
    """Return three groups of trees on the same rows, which read statistics."""
    plan = plan_of(MultiTaskEstimator(verbose=0, random_state=0), SAMPLES)
    found = []
    for group in plan.extra_groups:
        backbone = group.recipe.backbone
        if isinstance(backbone, Trees) and backbone.n_levels <= 1:
            found.append(group)
    return found


@pytest.fixture(scope="module")
def grown() -> list[Network]:
    networks = []
    for group in groups():
        backbone = replace(group.recipe.backbone, n_trees=3)  # type: ignore[type-var]
        group.recipe = replace(group.recipe, backbone=backbone)
        own, _ = TreeFit(group, None).run()
        networks += own
    assert len(networks) == 3
    return networks


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is called of the layers that compute features of trees."""
    called: list[str] = []

    def counted(kind: type, name: str) -> None:
        original: Callable[..., object] = getattr(kind, name)

        def method(self: object, *args: object) -> object:
            called.append(name)
            return original(self, *args)

        monkeypatch.setattr(kind, name, method)

    counted(Quantiles, "_features")
    counted(StaticLayer, "encode")
    return called


def predictor_of(networks: list[Network]) -> Predictor:
    share = {name: 1 / len(networks) for name in networks[0].names}
    names = [network.names for network in networks]
    return Predictor(networks, names, [share] * len(networks)).eval()


def test_a_prediction_computes_them_once_with_the_same_bits(
    grown: list[Network], calls: list[str]
) -> None:
    together = decode_samples(predictor_of(grown), SAMPLES, CPU, "")
    assert sorted(calls) == ["_features", "encode"]
    alone: dict[str, torch.Tensor] = {}
    for network in grown:
        own = decode_samples(Predictor([network], [network.names]), SAMPLES, CPU, "")
        for name, values in own.items():
            part = 1 / len(grown) * torch.from_numpy(values)
            alone[name] = alone[name] + part if name in alone else part
    for name, values in together.items():
        assert np.array_equal(values, alone[name].numpy())


def test_networks_of_other_rows_compute_their_own(
    grown: list[Network], calls: list[str]
) -> None:
    other = groups()[0].make_network().eval()  # `grown` has read all rows
    calls.clear()
    assert feature_key(other) != feature_key(grown[0])
    decode_samples(predictor_of([grown[0], other]), SAMPLES, CPU, "")
    assert sorted(calls) == ["_features"] * 2 + ["encode"] * 2


def test_coarse_features_are_taken_from_finer_ones(
    grown: list[Network], calls: list[str]
) -> None:
    group = groups()[0]
    finer = Trees(kind="boosting", n_trees=3, n_levels=3)
    group.recipe = replace(group.recipe, backbone=finer)
    networks = [grown[0], *TreeFit(group, None).run()[0]]
    calls.clear()
    together = decode_samples(predictor_of(networks), SAMPLES, CPU, "")
    assert sorted(calls) == ["_features", "encode"]
    alone = []
    for network in networks:
        predictor = Predictor([network], [network.names])
        alone.append(decode_samples(predictor, SAMPLES, CPU, ""))
    for name, values in together.items():
        halves = [0.5 * torch.from_numpy(each[name]) for each in alone]
        assert np.array_equal(values, (halves[0] + halves[1]).numpy())


def network_of(samples: Samples, **params: object) -> Network:
    settings = {"backbone": "trees", "verbose": 0, "validation": None, **params}
    plan = plan_of(MultiTaskEstimator(**settings), samples)  # type: ignore[arg-type]
    return plan.groups[0].make_network()


@pytest.mark.parametrize(
    "other",
    [
        lambda: network_of(SAMPLES, backbone={"name": "trees", "n_levels": 1}),
        lambda: network_of(SAMPLES, inputs=Inputs(clip=0.2)),
        lambda: network_of(SAMPLES, inputs=Inputs(pool=2)),
        lambda: network_of(SAMPLES.replace(static=None)),
        lambda: network_of(SAMPLES[np.arange(59)]),
        lambda: network_of(SAMPLES.replace(static=SAMPLES.static + SAMPLES.static)),
    ],
    ids=["levels", "clip", "pool", "no static", "rows", "static"],
)
def test_what_changes_the_features_changes_the_key(
    other: Callable[[], Network],
) -> None:
    same = network_of(SAMPLES), network_of(SAMPLES, backbone="trees", random_state=3)
    assert feature_key(same[0]) == feature_key(same[1]) is not None
    assert feature_key(other()) != feature_key(same[0])


def test_trained_features_are_never_shared() -> None:
    assert feature_key(network_of(SAMPLES, backbone="fcn")) is None
