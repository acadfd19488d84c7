"""Verdicts that longer training may turn are withheld, and no others."""

from __future__ import annotations

import pandas as pd
import pytest

from multitide.study.results._trained_to_the_end import withhold_unfinished


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
