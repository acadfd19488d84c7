"""Arms in doubt are trained twice as long, and the study says whether their verdicts stand."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from multitide.reports import write_study_report
from multitide.study import Comparison, _compare, compare
from multitide.study._twice_as_long import (
    NO_TIME,
    _only,
    _rows,
    _stands,
    is_due,
    repeat_longer,
)

OPTIONS: dict[str, Any] = {
    "estimator": Quick(max_epochs=3),
    "arms": ["hard"],
    "split": RANDOM,
    "n_jobs": 1,
    "verbose": 0,
}


@pytest.mark.parametrize(
    ("verdict", "longer", "stands"),
    [
        ("hurts", "hurts", "yes"),
        ("hurts", "helps", "no"),
        ("hurts", "cannot tell", "no longer clear"),
        ("cannot tell", "helps", "settled by training longer"),
        ("cannot tell", "cannot tell", "yes"),
    ],
)
def test_a_verdict_stands_if_it_is_the_same(
    verdict: str, longer: str, stands: str
) -> None:
    assert _stands(verdict, longer) == stands
    before = {"task": "load", "arm": "hard", "gain": 0.1, "verdict": verdict}
    after = before | {"gain": 0.2, "verdict": longer}
    (row,) = _rows(pd.DataFrame([before]), pd.DataFrame([after]), ["hard"])
    assert (row["longer_gain"], row["stands"]) == (0.2, stands)


def test_only_arms_in_doubt_are_repeated() -> None:
    assert _only(["hard", "soft"], ["soft"]) == ["soft"]
    assert _only({"a": "hard", "b": "soft"}, ["b"]) == {"b": "soft"}
    assert _only(["pairs"], ["x+y"]) == ["pairs"]


def test_the_study_keeps_and_shows_what_longer_training_says(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    samples = make_study_samples(120)
    compare(samples, **OPTIONS, n_seeds=2, folder=folder, robust=True)
    longer = Comparison.load(folder / "longer")
    assert longer.settings["hard"]["settings"]["max_epochs"] == 6
    loaded = Comparison.load(folder)
    rows = (loaded.facts or {})["longer"]
    assert {row["task"] for row in rows} == {"state", "load"}
    write_study_report(loaded, folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "At twice the length of training" in page


@pytest.mark.parametrize(
    ("n_seeds", "seconds", "budget", "due"),
    [
        (5, 10.0, 100.0, True),
        (5, 10.0, 41.0, True),  # twice the length of both arms takes 20 s
        (5, 10.0, 39.0, False),
        (4, 10.0, 100.0, False),  # no verdict is possible
        (5, 10.0, float("inf"), False),
    ],
)
def test_longer_training_is_the_default_where_the_budget_has_time(
    n_seeds: int, seconds: float, budget: float, due: bool
) -> None:
    found = compare(make_study_samples(60), **OPTIONS, n_seeds=1)
    gains = found.gains.assign(n_seeds=n_seeds)
    timed = replace(found, facts={"seconds": seconds})
    vars(timed)["gains"] = gains  # a cached property
    assert is_due(timed, None, budget) == due
    assert is_due(timed, True, budget)
    assert not is_due(timed, False, budget)


def test_without_time_nothing_is_repeated() -> None:
    found = compare(make_study_samples(60), **OPTIONS, n_seeds=1)

    def never(**_: Any) -> Comparison:
        raise AssertionError("nothing may be trained")

    told = repeat_longer(never, found, Quick(max_epochs=3), ["hard"], -1.0, None)
    assert told == ([], NO_TIME)


@pytest.mark.parametrize("option", ["robust", "until_conclusive"])
def test_every_argument_reaches_the_repeated_studies(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: dict[str, Any] = {}

    def capture(run: Any, *_: Any) -> Any:
        passed.update(run.keywords)
        raise KeyboardInterrupt

    def capture_second(_: Any, run: Any, *rest: Any) -> Any:
        capture(run, *rest)

    monkeypatch.setattr(_compare, "add_seeds", capture)
    monkeypatch.setattr(_compare, "with_longer", capture_second)
    with pytest.raises(KeyboardInterrupt):
        compare(make_study_samples(60), **OPTIONS, n_seeds=1, **{option: True})
    own = {"samples", "tasks", "estimator", "arms", "n_seeds", "confidence"}
    own |= {"budget", "folder", "robust", "until_conclusive", "conditions"}
    assert {*inspect.signature(compare).parameters} - own <= {*passed}
