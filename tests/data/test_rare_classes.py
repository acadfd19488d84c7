"""Rare classes: every class that can be in the training set is there, and the others are named."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from makers import a_third_now, small
from multitide import Samples, Splitter
from multitide.data._rare_classes import keep_every_class, single_and_others
from multitide.data._strata import strata
from refusals import refused


def samples_of(
    y: dict[str, object], series: object = None, time: object = None
) -> Samples:
    frame = pd.DataFrame(y)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(len(frame), 1, 4))
    return Samples.from_arrays(X, frame, series=series, time=time)


ONE_OF_60 = ["a"] * 59 + ["b"]
LABELS: dict[str, dict[str, object]] = {
    "text": {"c": ONE_OF_60},
    "numbers": {"c": [0.0] * 59 + [1.0]},
    "bool": {"c": [False] * 59 + [True]},
    "category": {"c": pd.Categorical(ONE_OF_60)},
    "nullable bool": {"c": pd.array([None, True] + [False] * 58, dtype="boolean")},
    "two tasks": {"c": ONE_OF_60, "d": ["x", "y", "z"] * 20},
    "two singletons": {"c": ONE_OF_60, "d": ["only"] + ["x", "y"] * 29 + ["y"]},
    "yes/no labels": {"hot": [0, 1] * 30, "wet": [1.0] + [0.0] * 59},
    "two examples": {"c": ["a"] * 58 + ["b"] * 2},
    "one missing label": {"c": [None] + ["a", "b"] * 29 + ["b"]},
    "five of few": {
        "c": ["a"] * 50 + ["b", "b", "c", "c", "d", "e", "e", "e", "f", "g"]
    },
}


def missing_classes(samples: Samples, train: np.ndarray) -> list[str]:
    missing = []
    for name, labels in samples.y.items():
        missing += [
            f"{name}={value}"
            for value in set(labels.dropna()) - set(labels.iloc[train])
        ]
    return missing


@pytest.mark.parametrize("seed", a_third_now(range(5)))
@pytest.mark.parametrize("labels", LABELS)
def test_the_training_set_has_every_class(labels: str, seed: int) -> None:
    samples = samples_of(LABELS[labels])
    splitter = Splitter(by="random", random_state=seed, validation=0.3)
    split = splitter.split(samples)
    keep, _ = splitter.hold_out(samples, 0.15)
    for train in (split.train, keep, *(fold.train for fold in splitter.folds(samples))):
        assert missing_classes(samples, train) == []
    together = np.concatenate([split.train, split.validation, split.test])
    assert sorted(together) == list(range(60))
    assert len(split.test) == pytest.approx(12, abs=2)


@pytest.mark.parametrize("seed", range(5))
def test_the_only_group_with_a_class_is_in_the_training_set(seed: int) -> None:
    groups = np.repeat(np.arange(6), 10)
    labels = np.where(groups == 3, "rare", np.where(np.arange(60) % 2, "a", "b"))
    labels[groups == 5] = "also rare"
    samples = samples_of({"c": labels}, series=groups)
    split = Splitter(by="group", random_state=seed, test=0.3).split(samples)
    assert missing_classes(samples, split.train) == []
    assert len(split.test) and len(split.validation)


def test_what_a_split_by_time_cannot_move_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    labels = ["a", "b"] * 28 + ["late"] * 4
    samples = samples_of({"c": labels}, time=np.arange(60))
    with caplog.at_level(logging.INFO, "multitide"):
        split = Splitter(by="time").split(samples)
    assert missing_classes(samples, split.train) == ["c=late"]
    assert "no example of these classes of 'c': 'late'" in caplog.text


def test_folds_of_groups_name_what_a_training_set_lacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    groups = np.repeat(np.arange(6), 10)
    labels = np.where(groups == 3, "rare", np.where(np.arange(60) % 2, "a", "b"))
    with caplog.at_level(logging.INFO, "multitide"):
        Splitter(by="group", n_folds=3).folds(samples_of({"c": labels}, series=groups))
    assert caplog.text.count("no example of these classes of 'c': 'rare'") == 1


def test_a_single_example_does_not_switch_stratification_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    samples = samples_of({"c": ["a"] * 80 + ["b"] * 19 + ["once"]})
    with caplog.at_level(logging.INFO, "multitide"):
        _, held = Splitter(by="random").hold_out(samples, 0.2)
    assert (samples.y["c"].iloc[held] == "b").sum() == 4
    assert "'c': 'once'" in caplog.text


def test_small_strata_are_merged_before_stratification_is_given_up() -> None:
    y = pd.DataFrame({"c": list("aaaaaabbbbbbcd")})
    codes, note = strata(y, at_least=2, n_parts=5)
    assert codes is not None and "one stratum" in note
    assert pd.Series(codes).value_counts().tolist() == [6, 6, 2]


def test_labels_that_never_repeat_leave_the_held_out_set_alone() -> None:
    y = pd.DataFrame({"c": [f"{i}" for i in range(20)]})
    everything = np.arange(20)
    single, drawn = single_and_others(y, everything, 5)
    assert len(single) == 0 and len(drawn) == 20
    keep, held = keep_every_class(y, everything[:12], everything[12:])
    assert len(held) == 4 and len(keep) == 16


def test_a_fit_with_one_example_of_a_class_learns_it() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2, 16))
    estimator = small(max_epochs=1).fit(X, pd.DataFrame({"c": ONE_OF_60}))
    assert estimator.classes_ == {"c": ["a", "b"]}


def test_a_class_that_only_the_validation_set_has_is_refused_with_a_remedy() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2, 16))
    y = pd.DataFrame({"c": ["a"] * 55 + ["b"] * 5})
    with refused("`c`", "'b'", "Splitter(by='random')"):
        small(max_epochs=1, validation=Splitter(by="time")).fit(
            X, y, time=np.arange(60)
        )
