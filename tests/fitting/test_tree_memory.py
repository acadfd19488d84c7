"""The estimate of a plan knows trees, and the input layer of many channels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch

from makers import make_samples, plan_of, small
from multitide import MultiTaskEstimator
from multitide.backbones import Trees
from multitide.data._samples import Samples
from multitide.errors import ParameterError
from multitide.fitting import _memory
from multitide.fitting._forests import TreeFit
from multitide.fitting._tree_memory import tree_memory
from refusals import refused


def wide(n: int, n_channels: int, n_timepoints: int = 16) -> Samples:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, n_channels, n_timepoints)).astype(np.float32)
    return Samples.from_arrays(values, pd.DataFrame({"load": rng.normal(size=n)}))


def trees(kind: str, **params: object) -> MultiTaskEstimator:
    spec = Trees(kind=kind, n_trees=2, n_levels=0)  # type: ignore[arg-type]
    return MultiTaskEstimator(backbone=spec, verbose=0, random_state=0, **params)  # type: ignore[arg-type]


def test_the_tables_have_the_size_of_the_estimate() -> None:
    plan = plan_of(trees("extra_trees", training={"refit": "trees"}), wide(60, 5))
    (group,) = plan.groups
    (data,) = group.data
    assert data.validation is not None
    n_rows = 2 * (len(data.train.index) + len(data.validation.index))
    network = group.make_network()
    features = network.features(torch.zeros(1, 5, 16))[0]
    assert tree_memory(group).tables == 4 * n_rows * features.shape[1]


def test_trees_of_the_default_count() -> None:
    samples = wide(60, 30)
    of_both = plan_of(MultiTaskEstimator(max_epochs=1), samples).memory
    one_network = MultiTaskEstimator(backbone="lstm_fcn", max_epochs=1)
    of_network = plan_of(one_network, samples).memory
    assert of_both is not None
    assert of_network is not None
    assert of_network.trees == 0
    assert of_both.trees > 4 * 60 * 30 * 12  # the features alone
    assert of_both.batch == of_network.batch


def test_fits_that_cannot_hold_their_features_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_memory, "available_memory", lambda device: 500_000)
    estimator = trees("boosting")
    with refused("`X`", "features of trees", "fewer samples", error=ParameterError):
        estimator.fit(wide(400, 20))


def test_many_channels_need_memory_to_answer() -> None:
    few = plan_of(small(validation=None), wide(100, 2, 50)).memory
    many = plan_of(small(validation=None), wide(100, 100, 50)).memory
    assert few is not None
    assert many is not None
    assert many.answers > 4 * 4 * 100 * 100 * 50  # copies of the series
    assert many.total - few.total > many.answers / 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["boosting", "extra_trees"])
def test_growing_takes_about_what_is_estimated(kind: str) -> None:
    """Within a factor of two of what NumPy allocates."""
    plan = plan_of(trees(kind, validation=None), wide(4000, 30))
    (group,) = plan.groups
    plan_of(trees(kind, validation=None), make_samples())  # imports
    tracemalloc.start()
    TreeFit(group, None).run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    expected = tree_memory(group)
    estimate = expected.tables + expected.growing
    assert estimate / 2 < peak < 2 * estimate
