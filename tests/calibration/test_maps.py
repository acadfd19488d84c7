"""Calibration maps: what they learn, what they keep, and scikit-learn as the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from multitide.calibration import (
    COLUMN_MAPS,
    Isotonic,
    Platt,
    ShiftedTemperature,
    Temperature,
)
from multitide.calibration._labels import Labels
from multitide.calibration._two_classes import TwoClasses


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose input is its answer: log-odds, or the probability of the second class."""

    def __init__(self, of_odds: bool = True) -> None:
        self.of_odds = of_odds
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = 1

    def fit(self, X: np.ndarray, y: np.ndarray) -> Given:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        second = X[:, 0]
        return np.stack([1 - second, second], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)


class GivenOdds(Given):
    """The input is the log-odds."""

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0]


def draw(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return log-odds that are three times too large and shifted, and labels."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n)
    yes = rng.random(n) < expit(odds)
    return 3 * odds + 1, yes


def test_platt_is_that_of_scikit_learn() -> None:
    odds, yes = draw()
    reference = CalibratedClassifierCV(FrozenEstimator(GivenOdds()), method="sigmoid")
    reference.fit(odds[:, None], yes.astype(int))
    fitted = Platt.fitted(odds, yes)
    new = np.linspace(-9, 9, 50)
    np.testing.assert_allclose(
        fitted(torch.from_numpy(new)).numpy(),
        reference.predict_proba(new[:, None])[:, 1],
        atol=1e-4,
    )


def test_isotonic_is_that_of_scikit_learn_away_from_0_and_1() -> None:
    odds, yes = draw()
    said = expit(odds)
    reference = CalibratedClassifierCV(FrozenEstimator(Given()), method="isotonic")
    reference.fit(said[:, None], yes.astype(int))
    fitted = Isotonic.fitted(odds, yes)
    new = np.random.default_rng(1).random(50)
    margin = 1 / (len(yes) + 2)
    np.testing.assert_allclose(
        fitted(torch.from_numpy(logit(new))).numpy(),
        reference.predict_proba(new[:, None])[:, 1].clip(margin, 1 - margin),
        atol=1e-6,
    )


def test_temperature_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    codes = (rng.random((4000, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    fitted = Temperature.fitted(log_softmax(3 * logits, axis=1), codes)
    assert float(fitted.factor) == pytest.approx(1 / 3, rel=0.1)
    calibrated = fitted(torch.from_numpy(softmax(3 * logits, axis=1)))
    np.testing.assert_allclose(
        calibrated.numpy(),
        softmax(3 * float(fitted.factor) * logits, axis=1),
        atol=5e-3,
    )


def test_temperature_of_faultless_answers_stays_doubtful() -> None:
    said = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]] * 20)
    fitted = Temperature.fitted(np.log(said), np.array([0, 1] * 20))
    sure = fitted(torch.from_numpy(said)).numpy().max(axis=1)
    np.testing.assert_allclose(sure, 1 - 2 / (40 + 3), atol=1e-3)


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_row_of_weight_3_is_three_rows_for_maps(kind: str) -> None:
    odds, yes = draw(80)
    weights = np.random.default_rng(0).integers(1, 4, 80)
    weighted = COLUMN_MAPS[kind].fitted(odds, yes, weights.astype(float))
    repeated = COLUMN_MAPS[kind].fitted(odds.repeat(weights), yes.repeat(weights))
    new = torch.linspace(-9, 9, 50, dtype=torch.float64)
    torch.testing.assert_close(weighted(new), repeated(new), rtol=0, atol=1e-5)
    plain = COLUMN_MAPS[kind].fitted(odds, yes)
    assert not torch.allclose(weighted(new), plain(new), atol=1e-3)


@pytest.mark.parametrize("kind", [Temperature, ShiftedTemperature])
def test_a_row_of_weight_3_is_three_rows_for_temperatures(
    kind: type[Temperature | ShiftedTemperature],
) -> None:
    rng = np.random.default_rng(0)
    logs = log_softmax(3 * rng.normal(size=(60, 3)), axis=1)
    codes, weights = rng.integers(0, 3, 60), rng.integers(1, 4, 60)
    weighted = kind.fitted(logs, codes, weights.astype(float))
    repeated = kind.fitted(logs.repeat(weights, axis=0), codes.repeat(weights))
    said = torch.from_numpy(np.exp(logs))
    torch.testing.assert_close(weighted(said), repeated(said), rtol=0, atol=1e-5)


def test_shifts_take_class_weights_back() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal([2.0, 0.0, -1.0], size=(6000, 3))
    true = softmax(logits, axis=1)
    codes = (rng.random((6000, 1)) > true.cumsum(axis=1)).sum(axis=1)
    weighted = true * [0.3, 2.0, 5.0]
    weighted /= weighted.sum(axis=1, keepdims=True)
    fitted = ShiftedTemperature.fitted(np.log(weighted), codes)
    found = fitted(torch.from_numpy(weighted)).numpy()
    np.testing.assert_allclose(found, true, atol=0.05)
    plain = Temperature.fitted(np.log(weighted), codes)
    off = np.abs(plain(torch.from_numpy(weighted)).numpy() - true)
    assert off.mean() > 5 * np.abs(found - true).mean()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(COLUMN_MAPS)))
def test_maps_never_change_the_order(seed: int, kind: str) -> None:
    odds, yes = draw(60, seed)
    fitted = COLUMN_MAPS[kind].fitted(odds, yes)
    new = np.sort(np.random.default_rng(seed).normal(scale=5, size=100))
    said = fitted(torch.from_numpy(new)).numpy()
    assert (np.diff(said) >= -1e-12).all()
    assert ((said >= 0) & (said <= 1)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_temperature_never_changes_the_most_probable_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(3, 0.5), 60).astype(np.float32)
    fitted = Temperature.fitted(
        np.log(np.clip(probabilities, 1e-7, None)), rng.integers(3, size=60)
    )
    calibrated = fitted(torch.from_numpy(probabilities)).numpy()
    best = np.take_along_axis(
        calibrated, probabilities.argmax(axis=1)[:, None], axis=1
    )[:, 0]
    assert (best == calibrated.max(axis=1)).all()


@pytest.mark.parametrize("kind", sorted(COLUMN_MAPS))
@pytest.mark.parametrize("perfect", [False, True])
def test_maps_are_finite_for_certain_and_separable_answers(
    kind: str, perfect: bool
) -> None:
    odds, yes = draw(60)
    if perfect:
        yes = odds > 0
    fitted = COLUMN_MAPS[kind].fitted(odds, yes)
    said = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    calibrated = TwoClasses(fitted)(said)
    assert calibrated.dtype == said.dtype
    assert torch.isfinite(calibrated).all()
    np.testing.assert_allclose(calibrated.sum(dim=1).numpy(), 1, rtol=1e-6)
    labels = Labels([COLUMN_MAPS["unchanged"](), fitted])(said)
    assert (labels[:, 0] == said[:, 0]).all()
    np.testing.assert_allclose(labels[:, 1], calibrated[:, 1], atol=1e-6)
