"""The card of a model says what its record holds, whatever the names are."""

from __future__ import annotations

import pandas as pd
import pytest

import multitide as mt
from makers import make_arrays, small
from multitide.model._write_folder import model_card


@pytest.fixture(scope="module")
def model() -> mt.MultiTaskEstimator:
    X, y = make_arrays(40, missing=0)
    y = y.rename(columns={"load": "# <b>|load"})
    return small(backbone="linear", verbose=0).fit(X, y)


def test_the_card_holds_tasks_data_versions_and_a_licence(
    model: mt.MultiTaskEstimator,
) -> None:
    card = model_card(model.stored_)
    for words in ("| state | classification |", "Seed: 0.", "torch", "## Licence"):
        assert words in card
    assert model.data_[0].fingerprint in card
    assert "## Test set" not in card


def test_metrics_are_shown(model: mt.MultiTaskEstimator) -> None:
    metrics = pd.DataFrame({"task": ["state"], "metric": ["accuracy"], "value": [0.5]})
    assert "| state | accuracy | 0.5 |" in model_card(model.stored_, metrics)


def test_names_are_no_markdown(model: mt.MultiTaskEstimator) -> None:
    card = model_card(model.stored_)
    assert "<b>" not in card
    assert r"\# &lt;b&gt;\|load" in card
    header = card.split("## Tasks")[1].splitlines()[2]
    row = next(line for line in card.splitlines() if "&lt;b" in line)
    assert row.replace(r"\|", "").count("|") == header.count("|")
