"""Survival: loss and metrics against formulas and scikit-survival; every contract of a kind."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import multitide as mt
from multitide.tasks import SurvivalTarget, labelled, task_from_config, task_to_config
from multitide.tasks._survival_metrics import c_index, integrated_brier
from refusals import refused

TASK = mt.Survival("stay", time="hours", event="left", n_bins=8)


def make_labels(
    n: int = 200, seed: int = 0, missing: float = 0.3, ties: bool = False
) -> pd.DataFrame:
    """Times of events and of the end of observation; some lack the time, the event or both."""
    rng = np.random.default_rng(seed)
    life, watched = rng.exponential(50, n), rng.exponential(70, n)
    if ties:
        life, watched = life.round(-1), watched.round(-1)
    table = pd.DataFrame(
        {"hours": np.minimum(life, watched), "left": (life <= watched).astype(float)}
    )
    absent = rng.random((n, 2)) < missing / 2
    absent[:4] = False
    return table.mask(absent)


def known(labels: pd.DataFrame) -> np.ndarray:
    return labels.notna().all(axis=1).to_numpy()


@pytest.fixture
def target() -> SurvivalTarget:
    return TASK.fit_target(make_labels())


def random_curves(target: SurvivalTarget, n: int, seed: int = 0) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(n, target.n_outputs, generator=generator) - 1
    curves: np.ndarray = target(output).numpy()
    return curves


def test_the_loss_is_the_likelihood_of_the_hazards(target: SurvivalTarget) -> None:
    labels = make_labels(seed=1)
    output = torch.randn(200, target.n_outputs, dtype=torch.float64)
    hazards = output.sigmoid().numpy()
    losses = target.row_loss(output, torch.from_numpy(target.encode(labels)))
    edges = target.edges
    for row, (time, event) in enumerate(labels.itertuples(index=False)):
        if np.isnan([time, event]).any():
            assert losses[row] == 0
            continue
        survived = [k for k in range(len(edges) - 1) if time > edges[k + 1]]
        chance = np.prod([1 - hazards[row, k] for k in survived])
        here = len(survived)
        if here < target.n_outputs:
            middle = (edges[here] + edges[here + 1]) / 2
            if event:
                chance *= hazards[row, here]
            elif time >= middle:
                chance *= 1 - hazards[row, here]
        expected = -np.log(chance) / float(target.trivial_loss)
        assert losses[row].item() == pytest.approx(expected, rel=1e-5)


def test_row_losses_agree_with_the_training_loss(target: SurvivalTarget) -> None:
    labels = make_labels(seed=2)
    output = torch.randn(200, target.n_outputs)
    in_training = target.row_loss(output, torch.from_numpy(target.encode(labels)))
    afterwards = target.row_losses(labels, target(output).numpy())
    assert np.array_equal(np.isnan(afterwards), ~known(labels))
    np.testing.assert_allclose(
        np.nan_to_num(afterwards), in_training.numpy(), rtol=1e-4, atol=1e-6
    )


def test_the_best_constant_is_kaplan_meier_and_its_loss_is_one() -> None:
    functions = pytest.importorskip("sksurv.functions")
    nonparametric = pytest.importorskip("sksurv.nonparametric")
    labels = make_labels(400, missing=0.0)
    target = TASK.fit_target(labels)
    codes = torch.from_numpy(target.encode(labels))
    assert target.mean_loss(target.bias.expand(400, -1), codes).item() == pytest.approx(
        1, abs=1e-5
    )
    for step in torch.randn(20, target.n_outputs):
        other = target.bias + 0.1 * step
        assert target.mean_loss(other.expand(400, -1), codes).item() >= 1 - 1e-5
    times, curve = nonparametric.kaplan_meier_estimator(
        labels["left"].to_numpy() == 1, labels["hours"].to_numpy()
    )
    expected = functions.StepFunction(times, curve)(target.edges[1:-1])
    np.testing.assert_allclose(target.constant(1)[0][:-1], expected, atol=0.03)


def test_weights_count_like_repeated_rows() -> None:
    labels = make_labels(60, missing=0.0)
    weights = np.random.default_rng(0).integers(1, 4, 60)
    twice = labels.loc[labels.index.repeat(weights)].reset_index(drop=True)
    edges = TASK.fit_target(twice).edges
    weighed = SurvivalTarget(TASK, edges.tolist())
    weighed.learn(TASK.read_labels(labels), weights.astype(float))
    repeated = SurvivalTarget(TASK, edges.tolist())
    repeated.learn(TASK.read_labels(twice))
    torch.testing.assert_close(weighed.bias, repeated.bias)
    torch.testing.assert_close(weighed.trivial_loss, repeated.trivial_loss)
    curves = random_curves(weighed, 60)
    truth = TASK.read_labels(labels)
    some = weighed.metric_values(truth, curves, weights.astype(float))
    all_rows = weighed.metric_values(
        np.repeat(truth, weights, axis=0), np.repeat(curves, weights, axis=0)
    )
    assert some["integrated_brier"] == pytest.approx(all_rows["integrated_brier"])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_metrics_are_those_of_scikit_survival(seed: int, ties: bool) -> None:
    metrics = pytest.importorskip("sksurv.metrics")
    util = pytest.importorskip("sksurv.util")
    labels = make_labels(150, seed, missing=0.0, ties=ties)
    target = TASK.fit_target(labels)
    curves = random_curves(target, 150, seed)
    times, events = labels["hours"].to_numpy(), labels["left"].to_numpy()
    risk = target.risk(curves)
    ones = np.ones(150)
    expected = metrics.concordance_index_censored(events == 1, times, risk)[0]
    assert c_index(times, events, risk, ones) == pytest.approx(expected)
    truth = util.Surv.from_arrays(events == 1, times)
    within = (target.edges[1:] >= times.min()) & (target.edges[1:] < times.max())
    grid = target.edges[1:][within]
    score = metrics.integrated_brier_score(truth, truth, curves[:, within], grid)
    found = integrated_brier(times, events, curves, target.edges, ones)
    assert found == pytest.approx(score)


def test_the_median_is_where_the_curve_crosses_one_half() -> None:
    target = SurvivalTarget(TASK, [0.0, 10.0, 20.0, 40.0])
    curves = np.array(
        [[0.8, 0.4, 0.1], [0.4, 0.3, 0.2], [0.9, 0.8, 0.7], [0.5, 0.5, 0.0]]
    )
    found = target.to_frame(curves)
    assert found["hours"].tolist() == pytest.approx([17.5, 10 * 0.5 / 0.6, 40, 10])
    assert found["left"].tolist() == [1, 1, 0, 1]
    assert list(target.survival(curves).columns) == [10, 20, 40]
    area = (10 * 0.9 + 10 * 0.6 + 20 * 0.25) / 40
    assert target.risk(curves)[0] == pytest.approx(1 - area)
    same = target.at_edges(curves, target.edges)
    np.testing.assert_allclose(same, curves)
    between = target.at_edges(curves, np.array([0.0, 15.0, 40.0]))
    assert between[0].tolist() == pytest.approx([0.6, 0.1])


def test_a_label_is_complete_or_missing(target: SurvivalTarget) -> None:
    labels = pd.DataFrame({"hours": [3.0, None, 3.0, None], "left": [1, 1, None, None]})
    codes = torch.from_numpy(target.encode(labels))
    assert target.measured(codes).tolist() == [True, False, False, False]
    assert target.has_label(target.truth(labels)).tolist() == [True, *[False] * 3]
    assert labelled([TASK], labels)["stay"].notna().tolist() == [True, *[False] * 3]
    output = torch.randn(4, target.n_outputs, requires_grad=True)
    target.mean_loss(output, codes).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert (output.grad[1:] == 0).all()


def test_a_time_beyond_the_horizon_has_survived_it(target: SurvivalTarget) -> None:
    late = pd.DataFrame({"hours": [1e6, 1e6, 0.0], "left": [1, 0, 1]})
    assert target.encode(late).tolist() == [[8, 0], [8, 0], [0, 1]]


@pytest.mark.parametrize("kind", ["bool", "text", "object"])
def test_events_are_read_as_they_are_written(kind: str) -> None:
    plain = make_labels(missing=0.0)
    written = {"bool": plain["left"] == 1, "text": plain["left"].map({1: "1", 0: "0"})}
    written["object"] = (plain["left"] == 1).astype(object)
    target = TASK.fit_target(plain.assign(left=written[kind]))
    assert torch.equal(target.bias, TASK.fit_target(plain).bias)


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        ({"hours": [-1.0, 2, 3], "left": [1, 1, 1]}, ("`hours`", "-1", "at least 0")),
        ({"hours": ["soon", "2", "3"], "left": [1, 1, 1]}, ("`hours`", "'soon'")),
        ({"hours": [1.0, 2, 3], "left": [1, 2, 1]}, ("`left`", "2", "1 (the event")),
        ({"hours": [1.0, 2, 3], "left": ["yes", "no", "yes"]}, ("`left`", "'yes'")),
        ({"hours": [1.0, 2, 3], "left": [0, 0, 1]}, ("`stay`", "got 1", "events")),
        ({"hours": [None, None, 3.0], "left": [1, 1, None]}, ("`stay`", "got 0")),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    labels: dict[str, list[object]], parts: tuple[str, ...]
) -> None:
    with refused(*parts, error=mt.DataError):
        TASK.fit_target(pd.DataFrame(labels))


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"event": "left"}, ("time", "name of a column")),
        ({"time": "hours"}, ("event", "name of a column")),
        ({"time": "hours", "event": "left", "n_bins": 1}, ("n_bins", "1")),
    ],
)
def test_wrong_settings_are_refused(
    options: dict[str, object], parts: tuple[str, ...]
) -> None:
    with refused(*parts):
        mt.Survival("stay", **options).check("tasks.stay")  # type: ignore[arg-type]


def test_a_target_is_rebuilt_from_plain_values(target: SurvivalTarget) -> None:
    config = json.loads(json.dumps(target.to_config()))
    task = task_from_config(json.loads(json.dumps(task_to_config(TASK))))
    assert task == TASK
    rebuilt = task.target_from_config(config)
    rebuilt.load_state_dict(target.state_dict())
    labels = make_labels(seed=3)
    curves = random_curves(target, 200)
    pd.testing.assert_frame_equal(
        rebuilt.metrics(labels, curves), target.metrics(labels, curves)
    )
    for edges in ([0.0], [0.0, 2.0, 1.0]):
        with pytest.raises(ValueError, match="ascending"):
            task.target_from_config({"edges": edges})


def test_metrics_of_almost_nothing_are_nan_not_errors(target: SurvivalTarget) -> None:
    one = pd.DataFrame({"hours": [3.0], "left": [1.0]})
    table = target.metrics(one, random_curves(target, 1)).set_index("metric")["value"]
    assert table[["c_index", "integrated_brier"]].isna().all()
    assert np.isfinite(table["loss"])
    diverged = target.metrics(one, np.full((1, target.n_outputs), np.nan))
    assert diverged["value"].iloc[:2].isna().all()
