"""The weight search: its trials, its choice, and training with the chosen weights."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from makers import a_third_now, make_arrays, make_samples, small
from multitide import MultiTaskEstimator, Samples
from multitide.balancing import Fixed, Search
from multitide.errors import ParameterError
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from refusals import refused

SEARCH = Search(n_trials=3, epochs=1)


def searched(spec: Search = SEARCH, **params: Any) -> MultiTaskEstimator:
    return small(weighting=spec, max_epochs=2, **params).fit(make_samples())


def chosen_weights(trials: pd.DataFrame) -> dict[str, float]:
    chosen = trials[trials["chosen"]]
    return dict(zip(chosen["task"], chosen["weight"], strict=True))


def test_candidates_are_equal_weights_and_then_points_of_the_simplex() -> None:
    names = ["a", "b", "c", "d"]
    tried = [
        list((spec.weights or {}).values())
        for spec in Search(n_trials=400).candidates(names, 0)
    ]
    assert tried[0] == [1.0] * 4
    assert len(tried) == 400
    np.testing.assert_allclose(np.sum(tried, axis=1), 4)
    drawn = np.array(tried[1:]) / 4
    # Even on the simplex: each weight has the mean 1/n and the variance (n - 1) / (n^2 (n + 1)).
    np.testing.assert_allclose(drawn.mean(axis=0), 0.25, atol=0.04)
    np.testing.assert_allclose(drawn.var(axis=0), 3 / 80, atol=0.01)


def test_a_seed_of_its_own_draws_the_same_weights_whatever_the_estimators() -> None:
    own = Search(random_state=3)
    assert own.candidates(["a", "b"], 0) == own.candidates(["a", "b"], 1)
    assert Search().candidates(["a", "b"], 0) != Search().candidates(["a", "b"], 1)


@pytest.mark.parametrize(
    ("spec", "epochs"),
    [(Search(), 6), (Search(n_trials=100), 1), (Search(epochs=9), 9)],
)
def test_without_epochs_the_search_costs_as_much_as_one_full_run(
    spec: Search, epochs: int
) -> None:
    assert spec.epochs_of(50) == epochs


@pytest.mark.parametrize(
    "sharing", a_third_now(["hard", "soft", "soft+hard", "cross_stitch"])
)
def test_the_model_is_that_of_the_best_trials_weights_set_by_hand(sharing: str) -> None:
    samples = make_samples()
    estimator = searched(sharing=sharing)
    trials = estimator.trials_
    means = trials.groupby("trial")["loss"].mean()
    assert trials.groupby("trial")["mean_loss"].first().to_list() == pytest.approx(
        means.to_list()
    )
    assert trials.loc[trials["chosen"], "trial"].unique().tolist() == [means.idxmin()]
    by_hand = small(
        sharing=sharing, weighting=Fixed(weights=chosen_weights(trials)), max_epochs=2
    ).fit(samples)
    assert (estimator.predict(samples) == by_hand.predict(samples)).all(axis=None)
    assert (
        estimator.history_["weight"].to_list() == by_hand.history_["weight"].to_list()
    )


def test_a_trial_is_a_short_fit_with_those_weights() -> None:
    trials = searched(Search(n_trials=2, epochs=3)).trials_
    assert trials["epochs"].unique().tolist() == [3]
    second = trials[trials["trial"] == 2].set_index("task")
    alone = small(
        weighting=Fixed(weights=second["weight"].to_dict()), max_epochs=3
    ).fit(make_samples())
    rows = (
        alone.history_[alone.history_["side"] == "validation"]
        .groupby("epoch")["loss"]
        .mean()
    )
    assert second["mean_loss"].iloc[0] == pytest.approx(rows.min())


def test_same_seed_same_trials_and_another_seed_others() -> None:
    first = searched()
    pd.testing.assert_frame_equal(first.trials_, searched().trials_)
    assert chosen_weights(
        searched(random_state=1).trials_[lambda t: t["trial"] == 2].assign(chosen=True)
    ) != (chosen_weights(first.trials_[lambda t: t["trial"] == 2].assign(chosen=True)))


class Epochs(Callback):
    n = 0

    def on_epoch_begin(self, trainer: Any) -> None:
        self.n += 1


@pytest.mark.parametrize(("n_tasks", "sharing"), [(1, "hard"), (2, "none")])
def test_with_one_task_a_network_it_is_plain_training(
    n_tasks: int, sharing: str
) -> None:
    X, y = make_arrays()
    y, epochs = y.iloc[:, :n_tasks], Epochs()
    estimator = small(weighting="search", sharing=sharing, max_epochs=2).fit(
        X, y, callbacks=[epochs]
    )
    assert epochs.n == 2 * n_tasks
    assert estimator.trials_.empty
    assert (
        estimator.predict(X)
        == small(sharing=sharing, max_epochs=2).fit(X, y).predict(X)
    ).all(axis=None)


def test_everything_that_is_trained_is_logged_and_counted() -> None:
    epochs = Epochs()
    small(weighting=SEARCH, max_epochs=2).fit(make_samples(), callbacks=[epochs])
    assert epochs.n == 3 * 1 + 2


@pytest.mark.parametrize(
    "training",
    [
        Training(refit=True),
        Training(pretrain=("load",), freeze="nothing"),
        Training(averaging=0.9),
    ],
    ids=["refit", "pretrain", "averaging"],
)
def test_it_goes_with_the_ways_of_training(training: Training) -> None:
    estimator = searched(training=training)
    assert len(estimator.trials_) == 6
    weights = estimator.history_.groupby("task")["weight"].first().to_dict()
    assert weights == pytest.approx(chosen_weights(estimator.trials_))


def test_what_was_tried_is_stored_with_the_model_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"):
        estimator = searched()
    assert "Trial 3: weights {'state': " in caplog.text
    assert "has the lowest validation loss" in caplog.text
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.trials_, estimator.trials_)
    assert loaded.weighting == SEARCH


def test_only_validation_rows_choose() -> None:
    """Other labels in rows that are neither learned from nor validated on change nothing."""
    samples = make_samples()
    held_out, train = samples[:24], samples[24:80]
    first = small(weighting=SEARCH, max_epochs=1).fit(train, validation=held_out)
    y = held_out.y.copy()
    y["load"] = y["load"].to_numpy()[::-1]
    other: Samples = held_out.replace(y=y)
    second = small(weighting=SEARCH, max_epochs=1).fit(train, validation=other)
    assert (first.trials_["weight"] == second.trials_["weight"]).all()
    assert (first.trials_["loss"] != second.trials_["loss"]).any()


def test_without_validation_there_is_nothing_to_search_by() -> None:
    with pytest.raises(
        ParameterError, match=r"`validation` must not be None with weighting='search'"
    ):
        searched(validation=None)


@pytest.mark.parametrize("parameter", ["n_trials", "epochs"])
def test_a_budget_is_at_least_one(parameter: str) -> None:
    with pytest.raises(
        ParameterError,
        match=f"`weighting.{parameter}` must be greater than or equal to 1; got 0",
    ):
        searched(Search(**{parameter: 0}))


def test_it_is_no_companion_of_an_aggregator() -> None:
    with refused("`weighting`", "'uniform'", "aggregator", error=ParameterError):
        searched(aggregator="pcgrad")
