"""Arguments in the wrong place are answered with a message that names them; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import multitide as mt
from makers import make_samples, plan_of, small
from multitide.errors import MultitideError

SAMPLES, ESTIMATOR = make_samples(24), small()
STUDIES: dict[str, Callable[..., object]] = {
    "compare": mt.compare,
    "tune": mt.tune,
    "label_curve": mt.label_curve,
    "group_tasks": mt.group_tasks,
    "check_conditions": mt.check_conditions,
}


def message_of(function: Callable[..., object], *given: Any, **more: Any) -> str:
    with pytest.raises(MultitideError) as raised:
        function(*given, **more)
    return str(raised.value)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize(
    "given", [ESTIMATOR, SAMPLES.values, SAMPLES.y, "data.csv", None, {"a": ESTIMATOR}]
)
def test_studies_want_samples_first(
    study: Callable[..., object], given: object
) -> None:
    message = message_of(study, given)
    assert "`samples` must be Samples" in message
    assert "None" in message or " a " in message


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_an_estimator_in_place_of_samples_or_tasks_has_a_keyword(
    study: Callable[..., object],
) -> None:
    assert "estimator=..." in message_of(study, ESTIMATOR, SAMPLES)
    assert "estimator=..." in message_of(study, SAMPLES, ESTIMATOR)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("given", [SAMPLES, "fcn", {"backbone": "fcn"}])
def test_the_estimator_is_one(study: Callable[..., object], given: object) -> None:
    message = message_of(study, SAMPLES, estimator=given)
    assert "`estimator` must be a MultiTaskEstimator" in message
    assert type(given).__name__ in message


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_one_task_is_a_list_too(study: Callable[..., object]) -> None:
    assert "tasks=['load']" in message_of(study, SAMPLES, "load")


def test_a_list_of_tasks_may_be_of_any_kind() -> None:
    for tasks in (["load"], ("load",), SAMPLES.y.columns[1:], {"load": 1}.keys()):
        plan_of(small(tasks=tasks), SAMPLES)


@pytest.mark.parametrize("given", [SAMPLES, ESTIMATOR, None, 5])
def test_paths_are_paths(given: Any, tmp_path: Path) -> None:
    assert "`folder`" in message_of(mt.MultiTaskEstimator.load, given)
    assert "`folder`" in message_of(mt.load, given)
    assert "`folder`" in message_of(mt.Comparison.load, given)
    assert "`folder`" in message_of(mt.LabelCurve.load, given)
    assert "`folder`" in message_of(mt.run_fit, "c.toml", given)
    assert "`config`" in message_of(mt.run_fit, given, tmp_path / "run")
    assert "`config`" in message_of(mt.load_config, given)


def test_fit_names_what_it_takes() -> None:
    message = message_of(small().fit, samples=SAMPLES)
    assert "'samples'" in message
    assert "`start`" in message_of(small().fit, SAMPLES, start=SAMPLES)
    assert "`X`" in message_of(small().fit, ESTIMATOR)
    assert "`X`" in message_of(small().fit, SAMPLES, validation=ESTIMATOR)
