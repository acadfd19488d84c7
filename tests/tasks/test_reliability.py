"""Calibration error, Brier score and the reliability curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from multitide.tasks._metrics import classification_metrics, multi_label_metrics
from multitide.tasks._reliability import (
    N_BINS,
    calibration_error,
    reliability_curve,
    said_and_true,
)


def draw(n_classes: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_classes)
    probabilities = rng.dirichlet(np.ones(n_classes), n)
    codes = (rng.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return codes, probabilities


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_brier_score_is_that_of_scikit_learn(n_classes: int) -> None:
    codes, probabilities = draw(n_classes)
    given = probabilities[:, 1] if n_classes == 2 else probabilities
    expected = brier_score_loss(codes, given)
    assert classification_metrics(codes, probabilities)["brier"] == pytest.approx(
        expected
    )


def test_a_class_that_training_has_not_seen_has_probability_zero() -> None:
    values = classification_metrics(np.array([2]), np.array([[0.75, 0.25]]))
    assert values["brier"] == pytest.approx((0.75**2 + 0.25**2 + 1) / 2)


def test_curve_has_the_bins_of_scikit_learn() -> None:
    codes, probabilities = draw(2)
    frequency, mean = calibration_curve(codes, probabilities[:, 1], n_bins=N_BINS)
    curve = reliability_curve(*said_and_true(codes, probabilities))
    np.testing.assert_allclose(curve["said"], mean)
    np.testing.assert_allclose(curve["came_true"], frequency)
    gaps = (curve["said"] - curve["came_true"]).abs()
    error = classification_metrics(codes, probabilities)["ece"]
    assert error == pytest.approx(np.average(gaps, weights=curve["n"]))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_error_of_certainty_is_the_share_of_wrong_rows(n_classes: int) -> None:
    codes = np.arange(40) % n_classes
    certain = np.eye(n_classes)[np.where(np.arange(40) < 10, 0, codes)]
    wrong = (certain.argmax(axis=1) != codes).mean()
    assert classification_metrics(codes, certain)["ece"] == pytest.approx(wrong)


def test_rows_with_weights_count_like_repeated_rows() -> None:
    said = np.array([0.1, 0.12, 0.9])
    true = np.array([True, False, True])
    weights = np.array([1.0, 3.0, 2.0])
    times = weights.astype(int)
    repeated = calibration_error(said.repeat(times), true.repeat(times))
    assert calibration_error(said, true, weights) == pytest.approx(repeated)


def test_labels_are_judged_one_by_one() -> None:
    truth = np.array([[1.0, 0.0], [0.0, np.nan], [1.0, 1.0]])
    said = np.array([[0.8, 0.4], [0.2, 0.5], [0.8, 0.4]], dtype=np.float32)
    values = multi_label_metrics(truth, said)
    assert values["ece"] == pytest.approx(np.mean([0.2, 0.1]), rel=1e-5)
    squares = [0.2**2] * 3 + [0.4**2, 0.6**2]
    assert values["brier"] == pytest.approx(np.mean(squares), rel=1e-5)
