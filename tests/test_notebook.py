"""Notebook views are self-contained, escaped, and follow scikit-learn's diagram."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context

from fakes import RANDOM
from makers import make_samples, small
from multitide._notebook import table
from multitide.data._samples import Samples
from multitide.study import compare, label_curve
from pages import NASTY, Page

OPTIONS: dict[str, Any] = {"split": RANDOM, "n_seeds": 1, "n_jobs": 1, "verbose": 0}


def nasty_samples() -> Samples:
    samples = make_samples()
    return samples.replace(
        y=samples.y.rename(columns={"state": NASTY}), channels=(NASTY, "b", "c")
    )


def shown(thing: Any) -> Page:
    text = thing._repr_html_()
    assert not re.findall(
        r"https?:|@import|<script\b|\burl\(",
        text.replace("https://scikit-learn.org", ""),
    )
    return Page(text)


def test_samples_show_their_sizes_and_labels() -> None:
    samples = nasty_samples()
    page = shown(samples)
    assert NASTY in page.text
    assert f"{len(samples)} samples, 3 channels, up to 20 steps" in page.text
    assert str(samples.y["load"].notna().sum()) in page.text
    assert "script" not in {tag for tag, _ in page.tags}


def test_samples_without_labels_are_shown_too() -> None:
    assert (
        "4 samples"
        in shown(Samples.from_arrays(np.zeros((4, 2, 5), dtype=np.float32))).text
    )


def test_an_estimator_shows_scikit_learns_diagram_and_then_what_it_learned() -> None:
    estimator = small(max_epochs=1, tasks=[NASTY, "load"])
    plain = estimator._repr_mimebundle_()["text/html"]
    assert "sk-top-container" in plain
    assert 'class="multitide"' not in plain
    estimator.fit(nasty_samples())
    text = estimator._repr_mimebundle_()["text/html"]
    page = Page(text)
    assert "sk-top-container" in text
    assert estimator._repr_html_().endswith(
        text[text.index('<div class="multitide"') :]
    )
    n_parameters = sum(parameter.numel() for parameter in estimator.model_.parameters())
    assert f"{n_parameters:,} in 1 network, " in page.text
    assert "weight at the end" not in page.text
    assert NASTY in page.text
    assert '<script>alert("1")' not in text
    assert str(estimator.n_labelled_["load"]["train"]) in page.text
    with config_context(display="text"):
        assert not hasattr(estimator, "_repr_html_")


def test_a_comparison_shows_gains_losses_and_conditions() -> None:
    found = compare(
        nasty_samples(),
        estimator=small(max_epochs=1),
        arms={NASTY: "hard"},
        conditions=True,
        **OPTIONS,
    )
    page = shown(found)
    assert "script" not in {tag for tag, _ in page.tags}
    assert NASTY in page.text
    for gain in found.gains["gain"]:
        assert f"{gain:+.3f}" in page.text
    assert found.conditions is not None
    for words in found.conditions.verdicts["words"]:
        assert words in page.text
    assert page.text.endswith(shown(found.conditions).text)
    for thing in (found, found.conditions):
        assert "array(" not in repr(thing) and len(repr(thing)) < 600


def test_a_curve_shows_its_gains() -> None:
    curve = label_curve(
        nasty_samples(), shares=[1.0], estimator=small(max_epochs=1), **OPTIONS
    )
    page = shown(curve)
    assert "script" not in {tag for tag, _ in page.tags}
    for gain in curve.gains["gain"]:
        assert f"{gain:+.3f}" in page.text
    assert repr(curve) == "<LabelCurve: studies with 1 of the labels>"


@pytest.mark.parametrize(
    ("value", "sign"),
    [("helps", "▲"), ("same within 0.01", "="), ("not met", "▼"), ("met", "▲")],
)
def test_verdicts_have_a_sign_next_to_their_color(value: str, sign: str) -> None:
    text = table([{"verdict": value}])
    assert f"{sign} {value}" in text
    assert "color: #" in text
    assert f"{sign} {value}" not in table(
        [{"task": value}]
    )  # a task may be called anything


def test_an_empty_table_is_nothing() -> None:
    assert table(pd.DataFrame(columns=["a"]).to_dict("records")) == ""
