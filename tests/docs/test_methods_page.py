"""What the page on methods shows, works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from makers import make_arrays, small
from multitide import GradientRecorder
from multitide.balancing import AGGREGATORS, WEIGHTINGS, Search
from multitide.fitting._recipe import make_part

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "methods.md").read_text(encoding="utf-8")


def block(language: str, word: str = "") -> str:
    """The only block of code in a language that holds a word."""
    (code,) = (
        code
        for code in re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
        if word in code
    )
    return str(code)


def test_the_search_of_the_page_is_the_default_at_50_epochs() -> None:
    spec = make_part("weighting", tomllib.loads(block("toml", "[weighting]"))["weighting"])
    assert spec == Search(n_trials=8, epochs=Search().epochs_of(50))


def test_the_configuration_of_the_page_records() -> None:
    training = tomllib.loads(block("toml", "[training]"))["training"]
    history = small(max_epochs=1, training=training).fit(*make_arrays()).history_
    assert history.loc[history["side"] == "train", "gradient_norm"].notna().all()


def test_the_recorder_of_the_page_records() -> None:
    X, y = make_arrays()
    names = {"GradientRecorder": GradientRecorder, "model": small(), "X": X, "y": y}
    exec(block("python"), names)
    assert len(names["recorder"].cosines)  # type: ignore[attr-defined]


def test_the_table_has_a_row_for_every_method() -> None:
    rows = [line.split("  ")[0] for line in PAGE.splitlines()]
    assert {name for name in WEIGHTINGS if name != "search"} <= set(rows)
    assert {f"{name} at {at}" for name in AGGREGATORS for at in ("features", "parameters")} <= set(
        rows
    )
