"""What learners predict for training rows that they have not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from makers import make_samples, plan_of
from multitide import MultiTaskEstimator, Samples
from multitide.backbones import Rocket, Trees
from multitide.fitting import _cross_fit
from multitide.fitting._choose_weights import Evidence, choose_weights
from multitide.fitting._cross_fit import _folds, cross_fit
from multitide.fitting._fit_model import _fit_anew
from multitide.fitting._task_group import TaskGroup

FOREST = Trees(n_trees=20, n_levels=0)
TASKS = ("state", "load")


@pytest.fixture(autouse=True)
def with_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what `conftest.py` leaves out of other tests."""
    monkeypatch.setattr(_cross_fit, "MOST_ROWS", 200)


def group_of(samples: Samples, backbone: Trees | Rocket = FOREST) -> TaskGroup:
    estimator = MultiTaskEstimator(backbone=backbone, verbose=0, random_state=0)
    (group,) = plan_of(estimator, samples).groups
    return group


def with_labels(samples: Samples, **labels: np.ndarray) -> Samples:
    return samples.replace(y=pd.DataFrame(labels))


def test_each_training_row_is_held_out_once_and_no_recording_is_divided() -> None:
    samples = make_samples(80)
    recordings = np.arange(80) // 4
    samples = replace(samples, series=np.array([f"run {n}" for n in recordings]))
    (data,) = group_of(samples).data
    assert data.validation is not None
    held_rows = []
    for others, held in _folds(data, seed=3):
        held_rows.append(held)
        assert not set(recordings[held]) & set(
            recordings[np.intersect1d(others, data.train.index)]
        )
        assert set(data.validation.index) <= set(others)
        assert not set(held) & set(others)
    np.testing.assert_array_equal(np.sort(np.concatenate(held_rows)), data.train.index)


def test_noise_cannot_be_predicted_for_rows_that_a_fit_has_not_seen() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=120)
    group = group_of(with_labels(make_samples(120), load=noise))
    crossed = cross_fit(group, _fit_anew, ["load"])["load"]
    (data,) = group.data
    assert sorted(crossed.truth) == pytest.approx(
        sorted(noise[data.train.index]), rel=1e-5
    )
    assert crossed.loss_of(crossed.decoded) > 0.95
    assert len(set(crossed.recordings)) == len(crossed.truth)


@pytest.mark.parametrize("backbone", [FOREST, Rocket(n_features=168)])
def test_a_signal_is_predicted_for_them(backbone: Trees | Rocket) -> None:
    samples = make_samples(120)
    level = np.nanmean(samples.gather(slice(None))[:, 0], axis=1)
    group = group_of(with_labels(samples, load=level), backbone)
    crossed = cross_fit(group, _fit_anew, ["load"])["load"]
    assert crossed.loss_of(crossed.decoded) < 0.8


def test_folds_without_one_of_the_classes_are_left_out() -> None:
    state = np.where(np.arange(100) % 2, "b", "a").astype(object)
    state[[10, 11]] = "rare"
    samples = with_labels(make_samples(100), state=state, load=np.arange(100.0))
    group = group_of(samples)
    crossed = cross_fit(group, _fit_anew, TASKS)
    (data,) = group.data
    n_train = len(data.train.index)
    assert len(crossed["load"].truth) == n_train
    state_rows = crossed["state"]
    assert len(state_rows.truth) <= n_train
    assert state_rows.decoded.shape == (len(state_rows.truth), 3)


def test_windows_of_a_few_recordings_are_left_out() -> None:
    """They would overlap the windows of other folds."""
    samples = make_samples(80)
    few = replace(samples, series=np.arange(80) % 9)
    enough = replace(samples, series=np.arange(80) % 10)
    assert not cross_fit(group_of(few), _fit_anew, TASKS)
    assert cross_fit(group_of(enough), _fit_anew, TASKS)


def test_the_fits_of_folds_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    group = group_of(make_samples(60))
    caplog.set_level("INFO", logger="multitide")
    caplog.clear()
    assert cross_fit(group, _fit_anew, TASKS)
    assert not caplog.records


def test_it_is_for_few_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    group = group_of(make_samples(60))
    assert cross_fit(group, _fit_anew, TASKS)
    monkeypatch.setattr(_cross_fit, "MOST_ROWS", group.n_rows - 1)
    assert not cross_fit(group, _fit_anew, TASKS)


def test_evidence_from_more_rows_outweighs_a_few_validation_rows() -> None:
    truth = np.zeros(4)
    fits = [truth + 0.01, truth + 1.0]

    def losses(values: np.ndarray) -> np.ndarray:
        squares: np.ndarray = (values - truth) ** 2
        return squares

    alone = choose_weights(fits, losses, np.arange(4), 0)
    evidence = Evidence(np.array([1.0, 0.3]), 40.0)
    with_more = choose_weights(fits, losses, np.arange(4), 0, evidence=evidence)
    assert alone[0] > 0.8
    assert with_more[1] > 0.8
