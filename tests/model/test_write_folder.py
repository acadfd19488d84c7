"""The card of a model says what its record holds, whatever the names are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import multitide as mt
from makers import make_arrays, small
from multitide.model._write_folder import _text, model_card


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


def test_quotes_stay_as_they_are() -> None:
    assert _text('the "load" & wear') == 'the "load" &amp; wear'


@pytest.mark.parametrize(("n_channels", "ending"), [(12, " |"), (13, ", ... (13) |")])
def test_of_many_channels_the_first_twelve_are_named(
    model: mt.MultiTaskEstimator, n_channels: int, ending: str
) -> None:
    names = [f"c{i}" for i in range(n_channels)]
    data = model.data_[0].model_copy(update={"channels": names})
    card = model_card(replace(model.stored_, data=[data]))
    assert f"{', '.join(names[:12])}{ending}" in card


def test_every_table_has_a_rule_as_wide_as_its_header(
    model: mt.MultiTaskEstimator,
) -> None:
    metrics = pd.DataFrame(
        {"data": ["rig"], "task": ["state"], "metric": ["f1"], "value": [0.5]}
    )
    calibrated = [{"task": "state", "label": "", "method": "beta", "n_labels": 31}]
    stored = replace(model.stored_, calibrated=calibrated)
    card = model_card(stored, metrics)
    assert "| rig | state | f1 | 0.5 |" in card
    assert "| state | beta | 31 |" in card
    lines = card.splitlines()
    rules = [i for i, line in enumerate(lines) if line.startswith("|---")]
    assert len(rules) == 4
    for i in rules:
        bars = [line.replace(r"\|", "").count("|") for line in lines[i - 1 : i + 2]]
        assert bars == [lines[i].count("---") + 1] * 3


def test_the_card_counts_labels_and_names_the_epoch(
    model: mt.MultiTaskEstimator,
) -> None:
    stored = replace(
        model.stored_,
        n_labelled={"state": {"train": 31, "validation": 9}},
        best_epoch={"state": 7},
        seconds=12.4,
    )
    card = model_card(stored)
    assert "| state | classification | 31 | 9 | 7 |" in card
    assert "Training took 12 s." in card
