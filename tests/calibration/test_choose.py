"""The choice of a calibrator by cross-fitted log loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from multitide.calibration import Isotonic, Platt, Temperature, Unchanged
from multitide.calibration._choose import (
    ENOUGH_FOR_ISOTONIC,
    FEW_LABELS,
    choose_for_classes,
    choose_for_label,
    choose_for_labels,
)
from multitide.calibration._folds import N_FOLDS, folds_of_recordings
from multitide.calibration._two_classes import TwoClasses


def draw(
    n: int, factor: float, n_classes: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities whose log-odds are `factor` times too large, and classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=(n, n_classes))
    true = softmax(logits, axis=1)
    codes = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return softmax(factor * logits, axis=1).astype(np.float32), codes


@pytest.mark.parametrize(("n_classes", "kind"), [(2, TwoClasses), (4, Temperature)])
def test_too_much_confidence_is_corrected(n_classes: int, kind: type) -> None:
    said, codes = draw(400, 4.0, n_classes)
    choice = choose_for_classes(said, codes, np.arange(400))
    assert choice is not None
    assert isinstance(choice.map, kind)
    assert choice.after < choice.before
    assert choice.n_labels == 400
    calibrated = choice.map(torch.from_numpy(said)).numpy()
    losses = -np.log(calibrated[np.arange(400), codes])
    assert losses.mean() < choice.before - 0.1


@pytest.mark.parametrize("n_classes", [2, 4])
def test_calibrated_probabilities_stay(n_classes: int) -> None:
    kept = 0
    for seed in range(20):
        said, codes = draw(300, 1.0, n_classes, seed)
        kept += choose_for_classes(said, codes, np.arange(300)) is None
    assert kept >= 15


@pytest.mark.parametrize("n_classes", [2, 4])
def test_few_labels_or_recordings_choose_nothing(n_classes: int) -> None:
    said, codes = draw(400, 4.0, n_classes)
    few = FEW_LABELS - 1
    assert choose_for_classes(said[:few], codes[:few], np.arange(few)) is None
    assert choose_for_classes(said, codes, np.arange(400) % (N_FOLDS - 1)) is None
    assert choose_for_classes(said[:0], codes[:0], np.arange(0)) is None


def test_a_rare_class_needs_its_own_labels() -> None:
    odds = np.random.default_rng(0).normal(size=200)
    yes = np.arange(200) < 9
    choice = choose_for_label(4 * odds, yes, np.arange(200))
    assert isinstance(choice.map, Unchanged)
    assert choice.before == choice.after


def test_isotonic_regression_wins_with_many_labels_on_a_bent_curve() -> None:
    rng = np.random.default_rng(0)
    n = 4 * ENOUGH_FOR_ISOTONIC
    odds = rng.normal(scale=2, size=n)
    steps = np.where(odds > 1, 0.9, np.where(odds > -1, 0.5, 0.2))
    yes = rng.random(n) < steps
    many = choose_for_label(odds, yes, np.arange(n))
    assert isinstance(many.map, Isotonic)
    few = choose_for_label(odds[:1500], yes[:1500], np.arange(1500))
    assert isinstance(few.map, Platt)


def test_rows_of_one_recording_do_not_count_as_evidence() -> None:
    """The same forty rows, a hundred times each, are no reason to calibrate."""
    said, codes = draw(40, 1.3, seed=1)
    alone = choose_for_classes(said, codes, np.arange(40))
    repeated = choose_for_classes(
        said.repeat(100, axis=0), codes.repeat(100), np.arange(40).repeat(100)
    )
    assert (alone is None) == (repeated is None)
    as_if_new = choose_for_classes(
        said.repeat(100, axis=0), codes.repeat(100), np.arange(4000)
    )
    assert as_if_new is not None


@pytest.mark.parametrize("n_classes", [2, 4])
def test_only_ratios_of_weights_matter(n_classes: int) -> None:
    said, codes = draw(400, 4.0, n_classes)
    weights = np.where(np.arange(400) < 200, 1.0, 30.0)
    found = []
    for factor in (1.0, 1e-3):
        choice = choose_for_classes(said, codes, np.arange(400), factor * weights)
        assert choice is not None
        found.append(choice.map(torch.from_numpy(said)).numpy())
        assert choice.before > choice.after
    np.testing.assert_allclose(*found, atol=1e-6)
    plain = choose_for_classes(said, codes, np.arange(400))
    assert plain is not None
    assert np.abs(plain.map(torch.from_numpy(said)).numpy() - found[0]).max() > 1e-4


def test_each_label_has_its_own_map_and_missing_ones_never_enter() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(scale=1.5, size=(600, 3))
    truth = (rng.random((600, 3)) < expit(odds)).astype(float)
    said = expit(odds * [1.0, 4.0, 4.0]).astype(np.float32)
    truth[20:, 2] = np.nan
    found = choose_for_labels(said, truth, np.arange(600))
    assert found is not None
    labels, choices = found
    assert [each.kind for each in labels.maps] == ["unchanged", "platt", "unchanged"]
    assert [choice.n_labels for choice in choices] == [600, 600, 20]
    truth[::2, 1] = np.nan
    masked = choose_for_labels(said, truth, np.arange(600))
    kept = choose_for_labels(said[1::2], truth[1::2], np.arange(300))
    assert masked is not None
    assert kept is not None
    np.testing.assert_array_equal(
        masked[0].state_dict()["of_labels.1.curve"],
        kept[0].state_dict()["of_labels.1.curve"],
    )


def test_folds_keep_recordings_whole_and_share_the_labels() -> None:
    recordings = np.repeat(np.arange(50), 4)
    yes = recordings < 10
    folds = folds_of_recordings(recordings, yes)
    assert np.unique(folds).tolist() == list(range(N_FOLDS))
    for recording in range(50):
        assert len(np.unique(folds[recordings == recording])) == 1
    assert np.bincount(folds[yes]).tolist() == [8] * N_FOLDS
