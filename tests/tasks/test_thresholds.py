"""Thresholds: the best one of a rule, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from multitide.tasks import Classification, MultiLabel, task_from_config, task_to_config
from multitide.tasks._threshold import choose_threshold
from refusals import refused

COSTS = {"false_negative": 10.0, "false_positive": 1.0}
RULES: list[Any] = ["f1", "balanced", "recall>=0.8", "precision>=0.6", COSTS]


def rows(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    yes = rng.random(n) < 0.3
    yes[:2] = [True, False]
    noise = rng.normal(size=n)
    # Rounded, so that some are equal.
    return yes, np.round(1 / (1 + np.exp(-(2 * yes - 1.5 + noise))), 1)


def measures(yes: np.ndarray, said: np.ndarray, weights: Any) -> dict[str, float]:
    own = np.ones(len(yes)) if weights is None else weights
    right, n_said, n_yes = own[yes & said].sum(), own[said].sum(), own[yes].sum()
    recall = right / n_yes
    n_no = own.sum() - n_yes
    return {
        "f1": 2 * right / (n_said + n_yes),
        "balanced": (recall + 1 - (n_said - right) / n_no) / 2,
        "precision": right / max(n_said, 1e-9),
        "recall": recall,
        "cost": (10 * (n_yes - right) + n_said - right) / own.sum(),
    }


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(seed=st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_no_threshold_is_better_than_the_chosen_one(rule: Any, seed: int) -> None:
    yes, probabilities = rows(seed)
    weights = np.random.default_rng(seed).integers(1, 4, size=len(yes)).astype(float)
    for own in (None, weights):
        chosen = choose_threshold(rule, yes, probabilities, own)
        found = measures(yes, probabilities >= chosen.threshold, own)
        assert chosen.value == pytest.approx(found[chosen.measure])
        half = measures(yes, probabilities >= 0.5, own)[chosen.measure]
        assert chosen.at_half == pytest.approx(half)
        for threshold in np.linspace(0, 1, 21):
            other = measures(yes, probabilities >= threshold, own)
            if isinstance(rule, dict):
                assert other["cost"] >= chosen.value - 1e-9
            elif rule in ("f1", "balanced"):
                assert other[rule] <= chosen.value + 1e-9
            elif chosen.reached is None:
                limited, least = rule.split(">=")
                assert found[limited] >= float(least) - 1e-9
                if other[limited] >= float(least) and other["recall"] > 0:
                    assert other[chosen.measure] <= chosen.value + 1e-9


def test_a_limit_that_no_threshold_reaches_is_told() -> None:
    yes = np.array([True, False, False, True])
    chosen = choose_threshold("precision>=0.9", yes, np.full(4, 0.3))
    assert chosen.reached == pytest.approx(0.5)
    assert chosen.value == 1.0  # the recall of what is reached


def test_weights_are_repeated_rows() -> None:
    yes, probabilities = rows(3)
    times = np.random.default_rng(0).integers(1, 4, size=len(yes))
    twice = np.repeat(np.arange(len(yes)), times)
    for rule in RULES:
        own = choose_threshold(rule, yes, probabilities, times * 0.5)
        expected = choose_threshold(rule, yes[twice], probabilities[twice])
        np.testing.assert_allclose(own[0], expected[0])
        np.testing.assert_allclose(own[2:4], expected[2:4])


@pytest.mark.parametrize("rule", [*RULES, 0.3, "recall >= .95", "recall>=1"], ids=str)
def test_rules_survive_a_configuration(rule: Any) -> None:
    for task in (
        Classification("c", threshold=rule, positive="b"),
        MultiLabel("m", columns=["a", "b"], threshold=rule),
    ):
        task.check()
        assert task_from_config(task_to_config(task)) == task


@pytest.mark.parametrize(
    "rule", [0, 1, 1.5, True, "best", "recall>0.9", "recall>=2", {"false_negative": 1}]
)
def test_other_rules_are_refused(rule: Any) -> None:
    with refused("threshold", repr(rule), "recall>=0.9"):
        Classification("c", threshold=rule).check("tasks.c")


def labels(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"c": values})


def test_the_positive_class_is_the_rarer_one_unless_the_user_says_it() -> None:
    three_to_two = labels("ok", "ok", "ok", "bad", "bad")
    target = Classification("c").fit_target(three_to_two)
    assert target.classes[target.positive or 0] == "bad" and target.positive == 0
    assert Classification("c").fit_target(labels(0, 1, 0, 1)).positive == 1
    assert Classification("c", positive="ok").fit_target(three_to_two).positive == 1
    weights = np.array([1.0, 1.0, 1.0, 5.0, 5.0])
    assert Classification("c").fit_target(three_to_two, weights).positive == 1
    assert Classification("c").fit_target(labels("a", "b", "c", "a")).positive is None
    with refused("`c`", "'worse'", "`positive`"):
        Classification("c", positive="worse").fit_target(three_to_two)
    with refused("`c`", "`threshold`", "3", "Remove"):
        Classification("c", threshold="f1").fit_target(labels("a", "b", "c", "a"))


def test_metrics_are_those_of_the_positive_class_and_of_the_threshold() -> None:
    rng = np.random.default_rng(0)
    frame = labels(*np.where(rng.random(60) < 0.3, "bad", "ok"))
    target = Classification("c", threshold=0.2).fit_target(frame)
    bad = rng.random(60)
    decoded = np.stack([bad, 1 - bad], axis=1)
    said, yes = bad >= 0.2, (frame["c"] == "bad").to_numpy()
    values = target.metrics(frame, decoded).set_index("metric")["value"]
    assert values["f1"] == pytest.approx(sk.f1_score(yes, said))
    assert values["recall"] == pytest.approx(sk.recall_score(yes, said))
    assert values["precision"] == pytest.approx(sk.precision_score(yes, said))
    assert values["accuracy"] == pytest.approx((said == yes).mean())
    assert values["average_precision"] == pytest.approx(
        sk.average_precision_score(yes, bad)
    )
    predicted = target.to_frame(decoded)["c"]
    assert predicted.tolist() == np.where(said, "bad", "ok").tolist()
    table = target.probabilities(decoded)
    np.testing.assert_array_equal(table["bad"], bad)
