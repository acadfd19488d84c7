"""What people act on goes through every door: kinds of task and calibrators by ways to fit.

Each door is fitted once, with every kind of task that it takes. A new kind of task needs an example
here, and a new method ``predict_...`` or calibrator is tested without a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, mean_absolute_error

import multitide as mt
from makers import small
from multitide.backbones import FC, Trees
from multitide.calibration import (
    COLUMN_MAPS,
    Calibrator,
    ShiftedTemperature,
    Temperature,
)
from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.calibration._calibration import Calibration
from multitide.calibration._conformity_of import conformity_of
from multitide.calibration._labels import Labels
from multitide.calibration._two_classes import TwoClasses
from multitide.data._data_sets import DataSets
from multitide.fitting._free_of_class_weights import (
    free_of_class_weights,
    targets_of,
)
from multitide.tasks import TASKS, Task
from multitide.tasks._deciding import DecidingTarget

Model = mt.MultiTaskEstimator | mt.Ensemble

# Every kind of task, with all that this is about: thresholds, a positive class, a cap, quantiles.
EXAMPLES: list[Task] = [
    mt.Classification("fault", threshold="f1", positive="bad"),
    mt.Classification("grade", class_weight="balanced"),
    mt.MultiLabel("weather", columns=["wet", "hot"], threshold="recall>=0.8"),
    mt.Regression("load", cap=108, metrics=("nasa_score", "rmse_over_std")),
    mt.Regression("flow", loss="quantile"),
    mt.Forecast("level", horizon=2),
    mt.Survival("stay", time="hours", event="left", n_bins=4),
]
OF_FORESTS = [task for task in EXAMPLES if task.kind != "survival"]
RULE = mt.Splitter(by="random", validation=0.3, calibration=0.4)


def samples(n: int = 150, seed: int = 0) -> mt.Samples:
    """Return short series with every kind of label, some of them missing, and weights."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    X = np.stack([a, b], axis=1)[:, :, None] + 0.3 * rng.normal(size=(n, 2, 8))
    life = np.exp(1 - a) * rng.exponential(1, n)
    y = pd.DataFrame(
        {
            "fault": np.where(a + rng.normal(size=n) > 0.7, "bad", "good"),
            "grade": np.digitize(a, [-0.5, 0.5]),
            "wet": (b + rng.normal(size=n) > 0).astype(int),
            "hot": (a - b + rng.normal(size=n) > 0).astype(int),
            "load": 100 + 10 * b,
            "flow": b + rng.normal(size=n) * np.exp(a),
            "level[+1]": a,
            "level[+2]": a - b,
            "hours": np.minimum(life, 4).round(2),
            "left": (life <= 4).astype(float),
        }
    )
    for column in y:
        y[column] = y[column].mask(rng.random(n) < 0.1)
    weights = pd.DataFrame({"load": rng.integers(0, 3, n), "fault": 2.0})
    return mt.Samples.from_arrays(X.astype(np.float32), y, weights=weights)


def network(**params: Any) -> mt.MultiTaskEstimator:
    settings = {"tasks": EXAMPLES, "backbone": FC(hidden_size=4), "max_epochs": 1}
    return small(**(settings | {"validation": RULE, "verbose": 0} | params))


def trees(**params: Any) -> mt.MultiTaskEstimator:
    """Return boosted trees; extra trees have no quantiles."""
    backbone = Trees(kind="boosting", n_trees=2)
    return network(**({"backbone": backbone, "tasks": OF_FORESTS} | params))


def ensemble() -> mt.Ensemble:
    members = {"network": network(tasks=OF_FORESTS), "trees": trees()}
    return mt.Ensemble(
        members, n_seeds=1, n_jobs=1, validation=RULE, random_state=0, verbose=0
    )


DOORS: dict[str, Callable[[], Model]] = {
    "network": lambda: network().fit(samples()),
    "per_task": lambda: network(keep="per_task").fit(samples()),
    "trees": lambda: trees().fit(samples()),
    "several": lambda: network().fit({"a": samples(), "b": samples(seed=1)}),
    "validation": lambda: network(validation=0.4).fit(samples()),
    "refit": lambda: network(validation=0.4, training={"refit": True}).fit(samples()),
    "finish": lambda: network(training={"finish": "per_task"}).fit(samples()),
    "auto": lambda: network(backbone="auto").fit(samples()),
    "ensemble": lambda: ensemble().fit(samples()),
}
FAST = ("per_task", "trees", "several")


def doors(*fast: str) -> list[Any]:
    """Return all doors as parameters, of which only some run with `make test`."""
    marked = []
    for name in DOORS:
        marks = [] if name in fast else [pytest.mark.slow]
        marked.append(pytest.param(name, marks=marks))
    return marked


@cache
def opened(door: str) -> Model:
    return DOORS[door]()


@pytest.fixture(params=doors(*FAST))
def door(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def new(door: str) -> Any:
    """Return new samples, as the model of a door takes them."""
    found = samples(80, seed=2)
    return {"b": found} if door == "several" else found


def of_one(answer: Any) -> Any:
    """Return the answer for the data set of `new`; of a table its rows."""
    if isinstance(answer, dict) and set(answer) == {"b"}:
        return answer["b"]
    return answer


def answers(model: Model, data: Any) -> dict[str, Any]:
    """Return all that a model says about samples, by the name of the method or attribute."""
    found = {}
    for name in dir(type(model)):
        if name.startswith("predict"):
            options = {"level": 0.8} if name == "predict_interval" else {}
            found[name] = getattr(model, name)(data, **options)
    found["evaluate_interval"] = model.evaluate_interval(data, level=0.8)
    for name in ("evaluate", "class_tables", "confusion_matrices"):
        found[name] = getattr(model, name)(data)
    for name in ("calibration_", "decisions_", "positive_classes_", "classes_"):
        found[name] = getattr(model, name)
    return found


def assert_same(one: Any, other: Any, where: str) -> None:
    """Compare nested answers, bit by bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key, value in one.items():
            assert_same(value, other[key], f"{where}, {key}")
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(
            one, other, check_exact=True, check_dtype=bool(len(one)), obj=where
        )
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=where)
    else:
        assert one == other, where


def test_every_kind_of_task_has_an_example() -> None:
    assert {task.kind for task in EXAMPLES} == set(TASKS)


def test_all_answers_survive_saving(door: str, tmp_path: Path) -> None:
    model = opened(door)
    model.save(tmp_path / "model")
    loaded = mt.load(tmp_path / "model")
    assert_same(answers(loaded, new(door)), answers(model, new(door)), door)


def test_tasks_have_intervals_or_sets_of_all_their_columns(door: str) -> None:
    model = opened(door)
    intervals: Any = of_one(model.predict_interval(new(door), level=0.8))
    table = model.evaluate_interval(new(door), level=0.8).set_index("task")
    for task in model.tasks_:
        if conformity_of(model.targets_.target(task.name)) is None:
            assert task.name not in table.index
            continue
        for column in task.columns:
            names = {f"{column}_low", f"{column}_high"}
            assert names <= set(intervals) or f"{column}_set" in intervals
        assert 0.55 < table.loc[task.name, "coverage"] <= 1


def test_predictions_follow_the_thresholds(door: str) -> None:
    model = opened(door)
    predicted: Any = of_one(model.predict(new(door)))
    probabilities: Any = of_one(model.predict_proba(new(door)))
    decisions = model.decisions_
    assert decisions["task"].tolist() == ["fault", "weather", "weather"]
    for row in decisions.to_dict("records"):
        assert isinstance(model.targets_.target(row["task"]), DecidingTarget)
        column = row["label"] or row["task"]
        said = probabilities[row["task"]][row["label"] or row["positive"]]
        yes = predicted[column] == row["positive"]
        assert yes.equals(said >= row["threshold"]), column
    assert model.positive_classes_ == {"fault": "bad"}


def test_a_weight_of_2_counts_as_two_rows(door: str) -> None:
    model = opened(door)
    given = samples(40, seed=3).replace(weights=None)
    twice = np.r_[np.arange(20), np.arange(20), np.arange(20, 40)]
    weights = np.where(np.arange(40) < 20, 2.0, 1.0)

    def named(found: mt.Samples) -> Any:
        return {"b": found} if door == "several" else found

    weighed = named(given.replace(weights=pd.DataFrame({"": weights})))
    for one, other in (
        (model.evaluate(weighed), model.evaluate(named(given[twice]))),
        (
            model.evaluate_interval(weighed),
            model.evaluate_interval(named(given[twice])),
        ),
    ):
        numbers = one.select_dtypes("number").columns.difference(["n_labelled"])
        pd.testing.assert_frame_equal(one[numbers], other[numbers], atol=1e-9)


def test_a_cap_and_own_metrics_count(door: str) -> None:
    model = opened(door)
    plain = samples(80, seed=2).replace(weights=None)
    data: Any = {"b": plain} if door == "several" else plain
    own = {"load": [mean_absolute_error], "fault": [accuracy_score]}
    table = model.evaluate(data, metrics=own).set_index(["task", "metric"])["value"]
    predicted: Any = of_one(model.predict(data))
    errors = (predicted["load"] - plain.y["load"].clip(upper=108)).abs()
    assert table["load", "mean_absolute_error"] == pytest.approx(errors.mean())
    assert table["load", "mae"] == pytest.approx(errors.mean())
    assert np.isfinite(table["load", "nasa_score"])
    assert table["fault", "accuracy_score"] == table["fault", "accuracy"]


@pytest.mark.parametrize("door", doors("several"))
def test_explanations_and_drift_survive_saving(door: str, tmp_path: Path) -> None:
    model = opened(door)
    model.save(tmp_path / "model")
    tables = []
    for each in (model, mt.load(tmp_path / "model")):
        found = mt.explain(each, new(door), n_segments=2, n_repeats=2)
        tables.append((found.importance, mt.check_data(each, new(door)).table))
    assert_same(dict(enumerate(tables[0])), dict(enumerate(tables[1])), door)


def fitted_calibrators() -> dict[str, dict[str, Calibrator]]:
    """Return every kind of calibrator, by name and task, fitted to random answers."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=200)
    yes = rng.random(200) < expit(odds / 2)
    logs = np.log(rng.dirichlet(np.ones(3), 200))
    codes = rng.integers(0, 3, 200)
    ones = np.ones(200)
    temperature = Temperature.fitted(logs, codes, ones)
    shifted = ShiftedTemperature.fitted(logs, codes, ones)
    found: dict[str, dict[str, Calibrator]] = {}
    for name, kind in COLUMN_MAPS.items():
        of_two = TwoClasses(kind.fitted(odds, yes, ones))
        of_labels = Labels([kind.fitted(odds, yes, ones), COLUMN_MAPS["platt"]()])
        found[name] = {"fault": of_two, "grade": temperature, "weather": of_labels}
    found[shifted.kind] = {"grade": shifted}
    return found


def with_calibrators(model: Model, calibrators: dict[str, Calibrator]) -> Model:
    """Return a model with other calibrators, by task."""
    rows: list[CalibratedLabel] = []
    for task, calibrator in calibrators.items():
        labels = [""]
        maps = [calibrator]
        if isinstance(calibrator, Labels):
            labels, maps = ["wet", "hot"], calibrator.maps  # type: ignore[assignment]
        if isinstance(calibrator, TwoClasses):
            maps = [calibrator.of_second]  # type: ignore[list-item]
        for label, each in zip(labels, maps, strict=True):
            rows.append(
                {
                    "task": task,
                    "label": label,
                    "method": each.kind,
                    "rows": "calibration",
                    "n_labels": 200,
                    "log_loss": 0.5,
                    "calibrated_log_loss": 0.4,
                }
            )
    if isinstance(model, mt.Ensemble):
        of_mean = Calibration(calibrators, model.scores_).eval()
        changed = replace(model.result_, calibration=of_mean, calibrated=rows)
        return model._take_result(changed)
    predictor = model.stored_.predictor
    predictor.calibration = Calibration(calibrators, model.scores_).eval()
    free_of_class_weights(targets_of(predictor), rows)
    return model._take(replace(model.stored_, calibrated=rows))


CALIBRATORS = [*COLUMN_MAPS, ShiftedTemperature.kind]


@pytest.mark.parametrize("kind", CALIBRATORS)
@pytest.mark.parametrize("door", doors("several"))
def test_every_calibrator_survives_saving(door: str, kind: str, tmp_path: Path) -> None:
    plain = opened(door).save(tmp_path / "plain")
    calibrators = fitted_calibrators()[kind]
    changed = with_calibrators(mt.load(plain), calibrators)
    changed.save(tmp_path / "changed")
    loaded = mt.load(tmp_path / "changed")
    assert_same(answers(loaded, new(door)), answers(changed, new(door)), door)
    (before,) = changed.decode_as_trained(DataSets(new(door))).values()
    after: Any = of_one(changed.decode(new(door)))
    assert not np.allclose(before["grade"], after["grade"])
    if "fault" in calibrators:
        is_same = np.allclose(before["fault"], after["fault"])
        assert is_same == (kind == "unchanged")
