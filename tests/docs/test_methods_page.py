"""What the page on methods shows, works."""

from __future__ import annotations

import tomllib
from typing import Any

from documents import blocks, page
from makers import make_arrays, small
from multitide.balancing import AGGREGATORS, WEIGHTINGS, Search
from multitide.fitting._recipe import make_part

PAGE = page("guide/methods")


def toml_block(word: str) -> dict[str, Any]:
    """Return the only configuration of the page that has a word."""
    (code,) = [code for code in blocks("guide/methods", "toml") if word in code]
    return tomllib.loads(code)


def test_the_search_of_the_page_is_the_default_at_50_epochs() -> None:
    spec = make_part("weighting", toml_block("[weighting]")["weighting"])
    assert spec == Search(n_trials=8, epochs=Search().epochs_of(50))


def test_the_configuration_of_the_page_records() -> None:
    training = toml_block("record_gradients")["training"]
    history = small(max_epochs=1, training=training).fit(*make_arrays()).history_
    assert history.loc[history["side"] == "train", "gradient_norm"].notna().all()


def test_the_table_has_a_row_for_every_method() -> None:
    rows = [line.split("  ")[0] for line in PAGE.splitlines()]
    assert {name for name in WEIGHTINGS if name != "search"} <= set(rows)
    assert {
        f"{name} at {at}" for name in AGGREGATORS for at in ("features", "parameters")
    } <= set(rows)
