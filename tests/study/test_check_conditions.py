"""The conditions of sharing: known predictions give known verdicts; real networks run through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import multitide as mt
from fakes import RANDOM as SPLIT
from fakes import Quick
from makers import make_samples
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import FCN
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import ParameterError
from multitide.study import Comparison, Conditions, check_conditions, compare
from multitide.study.conditions._arms import (
    ALONE,
    RANDOM,
    TOGETHER,
    WIDE_ALONE,
    WIDE_TOGETHER,
    condition_arms,
    features_of,
)
from multitide.study.design._probes import Probe
from multitide.study.design._protocol import make_protocol
from multitide.study.results._evidence import Evidence
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import make_job
from multitide.study.runs._run_job import run_job
from multitide.tasks import resolve_tasks
from refusals import refused

N_SEEDS = 6
BASE = {ALONE: 5.0, TOGETHER: 4.0, WIDE_ALONE: 5.0, WIDE_TOGETHER: 4.0, RANDOM: 6.0}


def two_numbers(n: int = 900, missing: Mapping[str, float] | None = None) -> Samples:
    """Two numbers of standard deviation 10, each with its share of missing labels."""
    rng = np.random.default_rng(0)
    y = pd.DataFrame(10 * rng.normal(size=(n, 2)), columns=["a", "b"])
    for name, share in (missing or {}).items():
        y[name] = y[name].mask(rng.random(n) < share)
    return Samples.from_arrays(rng.normal(size=(n, 1, 4)).astype(np.float32), y)


def with_errors(
    errors: Mapping[str, float | Mapping[str, float]], samples: Samples | None = None
) -> Conditions:
    """Conditions whose arms predict the truth plus noise of a known size, by task if given."""
    samples = two_numbers() if samples is None else samples
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), SPLIT, None, N_SEEDS
    )
    fits, run_keys = {}, {}
    for number, (arm, error) in enumerate(errors.items()):
        for seed in range(N_SEEDS):
            rng, key = np.random.default_rng([number, seed]), f"{arm}-{seed}"
            sizes = error if isinstance(error, Mapping) else dict.fromkeys("ab", error)
            truth = {
                name: two_numbers().y[name].to_numpy()[protocol.only.splits[0].test]
                for name in "ab"
            }
            answers = {
                name: values + sizes[name] * rng.normal(size=len(values))
                for name, values in truth.items()
            }
            fits[key], run_keys[arm, seed, 0] = (
                Fit(key, {"status": "done"}, answers),
                [key],
            )
    return Conditions(
        Evidence(protocol, run_keys, fits, {arm: ["a", "b"] for arm in errors}), {}
    )


def only(table: pd.DataFrame, **where: Any) -> pd.Series:
    found = table[
        np.logical_and.reduce([table[name] == value for name, value in where.items()])
    ]
    assert len(found) == 1
    return found.iloc[0]


# -- known answers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known() -> Conditions:
    """Features of "b" are worth half as much as its own for "a"; those of "a" nothing for "b"."""
    features = {
        features_of("a"): {"a": 2.0, "b": 6.0},
        features_of("b"): {"a": 20**0.5, "b": 3.0},
    }
    return with_errors(BASE | features | {WIDE_TOGETHER: {"a": 1.0, "b": 4.0}})


def test_features_are_measured_against_random_ones_and_against_the_tasks_own(
    known: Conditions,
) -> None:
    found = only(known.features, task="a", source="b")
    assert found["verdict"] == "helps"
    assert found["low"] < (36 - 20) / 100 < found["high"]
    assert found["reached"] == pytest.approx(0.5, abs=0.15)
    assert only(known.features, task="a", source="a")["reached"] == 1
    assert only(known.features, task="b", source="a")["gain"] == pytest.approx(
        0, abs=0.05
    )


def test_the_change_by_width_is_the_difference_of_two_gains(known: Conditions) -> None:
    found = only(known.width, task="a")
    assert found["gain"] == pytest.approx(found["wide"] - found["before"])
    assert found["low"] < (16 - 1) / 100 < found["high"]
    assert found["before"] == pytest.approx(0.09, abs=0.04)
    assert found["verdict"] == "helps"
    assert only(known.width, task="b")["low"] < 0 < only(known.width, task="b")["high"]


def test_verdicts_say_which_condition_is_met_for_which_task(known: Conditions) -> None:
    verdicts = known.verdicts
    assert only(verdicts, condition="features", task="a")["verdict"] == "met"
    assert (
        "features of b are better than random features"
        in only(verdicts, condition="features", task="a")["words"]
    )
    assert only(verdicts, condition="features", task="b")["verdict"] in (
        "not met",
        "cannot tell",
    )
    assert only(verdicts, condition="network", task="a")["verdict"] == "not met"
    assert only(verdicts, condition="labels", task="")["verdict"] == "met"
    assert all(words in str(known) for words in verdicts["words"])


def test_features_that_are_no_better_do_not_meet_the_condition() -> None:
    same = dict.fromkeys([RANDOM, features_of("a"), features_of("b")], 0.5)
    assert (
        only(with_errors(BASE | same).verdicts, condition="features", task="a")[
            "verdict"
        ]
        == "not met"
    )


def test_a_task_with_few_labels_is_named() -> None:
    samples = two_numbers(missing={"b": 0.9})
    found = with_errors(BASE | {features_of("a"): 5.0, features_of("b"): 5.0}, samples)
    labels = found.labels.set_index("task")
    counts = found.evidence.protocol.only.splits[0].counts(samples.y)["train"]
    assert (labels["train"] == counts).all()
    assert labels.loc["b", "times_fewer"] == pytest.approx(counts["a"] / counts["b"])
    assert labels.loc["b", "others"] == counts["a"]
    assert labels.loc["b", "overlap"] == 1
    assert labels.loc["a", "overlap"] == pytest.approx(counts["b"] / counts["a"])
    verdict = only(found.verdicts, condition="labels")
    assert verdict["verdict"] == "not met"
    assert (
        f"a has {counts['a'] / counts['b']:.1f} times the labels of b"
        in verdict["words"]
    )


def test_without_a_width_the_network_is_not_checked() -> None:
    arms = {
        name: error
        for name, error in BASE.items()
        if name not in (WIDE_ALONE, WIDE_TOGETHER)
    }
    found = with_errors(arms | {features_of("a"): 5.0, features_of("b"): 5.0})
    assert found.width.empty
    assert "network" not in set(found.verdicts["condition"])
    assert "the backbone has no width" in str(found)


# -- real networks ---------------------------------------------------------------------------------


def tiny(**params: Any) -> MultiTaskEstimator:
    backbone = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
    return MultiTaskEstimator(
        backbone=backbone,
        **({"max_epochs": 2, "batch_size": 16, "lr": 0.01, "device": "cpu"} | params),
    )


OPTIONS: dict[str, Any] = {"n_seeds": 2, "split": SPLIT, "n_jobs": 1, "verbose": 0}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Conditions, Path]:
    folder = tmp_path_factory.mktemp("study")
    return check_conditions(
        make_samples(90), estimator=tiny(), folder=folder, **OPTIONS
    ), folder


def test_all_arms_answer_all_tasks(kept: tuple[Conditions, Path]) -> None:
    found, _ = kept
    assert all(fit.done for fit in found.evidence.fits.values())
    assert len(found.features) == 4
    assert found.features["gain"].notna().all()
    assert found.width[["before", "wide", "gain"]].notna().all(axis=None)


def test_they_survive_saving(kept: tuple[Conditions, Path]) -> None:
    found, folder = kept
    loaded = mt.Comparison.load(folder).conditions
    assert loaded is not None
    for name in ("features", "labels", "width", "verdicts"):
        pd.testing.assert_frame_equal(
            getattr(loaded, name), getattr(found, name), check_exact=True
        )
    assert loaded.settings.keys() == found.settings.keys()


@pytest.mark.slow
def test_requested_later_they_train_only_what_is_new_and_change_nothing_else(
    tmp_path: Path,
) -> None:
    told: list[Any] = []
    plain = compare(make_samples(90), estimator=tiny(), folder=tmp_path, **OPTIONS)
    more = compare(
        make_samples(90),
        estimator=tiny(),
        folder=tmp_path,
        conditions=True,
        progress=told.append,
        **OPTIONS,
    )
    assert plain.conditions is None
    assert (told[0].done, told[0].running + told[0].left) == (6, 2 * (2 + 1 + 1 + 2))
    pd.testing.assert_frame_equal(plain.gains, more.gains, check_exact=True)
    assert more.arms == plain.arms
    assert set(more.evidence.fits) == set(plain.evidence.fits)
    assert str(plain) in str(more)


def test_a_random_backbone_keeps_its_weights_and_gets_to_know_the_data() -> None:
    samples = make_samples(90)
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), SPLIT, None, 1
    )
    arms = {
        arm.name: arm for arm in condition_arms(tiny(random_state=3), protocol.names)
    }
    job = make_job(arms[RANDOM], ("state", "load"), protocol, 0, 0)
    assert isinstance(job.learner, Probe)
    estimator = job.learner.estimator
    estimator.fit(samples[protocol.only.splits[0].train])
    torch.manual_seed(3)
    fresh = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3)).build(3, 20).state_dict()
    trained = estimator.model_.networks[0].sharing.backbone.state_dict()
    statistics = {name for name in fresh if "running_" in name or "num_batches" in name}
    assert all(
        torch.equal(trained[name], fresh[name]) for name in fresh.keys() - statistics
    )
    assert not any(torch.equal(trained[name], fresh[name]) for name in statistics)


def test_a_probe_of_the_right_source_reads_what_a_random_one_cannot() -> None:
    """One quick fit each: "load" is the mean of one noisy channel, which its network finds."""
    samples = make_samples(240, missing=0.0)
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), SPLIT, None, 1
    )
    estimator = tiny(max_epochs=15, random_state=0)
    arms = {arm.name: arm for arm in condition_arms(estimator, protocol.names)}
    losses = {}
    for name in (RANDOM, features_of("load"), features_of("state")):
        fit = run_job(
            make_job(arms[name], ("state", "load"), protocol, 0, 0),
            protocol,
            DataSets(samples),
        )
        assert fit.done, fit.facts["reason"]
        target = protocol.question("load").targets[0]
        losses[name] = np.nanmean(
            target.row_losses(protocol.question("load").labels(0), fit.answers["load"])
        )
    assert losses[features_of("load")] < min(
        losses[RANDOM], losses[features_of("state")]
    )


def test_what_fails_is_told_apart_from_what_is_not_known() -> None:
    found = compare(
        make_samples(90), estimator=Quick(), conditions=True, **OPTIONS
    ).conditions
    assert found is not None
    assert set(found.features["verdict"]) == {"failed"}
    assert (
        only(found.verdicts, condition="features", task="load")["verdict"]
        == "cannot tell"
    )
    assert "could not be tried" in str(found)


def test_one_task_has_nothing_to_share() -> None:
    with refused(
        "`conditions`", "at least two tasks", "['load']", error=ParameterError
    ):
        check_conditions(make_samples(90), ["load"], estimator=tiny(), **OPTIONS)


def test_a_study_without_them_loads(tmp_path: Path) -> None:
    compare(make_samples(90), estimator=Quick(), folder=tmp_path, **OPTIONS)
    assert json.loads((tmp_path / "study.json").read_text())["conditions"] is None
    assert Comparison.load(tmp_path).conditions is None


def test_unknown_arguments_are_refused_with_the_nearest_name() -> None:
    with refused("`check_conditions`", "'seeds'", "n_seeds", error=ParameterError):
        check_conditions(make_samples(24), estimator=tiny(), seeds=2)  # type: ignore[call-arg]
