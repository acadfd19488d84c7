"""A row with weight 2 is the row twice, and a row with weight 0 is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from makers import make_arrays, make_samples, small
from multitide import MultiTaskEstimator, Samples, Splitter
from multitide.backbones import Linear, Trees
from multitide.data._split_data import SplitData
from multitide.fitting._grow_trees import Rows, grow_trees
from multitide.fitting._phases import make_trainer
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._weighed import weighed
from multitide.representations._line import lines
from multitide.study.results._statistics import estimate, metric_table, row_table
from multitide.tasks import Classification, Forecast, MultiLabel, Regression, Task
from multitide.training._best_weights import Keeper
from refusals import refused

TASKS: list[Task] = [
    Classification("c"),
    Classification("c", class_weight="balanced"),
    Classification("c", loss="focal", label_smoothing=0.1),
    Regression("r"),
    Regression("r", loss="mae"),
    Regression("r", loss="huber", delta=0.5),
    Regression("r", loss="quantile"),
    MultiLabel("m", columns=["a", "b"]),
    Forecast("f", horizon=2, loss="huber"),
]
N = 30


def labels_of(task: Task, seed: int) -> pd.DataFrame:
    """Return labels of `N` rows, some missing; the first rows have every class."""
    rng = np.random.default_rng(seed)
    y = {}
    for column in task.columns:
        if task.kind in ("classification", "multi_label"):
            n_classes = 3 if task.kind == "classification" else 2
            values = rng.integers(n_classes, size=N).astype(float)
            values[:3] = np.arange(3) % n_classes
        else:
            values = rng.normal(50, 7, size=N)
        values[3:][rng.random(N - 3) < 0.3] = np.nan
        y[column] = values
    return pd.DataFrame(y)


def repeats(seed: int) -> np.ndarray:
    weights = np.random.default_rng(seed + 1).integers(0, 4, size=N)
    weights[:3] = 1
    return weights


def answers_of(target: Any, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(N, target.n_outputs, generator=generator)
    return target(outputs).numpy()


@pytest.mark.parametrize("task", TASKS, ids=repr)
@given(seed=st.integers(0, 1000))
@settings(max_examples=4, deadline=None)
def test_targets_and_metrics_are_those_of_repeated_rows(task: Task, seed: int) -> None:
    labels, times = labels_of(task, seed), repeats(seed)
    twice = labels.iloc[np.repeat(np.arange(N), times)].reset_index(drop=True)
    counted = times > 0
    weights = times[counted].astype(float)
    once = labels[counted].reset_index(drop=True)
    expected = task.fit_target(twice)
    for scale in (1.0, 0.01):
        target = task.fit_target(once, weights * scale)
        for name, buffer in expected.named_buffers():
            torch.testing.assert_close(target.get_buffer(name), buffer, msg=name)
    decoded = answers_of(target, seed)
    of_twice = expected.metrics(twice, np.repeat(decoded, times, axis=0))
    of_once = target.metrics(once, decoded[counted], weights)
    columns = ["metric", "value", "trivial"]
    pd.testing.assert_frame_equal(of_once[columns], of_twice[columns], rtol=1e-5)


@pytest.mark.parametrize("task", [Classification("c"), Regression("r")], ids=repr)
def test_linear_heads_are_those_of_repeated_rows(task: Task) -> None:
    rng = np.random.default_rng(0)
    labels, times = labels_of(task, 1).ffill(), repeats(1)
    target: Any = task.fit_target(labels, np.maximum(times, 1.0))
    codes, vectors = target.encode(labels), rng.normal(size=(N, 4))
    counted = times > 0
    own = lines(vectors[counted], codes[counted], target, [0.1], times[counted] / 7)
    twice = np.repeat(np.arange(N), times)
    expected = lines(vectors[twice], codes[twice], target, [0.1])
    for line, other in zip(own, expected, strict=True):
        np.testing.assert_allclose(line.weights, other.weights, atol=2e-3)
        np.testing.assert_allclose(line.bias, other.bias, atol=2e-3)


@pytest.mark.parametrize("kind", ["boosting", "extra_trees"])
@pytest.mark.parametrize(
    "task",
    [Classification("c"), Regression("r"), MultiLabel("m", columns=["a", "b"])],
    ids=repr,
)
def test_trees_are_those_of_repeated_rows(kind: Any, task: Task) -> None:
    rng = np.random.default_rng(0)
    labels, times = labels_of(task, 2), repeats(2)
    known = labels.notna().any(axis=1).to_numpy()
    times = np.where(known, times, 0)
    target = task.fit_target(labels[known], np.maximum(times[known], 1.0))
    # Few distinct values, so that both have the same bins.
    features = rng.integers(8, size=(N, 1)).astype(np.float32)
    spec = Trees(kind=kind, n_trees=5, min_samples_leaf=1, max_features=1.0)
    codes, truth = target.encode(labels), target.truth(labels)

    def answers(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        grown = grow_trees(
            spec,
            target,
            Rows(features[rows], codes[rows], truth[rows], weights),
            [5],
            0,
        )
        *_, (_, last) = grown.variants(features)
        return last

    counted = np.flatnonzero(times)
    own = answers(counted, times[counted].astype(float))
    expected = answers(np.repeat(np.arange(N), times), None)
    np.testing.assert_allclose(own, expected, atol=1e-5)


def step_of(samples: Samples, batch_size: int = 1000) -> dict[str, torch.Tensor]:
    """Return the gradients of the heads after a step with all rows."""
    estimator = small(backbone="fc", batch_size=batch_size)
    recipe = make_recipe(estimator.get_params(deep=False))
    tasks: list[Task] = [Classification("state"), Regression("load")]
    group = TaskGroup([SplitData.for_training(weighed(samples, tasks))], tasks, recipe)
    torch.manual_seed(0)
    network = group.make_network()
    network.stems[0].inputs.fit(make_samples())  # the same scales for all
    trainer = make_trainer(
        network, group.data, tasks, recipe, Keeper("joint", group.names)
    )
    network.eval()
    drawn = trainer.mixer.draw()
    rows = [torch.from_numpy(drawn.rows[0])]
    losses, features = trainer.task_losses(rows, drawn.n_labelled[0])
    trainer.backward(losses, features)
    found = {name: loss.detach() for name, loss in losses.items()}
    for name, parameter in network.heads.named_parameters():
        assert parameter.grad is not None
        found[name] = parameter.grad
    return found


def repeated(samples: Samples, times: np.ndarray) -> Samples:
    return samples[np.repeat(np.arange(len(samples)), times)]


def test_a_step_of_all_rows_is_that_of_repeated_rows() -> None:
    samples = make_samples(n=40)
    times = np.random.default_rng(0).integers(0, 4, size=40)
    own = step_of(samples.replace(weights=pd.DataFrame({"": times / 3})))
    expected = step_of(repeated(samples, times))
    assert own.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(own[name], value, rtol=1e-4, atol=1e-5, msg=name)


def fitted(samples: Samples, **params: Any) -> MultiTaskEstimator:
    params = {"max_epochs": 1, "verbose": 0, "backbone": "fc"} | params
    return small(**params).fit(samples)


@pytest.mark.parametrize("backbone", ["fc", Linear(), Trees(n_trees=5)], ids=str)
def test_weight_0_is_a_missing_label(backbone: Any) -> None:
    samples = make_samples(n=60)
    gone = np.random.default_rng(0).random(60) < 0.3
    weights = pd.DataFrame({"load": np.where(gone, 0.0, 2.5)})
    y = samples.y.copy()
    y.loc[gone, "load"] = np.nan
    own = fitted(samples.replace(weights=weights), backbone=backbone)
    other = fitted(samples.replace(y=y), backbone=backbone)
    assert own.n_labelled_ == other.n_labelled_
    pd.testing.assert_frame_equal(
        own.predict(samples), other.predict(samples), rtol=1e-4
    )
    pd.testing.assert_frame_equal(
        own.evaluate(samples.replace(weights=weights)),
        other.evaluate(samples.replace(y=y)),
        rtol=1e-4,
    )


@pytest.mark.parametrize("backbone", ["fc", Linear(), Trees(n_trees=5)], ids=str)
def test_weights_change_the_fit_and_its_validation_losses(backbone: Any) -> None:
    samples = make_samples(n=60)
    heavy = pd.DataFrame({"": np.where(np.arange(60) % 2, 1.0, 30.0)})
    own = fitted(samples.replace(weights=heavy), backbone=backbone)
    plain = fitted(samples, backbone=backbone)
    assert not own.predict(samples)["load"].equals(plain.predict(samples)["load"])
    for _, of_side in own.history_.groupby("side"):
        others = plain.history_.loc[of_side.index]
        assert not np.allclose(of_side["loss"], others["loss"])


def test_doors_of_arrays_are_those_of_samples() -> None:
    X, y = make_arrays(n=60)
    w = np.random.default_rng(0).random(60) + 0.1
    samples = Samples.from_arrays(X, y, weights=w)
    own = fitted(samples)
    for other in (
        small(max_epochs=1, verbose=0, backbone="fc").fit(X, y, sample_weight=w),
        small(max_epochs=1, verbose=0, backbone="fc").fit(
            Samples.from_arrays(X, y),
            sample_weight=pd.DataFrame({"state": w, "load": w}),
        ),
    ):
        pd.testing.assert_frame_equal(own.predict(X), other.predict(X))
    expected = own.evaluate(samples)
    pd.testing.assert_frame_equal(own.evaluate(X, y, sample_weight=w), expected)
    assert not own.evaluate(X, y)["value"].equals(expected["value"])
    assert own.score(X, y, sample_weight=w) != own.score(X, y)


WRONG = [
    (np.full(60, -1.0), "-1"),
    (np.full(60, np.nan), "nan"),
    (np.full(60, np.inf), "inf"),
    (np.zeros(60), "0 in all"),
]


@pytest.mark.parametrize(("weights", "value"), WRONG, ids=[value for _, value in WRONG])
def test_wrong_weights_are_refused_before_training(
    weights: np.ndarray, value: str
) -> None:
    X, y = make_arrays(n=60)
    with refused("`weights` of 'state'", value, "Use 0"):
        small().fit(X, y, sample_weight=weights)
    ones = fitted(Samples.from_arrays(X, y))
    with refused("`weights` of 'load'", value, "Use 0"):
        ones.evaluate(X, y, sample_weight=pd.DataFrame({"load": weights}))


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_weights_whose_squares_are_no_numbers_are_refused(scale: float) -> None:
    X, y = make_arrays(n=60)
    with refused("`weights` of 'state'", f"{scale:g}", "Divide them"):
        small().fit(X, y, sample_weight=np.full(60, scale))


def test_weights_of_another_shape_or_task_are_refused() -> None:
    X, y = make_arrays(n=60)
    with refused("`sample_weight`", "59", "60"):
        small().fit(X, y, sample_weight=np.ones(59))
    with refused("`sample_weight`", "(60, 2)", "per task"):
        small().fit(X, y, sample_weight=np.ones((60, 2)))
    with refused("`sample_weight`", "numbers"):
        small().fit(X, y, sample_weight=["a"] * 60)
    with refused("`weights`", "'lod'", "Did you mean 'load'"):
        small().fit(X, y, sample_weight=pd.DataFrame({"lod": np.ones(60)}))
    missing = np.where(y["load"].isna(), np.nan, 1.0)  # only where no label is
    small(max_epochs=1, verbose=0, backbone="fc").fit(
        X, y, sample_weight=pd.DataFrame({"load": missing})
    )


def test_weights_survive_slices_and_joins() -> None:
    samples = make_samples(n=10)
    some = samples.replace(weights=pd.DataFrame({"load": np.arange(10.0)}))
    assert some[[3, 7]].weights is not None
    assert some[[3, 7]].weights["load"].tolist() == [3, 7]
    both = some[:2].joined(samples[:2].replace(weights=pd.DataFrame({"": [5.0, 6.0]})))
    assert both.weights is not None
    assert both.weights["load"].tolist() == [0, 1, 5, 6]
    assert both.weights[""].tolist() == [1, 1, 5, 6]
    assert some.fingerprint() != samples.fingerprint()


def test_a_validation_set_of_its_own_has_weights_of_its_own() -> None:
    samples = make_samples(n=60)
    train, held = samples[:40], samples[40:]
    heavy = pd.DataFrame({"": np.where(np.arange(20) % 2, 0.1, 9.0)})
    losses = []
    for validation in (held, held.replace(weights=heavy)):
        estimator = small(max_epochs=1, verbose=0, backbone="fc")
        estimator.fit(train, validation=validation)
        losses.append(estimator.history_.query("side == 'validation'")["loss"])
        of_held = estimator.evaluate(validation).query("metric == 'loss'")["value"]
        np.testing.assert_allclose(losses[-1], of_held, rtol=1e-5)
    assert not np.allclose(*losses)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_gains_of_weighted_rows_are_those_of_repeated_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    differences, groups = rng.normal(size=(3, 24)), np.arange(24) % 6
    times = rng.integers(1, 4, size=24)
    rows = np.repeat(np.arange(24), times)
    own = row_table(differences, groups, groups % 3, weights=times * 0.1)
    expected = row_table(differences[:, rows], groups[rows], groups[rows] % 3)
    for name in ("gain", "low", "high", "group_part", "fold_part"):
        value = getattr(estimate(expected), name)
        np.testing.assert_allclose(getattr(estimate(own), name), value)
    table = metric_table(
        lambda mask: np.average(differences[:, mask], axis=1, weights=times[mask]),
        groups,
        weights=times,
    )
    np.testing.assert_allclose(table.gains, own.gains)
    np.testing.assert_allclose(table.influence, own.influence, atol=1e-12)


def test_a_split_counts_rows_without_weight_as_unlabelled() -> None:
    samples = make_samples(n=60, missing=0.0)
    weights = pd.DataFrame({"load": (np.arange(60) % 3 > 0).astype(float)})
    estimator = fitted(
        samples.replace(weights=weights),
        validation=Splitter(by="random", validation=0.2),
    )
    assert sum(estimator.n_labelled_["load"].values()) == 40
