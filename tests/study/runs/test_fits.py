"""A fit: one thread, facts next to predictions, and errors that become reasons."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
import torch

from fakes import ERRORS, RANDOM, Quick, make_small_protocol
from makers import make_samples
from multitide._estimator import MultiTaskEstimator
from multitide._quiet import quiet
from multitide._threads import single_thread
from multitide.backbones import LSTMFCN
from multitide.data._data_sets import DataSets
from multitide.errors import MultitideWarning
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import make_job
from multitide.study.runs._run_job import run_job
from multitide.study.runs._training import StepCounter
from multitide.tasks import resolve_tasks
from multitide.training._trainer import Trainer

SMALL = LSTMFCN(hidden_size=4, filters=(4, 4, 4), kernel_sizes=(3, 3, 3))


def fit_of(name: str, group: tuple[str, ...], **params: object) -> tuple[Fit, Protocol]:
    protocol, samples = make_small_protocol()
    arms = {
        arm.name: arm
        for arm in resolve_arms(["hard", "constant"], Quick(**params), protocol.names)
    }
    return run_job(
        make_job(arms[name], group, protocol, 1, 0), protocol, DataSets(samples)
    ), protocol


def test_it_holds_answers_for_the_test_set_and_what_it_saw() -> None:
    fit, protocol = fit_of("hard", ("state", "load"))
    n_test, split = len(protocol.only.splits[0].test), protocol.only.splits[0]
    assert fit.done
    assert fit.answers["state"].shape == (n_test, 2)
    assert fit.answers["load"].shape == (n_test,)
    facts = fit.facts
    assert (facts["tasks"], facts["seed"], facts["fold"], facts["random_state"]) == (
        ["state", "load"],
        1,
        0,
        1,
    )
    assert (
        facts["n_rows"] == protocol.only.y.iloc[split.train].notna().any(axis=1).sum()
    )
    assert (
        facts["n_labelled"]["load"]["validation"]
        == protocol.only.y["load"].iloc[split.validation].notna().sum()
    )
    assert (facts["n_parameters"], facts["n_steps"]) == (8, 1)
    assert facts["validation_loss"] == {"state": 0.5, "load": 0.5}
    assert facts["classes"] == {"state": ["high", "low"]}
    assert facts["seconds"] > 0
    assert facts["versions"]["torch"] == torch.__version__
    assert len(fit.history) == 3 * 2 * 2  # epochs, tasks, sets


def test_a_baseline_is_a_fit_too() -> None:
    fit, protocol = fit_of("constant", ("load",))
    assert fit.done
    assert len(set(fit.answers["load"])) == 1
    assert fit.history.empty
    assert (
        fit.facts["n_rows"]
        == protocol.only.y["load"].iloc[protocol.only.splits[0].train].notna().sum()
    )


def test_an_error_becomes_a_reason() -> None:
    fit, _ = fit_of("hard", ("state", "load"), lr=13)
    assert not fit.done
    assert fit.facts["reason"] == "RuntimeError: the network caught fire"
    assert fit.answers == {}
    assert fit.facts["settings"]["lr"] == 13


def test_warnings_are_kept_as_facts_and_nothing_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"), quiet() as heard:
        warnings.warn("odd", MultitideWarning, stacklevel=1)
        logging.getLogger("multitide").info("said")
    assert [str(warning.message) for warning in heard] == ["odd"]
    assert not caplog.records


def test_alone_is_what_a_user_gets_who_fits_each_task_without_sharing() -> None:
    """One fit with sharing="none" gives the same bits as one fit per task."""
    samples = make_samples(80, missing=0)
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), RANDOM, None, 1
    )
    estimator = MultiTaskEstimator(
        backbone=SMALL, max_epochs=2, random_state=3, device="cpu", verbose=0
    )
    arm = resolve_arms(["hard"], estimator, protocol.names)[0]
    split = protocol.only.splits[0]
    whole = MultiTaskEstimator(
        **(estimator.get_params(deep=False) | {"sharing": "none"})
    )
    with single_thread():
        whole.fit(samples[split.train], validation=samples[split.validation])
    for group in arm.groups:
        fit = run_job(make_job(arm, group, protocol, 0, 0), protocol, DataSets(samples))
        if group == ("load",):
            expected = whole.predict(samples[split.test])["load"].to_numpy()
        else:
            expected = whole.predict_proba(samples[split.test])["state"].to_numpy()
        np.testing.assert_array_equal(fit.answers[group[0]], expected)
        assert fit.facts["n_steps"] > 0
        assert set(fit.facts["validation_loss"]) == set(group)


def test_nothing_is_made_that_only_a_kept_model_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The profile of the training data takes as long as the training of a small network."""
    made = []
    monkeypatch.setattr(
        "multitide._carry_out.training_profile", lambda *_: made.append(1)
    )
    samples = make_samples(40)
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), RANDOM, None, 1
    )
    estimator = MultiTaskEstimator(
        backbone=SMALL, max_epochs=1, device="cpu", verbose=0
    )
    arm = resolve_arms(["hard"], estimator, protocol.names)[1]
    job = make_job(arm, ("state", "load"), protocol, 0, 0)
    assert run_job(job, protocol, DataSets(samples)).done
    assert not made
    estimator.fit(samples)
    assert made


def test_a_task_that_shares_with_itself_is_alone_and_known_to_be() -> None:
    samples = make_samples(60)
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), RANDOM, None, 1
    )
    estimator = MultiTaskEstimator(
        backbone=SMALL, max_epochs=1, device="cpu", verbose=0
    )
    alone, itself = resolve_arms(
        {"itself": {"groups": [["load"], ["state"]]}}, estimator, protocol.names
    )
    jobs = [make_job(arm, ("load",), protocol, 0, 0) for arm in (alone, itself)]
    assert jobs[0].key == jobs[1].key
    assert [job.learner.sharing for job in jobs] == ["none", "hard"]
    answers = [
        run_job(job, protocol, DataSets(samples)).answers["load"] for job in jobs
    ]
    np.testing.assert_array_equal(*answers)


def test_without_a_validation_set_the_last_epoch_is_kept() -> None:
    samples = make_samples(60)
    protocol = make_protocol(
        DataSets(samples),
        resolve_tasks(None, samples.y),
        type(RANDOM)(by="random", validation=0),
        None,
        1,
    )
    estimator = MultiTaskEstimator(
        backbone=SMALL, max_epochs=2, device="cpu", verbose=0
    )
    arm = resolve_arms(["hard"], estimator, protocol.names)[1]
    fit = run_job(
        make_job(arm, ("state", "load"), protocol, 0, 0), protocol, DataSets(samples)
    )
    assert fit.done, fit.facts["reason"]
    assert fit.facts["best_epoch"] == {"state": 2, "load": 2}
    assert fit.facts["validation_loss"] == {}


def test_ctrl_c_ends_the_study_and_not_one_fit_only() -> None:
    class Interrupt(StepCounter):
        def on_epoch_begin(self, trainer: Trainer) -> None:
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    estimator = MultiTaskEstimator(
        backbone=SMALL, max_epochs=3, device="cpu", verbose=0
    )
    with pytest.raises(KeyboardInterrupt), quiet():
        estimator.fit(make_samples(40), callbacks=[Interrupt()])


def test_the_stand_in_errs_as_it_says() -> None:
    together, protocol = fit_of("hard", ("state", "load"))
    truth = protocol.only.y["load"].iloc[protocol.only.splits[0].test].to_numpy()
    assert np.nanstd(together.answers["load"] - truth) == pytest.approx(
        ERRORS["hard"], rel=0.3
    )
