"""The features of trees are computed once per fit and set of rows, with the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from makers import make_samples, plan_of
from multitide import MultiTaskEstimator
from multitide.backbones import Trees
from multitide.data._samples import Samples
from multitide.fitting import _cross_fit, _feature_tables, _forests
from multitide.fitting._feature_tables import FeatureTables
from multitide.fitting._fit_model import fit_model
from multitide.network._network import Network
from multitide.representations._features import features_of

SAMPLES = make_samples(60)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Samples]:
    """Return the samples whose features are computed."""
    found: list[Samples] = []

    def counted(networks: list[Network], samples: Samples) -> np.ndarray:
        found.append(samples)
        return features_of(networks, samples)

    monkeypatch.setattr(_feature_tables, "features_of", counted)
    return found


def network() -> Network:
    plan = plan_of(MultiTaskEstimator(backbone="trees", validation=None), SAMPLES)
    return plan.groups[0].make_network().eval()


def test_a_table_is_computed_once_and_has_the_same_bits(
    computed: list[Samples],
) -> None:
    tables, rows = FeatureTables(), np.arange(0, 60, 2)
    first = tables.table(network(), SAMPLES, rows)
    assert tables.table(network(), SAMPLES, rows.copy()) is first
    assert len(computed) == 1
    assert np.array_equal(first, features_of([network()], SAMPLES[rows]))
    others = tables.table(network(), SAMPLES, rows + 1)
    assert not np.array_equal(others, first)
    twin = tables.table(network(), make_samples(60, seed=1), rows)
    assert not np.array_equal(twin, first)


def test_memory_is_bounded_and_the_table_read_last_stays(
    computed: list[Samples],
) -> None:
    rows = [np.arange(i, i + 20) for i in range(3)]
    size = features_of([network()], SAMPLES[rows[0]]).nbytes
    tables = FeatureTables(most_bytes=2 * size)
    for each in (0, 1, 0, 2, 0, 1):
        tables.table(network(), SAMPLES, rows[each])
    assert len(computed) == 4  # the second of the three was read longest ago
    none = FeatureTables(most_bytes=size - 1)
    assert tables.table(network(), SAMPLES, rows[0]).shape == (20, size // 80)
    none.table(network(), SAMPLES, rows[0])
    none.table(network(), SAMPLES, rows[0])
    assert len(computed) == 6


def test_the_trees_of_a_default_fit_compute_each_table_once(
    computed: list[Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    table = FeatureTables.table

    def counted(
        self: FeatureTables, network: Network, samples: Samples, rows: np.ndarray
    ) -> np.ndarray:
        asked.append(len(rows))
        return table(self, network, samples, rows)

    monkeypatch.setattr(_forests.FeatureTables, "table", counted)
    monkeypatch.setattr(_cross_fit, "MOST_ROWS", 0)  # which reads other rows, too
    groups = []
    for group in plan_of(MultiTaskEstimator(random_state=0), SAMPLES).extra_groups:
        if isinstance(group.recipe.backbone, Trees):
            few = replace(group.recipe.backbone, n_trees=2)
            group.recipe = replace(group.recipe, backbone=few)
            groups.append(group)
    fit_model(groups)
    # Four groups of trees read the training set, the validation set, and both. One of them has
    # other features than the others.
    assert len(asked) == 12
    assert sorted(map(len, computed)) == sorted([*set(asked), *set(asked)])
