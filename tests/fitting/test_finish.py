"""The finish: after joint training, each task may train a copy of the network further."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import multitide as mt
from makers import make_samples, small
from multitide.errors import ParameterError
from multitide.fitting._validation_loss import validation_loss
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from multitide.training._trainer import Trainer

SAMPLES = make_samples(200)
FINISH = Training(finish="per_task")


def kept_losses(estimator: mt.MultiTaskEstimator) -> dict[str, float]:
    rows = estimator.history_.to_dict("records")
    return {
        task: validation_loss(rows, task, epoch)
        for task, epoch in estimator.best_epoch_.items()
    }


def answers(estimator: mt.MultiTaskEstimator, task: str) -> pd.DataFrame:
    if task == "state":
        return estimator.predict_proba(SAMPLES)[task]
    return estimator.predict(SAMPLES)[[task]]


@pytest.fixture(scope="module")
def joint() -> mt.MultiTaskEstimator:
    return small(max_epochs=8, lr=0.02).fit(SAMPLES)


@pytest.fixture(scope="module")
def finished() -> mt.MultiTaskEstimator:
    return small(max_epochs=8, lr=0.02, training=FINISH).fit(SAMPLES)


def test_no_task_has_a_higher_validation_loss_and_the_rest_is_the_joint_model(
    joint: mt.MultiTaskEstimator, finished: mt.MultiTaskEstimator
) -> None:
    before, after = kept_losses(joint), kept_losses(finished)
    changed = [task for task in before if after[task] != before[task]]
    assert changed, "the data are made such that a finish helps"
    for task in before:
        assert after[task] <= before[task]
        same = answers(joint, task).equals(answers(finished, task))
        assert same == (task not in changed)


def test_the_epochs_of_the_finish_follow_those_of_the_joint_training(
    joint: mt.MultiTaskEstimator, finished: mt.MultiTaskEstimator
) -> None:
    last = joint.history_["epoch"].max()
    for task, epoch in finished.best_epoch_.items():
        rows = finished.history_[finished.history_["task"] == task]
        assert not rows.duplicated(["epoch", "side"]).any()
        assert (epoch > last) == (rows["epoch"].max() > last)


def test_its_networks_are_stored(
    finished: mt.MultiTaskEstimator, tmp_path: Path
) -> None:
    finished.save(tmp_path / "model")
    loaded = mt.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(SAMPLES), finished.predict(SAMPLES))


def test_the_validation_loss_of_the_finish_is_that_of_its_predictions() -> None:
    train, validation = SAMPLES[np.arange(150)], SAMPLES[np.arange(150, 200)]
    estimator = small(max_epochs=8, lr=0.02, training=FINISH)
    estimator.fit(train, validation=validation)
    metrics = estimator.evaluate(validation)
    losses = metrics[metrics["metric"] == "loss"].set_index("task")["value"]
    assert kept_losses(estimator) == pytest.approx(losses.to_dict(), rel=1e-4)


@pytest.mark.slow
def test_a_single_task_and_a_fit_without_validation_have_no_finish() -> None:
    for params in ({"tasks": ["load"]}, {"validation": None}):
        plain = small(**params).fit(SAMPLES).predict(SAMPLES)
        same = small(**params, training=FINISH).fit(SAMPLES).predict(SAMPLES)
        pd.testing.assert_frame_equal(plain, same)


def test_it_cannot_be_combined_with_a_refit() -> None:
    training = {"finish": "per_task", "refit": True}
    with pytest.raises(ParameterError, match="must be 'none' with refit=True"):
        small(training=training).fit(SAMPLES)


@pytest.mark.slow
def test_it_is_an_arm_of_a_study() -> None:
    study = mt.compare(
        SAMPLES,
        arms=["hard", "finish"],
        estimator=small(max_epochs=2),
        n_seeds=2,
        n_jobs=1,
        verbose=0,
    )
    assert set(study.gains["arm"]) == {"hard", "finish"}


class InterruptedFinish(Callback):
    """Ends the process's work, as Ctrl-C does, in the first step of the second run."""

    def __init__(self) -> None:
        self.runs = 0

    def on_train_begin(self, trainer: Trainer) -> None:
        self.runs += 1

    def on_step_begin(self, *arguments: object) -> None:
        if self.runs == 2:
            raise KeyboardInterrupt


def test_ctrl_c_in_the_finish_keeps_the_joint_training(
    joint: mt.MultiTaskEstimator,
) -> None:
    interrupt = InterruptedFinish()
    estimator = small(max_epochs=8, lr=0.02, training=FINISH)
    estimator.fit(SAMPLES, callbacks=[interrupt])
    assert interrupt.runs == 3  # the joint training, and both tasks
    assert answers(estimator, "state").equals(answers(joint, "state"))


def test_what_is_frozen_stays_frozen_in_the_finish(
    joint: mt.MultiTaskEstimator,
) -> None:
    training = Training(finish="per_task", freeze="backbone")
    estimator = small(max_epochs=8, lr=0.05, training=training)
    estimator.fit(SAMPLES, start=joint)
    networks = estimator.model_.network_list
    assert len(networks) > 1, "the data are made such that a finish helps"
    before = joint.model_.network_list[0].sharing.state_dict()
    for network in networks:
        for name, tensor in network.sharing.state_dict().items():
            assert torch.equal(tensor, before[name]), name
