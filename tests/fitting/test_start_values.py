"""Trees of forecasts start from the last value of the input, and equal scikit-learn's trees."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

from makers import small
from multitide import MultiTaskEstimator, Samples
from multitide.backbones import Trees
from multitide.encodings._inputs import Inputs
from multitide.network._forest_head import ForestHead
from multitide.tasks import Forecast
from multitide.tasks._forecast import last_values
from multitide.training._settings import Training

every_kind = pytest.mark.parametrize("kind", ["extra_trees", "boosting"])


def trees(kind: str = "extra_trees", min_samples_leaf: int | None = None) -> Trees:
    """Return few small trees."""
    if kind == "boosting":
        min_samples_leaf = 5
    return Trees(
        kind=kind,  # type: ignore[arg-type]
        n_trees=12,
        n_levels=2,
        min_samples_leaf=min_samples_leaf,
    )


def head_of(estimator: MultiTaskEstimator) -> ForestHead:
    (network,) = estimator.model_.network_list
    (head,) = network.heads
    assert isinstance(head, ForestHead)
    return head


def walks(missing: float = 0.2) -> Samples:
    """Return random walks with a drift, which leave the range that training has seen."""
    rng = np.random.default_rng(0)
    n, horizon = 200, 3
    steps = rng.normal(size=n + 8 + horizon) + 3.0
    walk = 1000 + np.cumsum(steps)
    X = np.stack([[walk[i : i + 8], rng.normal(size=8)] for i in range(n)])
    y = {}
    for step in range(1, horizon + 1):
        y[f"load[+{step}]"] = walk[7 + step : 7 + step + n]
    labels = pd.DataFrame(y)
    labels = labels.mask(rng.random(labels.shape) < missing)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[5, 0] = np.nan
    return Samples.from_arrays(
        X.astype(np.float32), labels, channels=["load", "noise"], series=np.zeros(n)
    )


WALK = [Forecast("load", horizon=3)]


@every_kind
def test_a_forecast_of_an_input_starts_from_its_last_value(
    kind: str, tmp_path: Path
) -> None:
    samples = walks()
    seen, later = samples[np.arange(120)], samples[np.arange(120, 200)]
    fitted = small(tasks=WALK, backbone=trees(kind), validation=None).fit(seen)
    predicted = fitted.predict(later)
    errors = (predicted - later.y).abs()
    assert errors.mean().max() < 6
    last = last_values(later, WALK[0])
    drift = (predicted["load[+3]"] - last).mean()
    assert 6 < drift < 12
    loaded = MultiTaskEstimator.load(fitted.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(later), predicted, check_exact=True)


@pytest.mark.parametrize(
    ("loss", "scale"), [("mse", "standard"), ("mae", "robust"), ("huber", "none")]
)
def test_started_forecasts_are_those_of_scikit_learn_on_differences(
    loss: str, scale: str
) -> None:
    samples = walks(missing=0).replace(lengths=np.full(200, 8) - np.arange(200) % 2)
    task = Forecast("load", horizon=3, loss=loss)  # type: ignore[arg-type]
    spec = dataclasses.replace(trees("boosting"), max_features=1.0)
    inputs = Inputs(scale=scale, encodings=("difference",))  # type: ignore[arg-type]
    fitted = small(tasks=[task], backbone=spec, validation=None, inputs=inputs)
    fitted.fit(samples)
    (network,) = fitted.model_.network_list
    x, lengths = torch.tensor(samples.gather(slice(None))), samples.lengths
    (read,) = network.features(x, torch.tensor(lengths))
    last = last_values(samples, task)
    assert last is not None
    known = ~np.isnan(last)
    assert not known.all()
    # To predict, the mean of the labels takes the place of a missing last value.
    start = np.where(known, last, samples.y.to_numpy().mean())
    kind = {"mae": "absolute_error"}.get(loss, "squared_error")
    model = HistGradientBoostingRegressor(
        loss=kind,
        max_iter=12,
        max_depth=24,
        min_samples_leaf=5,
        max_bins=63,
        early_stopping=False,
    )
    spread = samples.y.to_numpy().std()
    for step in samples.y:
        differences = (samples.y[step] - start) / spread
        model.fit(read[known], differences[known])
        expected = start + spread * model.predict(read)
        found = fitted.predict(samples)[step]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@every_kind
def test_the_losses_of_the_history_are_those_of_started_forecasts(kind: str) -> None:
    samples = walks()
    fitted = small(tasks=WALK, backbone=trees(kind)).fit(
        samples[np.arange(120)], validation=samples[np.arange(140, 200)]
    )
    history = fitted.history_.set_index("side")["loss"]
    for side, rows in (("train", (0, 120)), ("validation", (140, 200))):
        table = fitted.evaluate(samples[np.arange(*rows)])
        found = table.query("metric == 'loss'")["value"].item()
        assert history[side] == pytest.approx(found, rel=1e-5)


def test_where_trees_are_no_better_the_last_value_and_the_drift_predict() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1, 8)).astype(np.float32)
    y = {}
    for step in (1, 2, 3):
        y[f"load[+{step}]"] = X[:, 0, -1] + 3 * step + rng.normal(size=200)
    samples = Samples.from_arrays(X, pd.DataFrame(y), channels=["load"])
    head = head_of(small(tasks=WALK, backbone=trees(), validation=0.4).fit(samples))
    assert head.share >= 0.5
    target = WALK[0].fit_target(samples.y)
    drift = head.constant.diff().numpy() * float(target.scale)
    np.testing.assert_allclose(drift, 3, atol=0.5)


@every_kind
def test_a_refit_starts_from_the_last_value_too(kind: str) -> None:
    samples = walks()
    seen = samples[np.arange(150)]
    fitted = small(tasks=WALK, backbone=trees(kind), training=Training(refit=True))
    later = samples[np.arange(150, 200)]
    errors = fitted.fit(seen).predict(later) - later.y
    assert errors.abs().mean().max() < 6


@pytest.mark.filterwarnings("ignore:channels .* have no measured value")
@pytest.mark.parametrize("n_missing", [120, 200])
def test_a_channel_that_is_mostly_missing_is_no_start(n_missing: int) -> None:
    samples = walks()
    X = samples.gather(slice(None))
    X[:n_missing, 0] = np.nan
    rows = Samples.from_arrays(X, samples.y, channels=samples.channels)
    fitted = small(tasks=WALK, backbone=trees(), validation=None).fit(rows)
    assert not head_of(fitted).has_start


def test_other_forecasts_have_no_start() -> None:
    samples = walks()
    unknown = [Forecast("next", column="other", horizon=3)]
    y = samples.y.set_axis(unknown[0].columns, axis=1)
    fitted = small(tasks=unknown, backbone=trees()).fit(samples.replace(y=y))
    assert not head_of(fitted).has_start
