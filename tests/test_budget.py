"""Budgets as times, and times in words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from multitide._budget import in_words, parse_budget
from multitide.errors import ParameterError
from refusals import refused


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1.5h", 5400),
        (" 2 h ", 7200),
        (12, 12),
        (None, math.inf),
    ],
)
def test_budgets_are_times(budget: Any, seconds: float) -> None:
    assert parse_budget(budget) == seconds


@pytest.mark.parametrize(
    "budget", ["", "30", "m", "30 minutes", "-3m", 0, -1, "0m", True]
)
def test_what_is_no_time_is_refused(budget: Any) -> None:
    with refused("`budget`", repr(budget), "30m", error=ParameterError):
        parse_budget(budget)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3.4, "3 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3000, "50 min"),
        (9000, "2.5 h"),
        (math.nan, "an unknown time"),
    ],
)
def test_times_are_written_for_people(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
