"""Verdicts that longer training may turn are withheld, and no others."""

from __future__ import annotations

import pandas as pd
import pytest

from multitide.model._after_training import falls_at_the_end
from multitide.study.results._trained_to_the_end import (
    LAST_SHARE,
    mean_falls,
    withhold_unfinished,
)


@pytest.mark.parametrize("verdict", ["helps", "hurts", "same", "cannot tell"])
@pytest.mark.parametrize("falling", ["alone", "hard", "neither"])
def test_a_verdict_is_withheld_where_longer_training_works_against_it(
    verdict: str, falling: str
) -> None:
    row = {"task": "load", "arm": "hard", "verdict": verdict, "advice": ""}
    falls = {("alone", "load"): 0.004, ("hard", "load"): 0.004}
    if falling != "neither":
        falls[falling, "load"] = 0.03
    found = withhold_unfinished(pd.DataFrame([row]), falls, "alone", 0.01).iloc[0]
    withheld = (verdict, falling) in [
        ("helps", "alone"),
        ("hurts", "hard"),
        ("same", "alone"),
        ("same", "hard"),
    ]
    assert found["verdict"] == ("cannot tell" if withheld else verdict)
    assert bool(found["unfinished"]) == withheld
    if withheld:
        assert found["advice"].startswith("not trained to the end")
        assert f"“{falling}” (by 0.03" in found["advice"]


def test_the_margin_says_how_much_is_too_much() -> None:
    row = {"task": "load", "arm": "hard", "verdict": "helps", "advice": ""}
    falls = {("alone", "load"): 0.03}
    for margin, verdict in ((0.01, "cannot tell"), (0.05, "helps")):
        found = withhold_unfinished(pd.DataFrame([row]), falls, "alone", margin)
        assert found["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("losses", "fall"),
    [
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.4], 0.1),  # ends on its way down
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.7, 0.5, 0.8], 0.1),  # and so does a noisy one
        ([1.0, 0.6, 0.5, 0.5, 0.5, 0.5, 0.6, 0.7], 0.0),  # was lowest before
        ([1.0], 0.0),
    ],
)
def test_a_fall_is_that_of_the_last_quarter(losses: list[float], fall: float) -> None:
    history = pd.DataFrame({"loss": losses, "side": "validation", "task": "load"})
    history["epoch"] = history.index + 1
    assert falls_at_the_end(history, LAST_SHARE) == {"load": pytest.approx(fall)}


def test_a_mean_gain_falls_as_the_mean_of_its_tasks() -> None:
    falls = {("hard", "load"): 0.03, ("hard", "state"): 0.0, ("alone", "load"): 0.01}
    assert mean_falls(falls, "") == {("hard", ""): 0.015, ("alone", ""): 0.01}
