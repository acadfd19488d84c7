"""Gains and metrics: sign, units, the rows used, and metrics that are no mean over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error

from fakes import ERRORS, RANDOM, Quick, make_study_samples
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import ParameterError
from multitide.study import Comparison, compare

ARMS = ["alone", "hard", "constant"]


def study(
    samples: Samples | None = None, arms: Any = ARMS, **options: Any
) -> Comparison:
    samples = make_study_samples(600, missing=0.2) if samples is None else samples
    defaults: dict[str, Any] = {
        "split": RANDOM,
        "n_seeds": 6,
        "n_jobs": 1,
        "verbose": 0,
    }
    return compare(
        samples,
        estimator=options.pop("estimator", Quick()),
        arms=arms,
        **(defaults | options),
    )


@pytest.fixture(scope="module")
def result() -> Comparison:
    return study()


def row(table: pd.DataFrame, **where: Any) -> pd.Series:
    found = table[
        np.logical_and.reduce([table[name] == value for name, value in where.items()])
    ]
    assert len(found) == 1
    return found.iloc[0]


def test_the_true_gain_lies_in_the_interval_and_is_called_a_help(
    result: Comparison,
) -> None:
    gain = row(result.gains, task="load", arm="hard")
    spread = (
        result.evidence.protocol.only.y["load"]
        .iloc[result.evidence.protocol.only.splits[0].train]
        .var(ddof=0)
    )
    truth = (ERRORS["none"] ** 2 - ERRORS["hard"] ** 2) / spread
    assert gain["low"] < truth < gain["high"]
    assert gain["high"] - gain["low"] < 0.2
    assert gain["verdict"] == "helps"


def test_what_does_not_differ_is_not_called_a_help_or_a_harm(
    result: Comparison,
) -> None:
    gain = row(result.gains, task="state", arm="hard")
    assert gain["low"] < 0 < gain["high"]
    assert gain["verdict"] in ("same", "cannot tell")


def test_what_is_worse_hurts(result: Comparison) -> None:
    gain = row(result.gains, task="load", arm="constant")
    assert gain["verdict"] == "hurts"
    assert gain["gain"] == pytest.approx(
        row(result.figures, arm="alone", task="load", metric="loss")["mean"] - 1,
        abs=0.15,
    )


def test_the_gain_is_the_difference_of_the_losses(result: Comparison) -> None:
    losses = result.figures[result.figures["metric"] == "loss"].set_index(
        ["arm", "task"]
    )["mean"]
    for gain in result.gains.itertuples():
        assert gain.gain == pytest.approx(
            losses["alone", gain.task] - losses[gain.arm, gain.task]
        )


def test_rows_without_a_label_do_not_count(result: Comparison) -> None:
    protocol = result.evidence.protocol
    n_labelled = protocol.only.y.iloc[protocol.only.splits[0].test].notna().sum()
    for gain in result.gains.itertuples():
        assert gain.n_labelled == n_labelled[gain.task]
        assert (
            gain.n_groups == n_labelled[gain.task]
        )  # every sample is a series of its own here
        assert gain.n_seeds == 6


def test_figures_are_those_of_scikit_learn_on_the_predictions(
    result: Comparison,
) -> None:
    seeds = [result.predictions("hard", "load", seed).dropna() for seed in range(6)]
    errors = [
        root_mean_squared_error(seed["label"], seed["predicted"]) for seed in seeds
    ]
    figure = row(result.figures, arm="hard", task="load", metric="rmse")
    assert figure["mean"] == pytest.approx(np.mean(errors))
    assert figure["sd"] == pytest.approx(np.std(errors, ddof=1))
    labelled = [
        result.predictions("alone", "state", seed).dropna(subset="label")
        for seed in range(6)
    ]
    hits = [accuracy_score(seed["label"], seed["predicted"]) for seed in labelled]
    assert row(result.figures, arm="alone", task="state", metric="accuracy")[
        "mean"
    ] == pytest.approx(np.mean(hits))
    assert list(labelled[0].columns) == ["row", "label", "predicted", "high", "low"]


def test_the_trivial_figure_is_that_of_the_constant_arm(result: Comparison) -> None:
    figures = result.figures.set_index(["arm", "task", "metric"])
    for task in ("state", "load"):
        assert figures.loc[("constant", task, "loss"), "mean"] == pytest.approx(
            figures.loc[("hard", task, "loss"), "trivial"]
        )
    assert figures.loc[("constant", "load", "loss"), "sd"] == 0


def test_swapping_arms_turns_the_sign_round(result: Comparison) -> None:
    other = study(arms=["alone", "hard"], reference="hard")
    there, back = (
        row(result.gains, task="load", arm="hard"),
        row(other.gains, task="load", arm="alone"),
    )
    for name, opposite in (("gain", "gain"), ("low", "high"), ("high", "low")):
        assert back[name] == pytest.approx(-there[opposite])
    assert back["verdict"] == "hurts"


def test_an_arm_that_is_the_reference_by_another_name_is_the_same() -> None:
    found = study(arms={"again": {"groups": [["load"], ["state"]]}})
    assert (found.gains["gain"] == 0).all()
    assert (found.gains["verdict"] == "same").all()


def test_labels_in_other_units_change_no_gain(result: Comparison) -> None:
    class InOtherUnits(Quick):
        def predict(self, X: Samples, **_: Any) -> pd.DataFrame:
            answers = super().predict(X)
            return (
                answers.assign(load=answers["load"] * 1e6)
                if "load" in answers
                else answers
            )

    samples = make_study_samples(600, missing=0.2)
    samples.y["load"] *= 1e6
    scaled = study(samples, arms=["alone", "hard"], estimator=InOtherUnits())
    for task in ("load", "state"):
        expected = row(result.gains, task=task, arm="hard")["gain"]
        assert row(scaled.gains, task=task, arm="hard")["gain"] == pytest.approx(
            expected
        )


def test_the_mean_gain_is_the_mean_and_ranks_count_from_the_best(
    result: Comparison,
) -> None:
    mean = row(result.mean_gains, arm="hard")
    assert mean["gain"] == pytest.approx(
        result.gains.loc[result.gains["arm"] == "hard", "gain"].mean()
    )
    assert mean["low"] < mean["gain"] < mean["high"]
    assert row(result.mean_gains, arm="constant")["mean_rank"] == 3


@pytest.mark.parametrize(
    ("metric", "task"),
    [
        ("rmse", "load"),
        pytest.param("r2", "load", marks=pytest.mark.slow),
        ("mae", "load"),
        ("accuracy", "state"),
    ],
)
def test_gains_in_other_figures_are_signed_so_that_plus_is_better(
    result: Comparison, metric: str, task: str
) -> None:
    gains = result.gains_in(metric)
    assert list(gains["task"].unique()) == [task]
    gain = row(gains, task=task, arm="hard")
    means = result.figures[result.figures["metric"] == metric].set_index(
        ["arm", "task"]
    )["mean"]
    sign = -1 if metric in ("rmse", "mae") else 1
    assert gain["gain"] == pytest.approx(
        sign * (means["hard", task] - means["alone", task])
    )
    if task == "load":
        assert gain["low"] > 0
    assert gain["low"] < gain["gain"] < gain["high"]


def test_the_jackknife_of_r2_is_near_what_fresh_data_show(result: Comparison) -> None:
    """The width of the interval matches the spread of the gain over new studies."""
    fresh = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=190) * 10
        alone, hard = (
            np.mean(
                [r2_score(truth, truth + rng.normal(size=190) * sd) for _ in range(6)]
            )
            for sd in (6, 3)
        )
        fresh.append(hard - alone)
    gain = row(result.gains_in("r2"), task="load", arm="hard")
    assert gain["standard_error"] == pytest.approx(np.std(fresh), rel=0.6)


def test_an_unknown_figure_is_refused(result: Comparison) -> None:
    with pytest.raises(
        ParameterError,
        match=r"`metric` must be one of .*got 'rsme'\. Did you mean 'rmse'\?",
    ):
        result.gains_in("rsme")


# -- folds -----------------------------------------------------------------------------------------


def test_folds_join_by_their_labelled_rows_and_widen_the_interval() -> None:
    samples = make_study_samples(200, n_series=40)
    found = study(samples, arms=["hard"], split=Splitter(by="group"), cv=4, n_seeds=2)
    gain = row(found.gains, task="load", arm="hard")
    assert (gain["n_folds"], gain["n_seeds"], gain["n_groups"]) == (4, 2, 40)
    assert gain["n_labelled"] == samples.y["load"].notna().sum()
    assert gain["fold_part"] > 0
    assert gain["verdict"] == "helps"
    losses = np.concatenate(
        [found.evidence.losses("alone", "load", seed) for seed in (0, 1)]
    )
    assert row(found.figures, arm="alone", task="load", metric="loss")[
        "mean"
    ] == pytest.approx(np.nanmean(losses))
    r2 = row(found.gains_in("r2"), task="load", arm="hard")
    assert (r2["gain"] > 0) and (r2["fold_part"] > 0)
    accuracy = row(found.gains_in("accuracy"), task="state", arm="hard")
    means = found.figures[found.figures["metric"] == "accuracy"].set_index("arm")[
        "mean"
    ]
    assert accuracy["gain"] == pytest.approx(means["hard"] - means["alone"])


def test_a_figure_that_one_fold_does_not_define_is_joined_from_the_others() -> None:
    samples = make_study_samples(80, missing=0, n_series=4)
    order = np.argsort(samples.y["state"].to_numpy(), kind="stable")
    samples = samples[order].replace(series=np.arange(80) // 20)
    found = study(
        samples,
        arms=["hard"],
        split=Splitter(by="group", validation=0),
        cv=4,
        n_seeds=1,
    )
    assert np.isnan(
        found.scores.loc[found.scores["metric"] == "roc_auc", "value"]
    ).any()
    loss = row(found.figures, arm="hard", task="state", metric="loss")
    assert np.isfinite(loss["mean"])


# -- failures --------------------------------------------------------------------------------------


def test_a_failed_arm_stands_next_to_the_others_with_its_reason() -> None:
    found = study(arms={"hard": "hard", "broken": {"lr": 13.0}}, n_seeds=5)
    gain = row(found.gains, task="load", arm="broken")
    assert gain["verdict"] == "failed"
    assert gain["advice"] == "RuntimeError: the network caught fire"
    assert np.isnan(gain["gain"])
    assert row(found.gains, task="load", arm="hard")["verdict"] == "helps"
    assert "broken" not in set(found.figures["arm"])
    assert set(found.runs.loc[found.runs["arm"] == "broken", "status"]) == {"failed"}
    assert "the network caught fire" in str(found)


def test_seeds_that_failed_in_one_arm_are_left_out_of_both() -> None:
    class FailsOnce(Quick):
        def fit(self, X: Any, y: Any = None, **options: Any) -> Any:
            if self.random_state == 2 and self.sharing == "hard":
                raise RuntimeError("bad luck")
            return super().fit(X, y, **options)

    found = study(arms=["hard"], estimator=FailsOnce(), n_seeds=6)
    gain = row(found.gains, task="load", arm="hard")
    assert gain["n_seeds"] == 5
    assert gain["verdict"] == "helps"
    assert found.evidence.seeds("hard", "load") == [0, 1, 3, 4, 5]


def test_if_the_reference_fails_nothing_is_claimed() -> None:
    found = study(
        arms={"alone": {"lr": 13.0, "sharing": "none"}, "hard": "hard"}, n_seeds=2
    )
    assert (found.gains["verdict"] == "failed").all()
    assert found.gains["advice"].str.contains("caught fire").all()


def test_tasks_that_an_arm_leaves_out_have_no_row() -> None:
    found = study(arms={"one": {"groups": [["load"]]}}, n_seeds=2)
    assert list(found.gains["task"]) == ["load"]
    assert found.mean_gains.empty
    assert "one" in str(found)
