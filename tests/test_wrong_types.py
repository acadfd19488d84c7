"""Any value in any argument of the public functions works or ends in one message."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import multitide as mt
from makers import make_samples, small
from multitide import reports
from multitide.errors import MultitideError
from multitide.study import _group_tasks
from multitide.tuning import _search

TABLE = "x,lab\n" + "\n".join(f"{row % 7}.5,{row // 10 % 2}" for row in range(80))
CONFIG = """
max_epochs = 1
backbone = "linear"

[data]
path = "data.csv"
window = 6

[[tasks]]
name = "lab"
"""
SAMPLES = make_samples(24)
ESTIMATOR = small(max_epochs=1, backbone="linear")
WRONG: dict[str, Any] = {
    "none": None,
    "number": 5,
    "negative": -1,
    "huge": 10**30,
    "nan": float("nan"),
    "bool": True,
    "text": "nothing",
    "bytes": b"x",
    "path": Path("nowhere"),
    "list": [1],
    "empty": [],
    "dict": {"a": 1},
    "set": {1},
    "array": np.zeros(3),
    "cube": np.zeros((2, 2, 2)),
    "frame": pd.DataFrame({"q": [1]}),
    "samples": SAMPLES,
    "estimator": ESTIMATOR,
    "class": dict,
    "function": len,
    "object": object(),
}


class Begun(MultitideError):
    """All arguments were accepted, and the work would begin."""


def begin(*_: object, **__: object) -> None:
    raise Begun


@dataclass(frozen=True)
class Door:
    """A function with arguments that it accepts."""

    call: Callable[..., object]
    given: tuple[Any, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    def calls(self, wrong: object) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
        """Yield the arguments with the wrong one in every place."""
        for number, name in enumerate(inspect.signature(self.call).parameters):
            if number < len(self.given):
                changed = (*self.given[:number], wrong, *self.given[number + 1 :])
                yield name, changed, self.more
            elif name != "options":
                yield name, self.given, {**self.more, name: wrong}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Door]:
    place = tmp_path_factory.mktemp("doors")
    (place / "data.csv").write_text(TABLE)
    (place / "c.toml").write_text(CONFIG)
    fitted = small(max_epochs=1, backbone="linear").fit(SAMPLES)
    model = fitted.save(place / "model")
    baselines = {"one": {"baseline": "constant"}, "two": {"baseline": "constant"}}
    options: Any = {"n_seeds": 1, "n_jobs": 1, "verbose": 0, "reference": "one"}
    study = mt.compare(SAMPLES, arms=baselines, **options)
    table, config = place / "data.csv", place / "c.toml"
    tabled = mt.read_table(table, tasks=["lab"], window=6)
    reasons = mt.explain(fitted, SAMPLES, n_segments=1, n_repeats=1)
    return {
        "fit": Door(small(backbone="linear").fit, (SAMPLES,)),
        "predict": Door(fitted.predict, (SAMPLES,)),
        "predict_proba": Door(fitted.predict_proba, (SAMPLES,)),
        "evaluate": Door(fitted.evaluate, (SAMPLES,)),
        "save": Door(fitted.save, (place / "again",)),
        "load": Door(mt.load, (model,)),
        "estimator.load": Door(mt.MultiTaskEstimator.load, (model,)),
        "Ensemble": Door(mt.Ensemble),
        "Ensemble.fit": Door(mt.Ensemble([ESTIMATOR], verbose=0).fit, (SAMPLES,)),
        "Ensemble.load": Door(mt.Ensemble.load, (model,)),
        "gradient_flow": Door(mt.gradient_flow, (fitted, SAMPLES)),
        "compare": Door(mt.compare, (SAMPLES,)),
        "compare_many": Door(mt.compare_many, ({"a": study, "b": study},)),
        "tune": Door(mt.tune, (SAMPLES,), {"n_trials": 1, "n_jobs": 1}),
        "group_tasks": Door(mt.group_tasks, (SAMPLES,)),
        "label_curve": Door(mt.label_curve, (SAMPLES,)),
        "check_conditions": Door(mt.check_conditions, (SAMPLES,)),
        "compare_runs": Door(mt.compare_runs, (model, model, table)),
        "load_config": Door(mt.load_config, (config,)),
        "config_problems": Door(mt.config_problems, (config,)),
        "run_fit": Door(mt.run_fit, (config, place / "run")),
        "read_table": Door(mt.read_table, (table,), {"tasks": ["lab"], "window": 6}),
        "column_roles": Door(mt.column_roles, (table,)),
        "from_arrays": Door(mt.Samples.from_arrays, (np.ones((4, 2, 5)),)),
        "describe_tasks": Door(mt.describe_tasks, (["load"], SAMPLES.y)),
        "simulate_rig": Door(mt.simulate_rig, (), {"n_runs": 3}),
        "Splitter": Door(mt.Splitter),
        "Split": Door(mt.Split, (np.arange(3), np.arange(3), np.arange(3))),
        "Classification": Door(mt.Classification, ("a",)),
        "Regression": Door(mt.Regression, ("a",)),
        "Forecast": Door(mt.Forecast, ("a",)),
        "MultiLabel": Door(mt.MultiLabel, ("a",)),
        "Inputs": Door(mt.Inputs),
        "Training": Door(mt.Training),
        "Comparison.load": Door(mt.Comparison.load, (place,)),
        "Comparisons.load": Door(mt.Comparisons.load, (place,)),
        "LabelCurve.load": Door(mt.LabelCurve.load, (place,)),
        "study.save": Door(study.save, (place / "study",)),
        "against": Door(study.against, ("one",)),
        "gains_in": Door(study.gains_in, ("rmse",)),
        "predictions": Door(study.predictions, ("one", "load")),
        "history": Door(study.history, ("one",)),
        "report": Door(mt.write_study_report, (study, place / "study")),
        "curve report": Door(reports.write_curve_report, (None, place / "curve")),
        "overview": Door(reports.write_overview, (None, place / "many")),
        "alarm_lead_times": Door(mt.alarm_lead_times, (SAMPLES, [1.0] * 24, 5.0)),
        "check_data": Door(mt.check_data, (fitted, SAMPLES)),
        "explain": Door(mt.explain, (fitted, SAMPLES), {"n_repeats": 1}),
        "export": Door(mt.export, (fitted, place / "model.onnx")),
        "read_parts": Door(mt.read_parts, (tabled.reading, table)),
        "write_explanation": Door(mt.write_explanation, (reasons, place / "e.html")),
        "tuning report": Door(reports.write_tuning_report, (None, place / "search")),
    }


DOORS = [
    *("fit", "predict", "predict_proba", "evaluate", "save", "load"),
    *("estimator.load", "Ensemble", "Ensemble.fit", "Ensemble.load"),
    *("gradient_flow", "compare", "compare_many", "tune", "group_tasks"),
    *("label_curve", "check_conditions", "compare_runs", "load_config"),
    *("config_problems", "run_fit", "read_table", "column_roles", "from_arrays"),
    *("describe_tasks", "simulate_rig", "Splitter", "Split", "Classification"),
    *("Regression", "Forecast", "MultiLabel", "Inputs", "Training"),
    *("Comparison.load", "Comparisons.load", "LabelCurve.load", "study.save"),
    *("against", "gains_in", "predictions", "history", "report"),
    *("curve report", "overview", "tuning report", "alarm_lead_times", "check_data"),
    *("explain", "export", "read_parts", "write_explanation"),
]
LONG = ("compare", "tune", "group_tasks", "label_curve", "check_conditions")
CASES = []
for door in DOORS:
    for number, kind in enumerate(WRONG):
        is_seldom = kind != "list" if door in LONG else bool(number % 5)
        marks = pytest.mark.slow if is_seldom else ()
        CASES.append(pytest.param(door, kind, marks=marks))


@pytest.mark.parametrize(("door", "kind"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_value_works_or_ends_in_one_message(
    doors: dict[str, Door],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    door: str,
    kind: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("multitide.study._run_study.find_all_groups", begin)
    monkeypatch.setattr(_group_tasks, "find_groups", begin)
    monkeypatch.setattr(_search.Search, "resume", begin)
    monkeypatch.setattr("multitide._fit_as_planned.carry_out", begin)
    monkeypatch.setattr("multitide._run_fit.train_run", begin)
    wrong = []
    for name, given, more in doors[door].calls(WRONG[kind]):
        try:
            doors[door].call(*given, **more)
        except NotFittedError as error:  # scikit-learn's own message
            assert "not fitted yet" in str(error)
        except MultitideError as error:
            assert "Traceback" not in str(error)
        except Exception as error:
            wrong.append((name, f"{type(error).__name__}: {error}"[:200]))
    assert not wrong


def test_every_public_name_is_tried_or_is_no_function(doors: dict[str, Door]) -> None:
    tried = {door.call for door in doors.values()}
    not_tried = []
    for name in mt.__all__:
        public = getattr(mt, name)
        if inspect.isfunction(public) and public not in tried:
            not_tried.append(name)
    siblings_are_tried = {"read_like", "rig_truth"}
    assert set(not_tried) <= siblings_are_tried
    assert sorted(doors) == sorted(DOORS)
