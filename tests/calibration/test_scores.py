"""Conformal scores: quantiles, their guarantee by simulation, and crepes as the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from crepes import ConformalRegressor

from multitide.calibration import _scores
from multitide.calibration._scores import Scores, units_needed

LEVELS = [0.5, 0.8, 0.9, 0.95]


def alone(scores: np.ndarray) -> Scores:
    return Scores.fitted(scores[:, None], np.arange(len(scores)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [20, 57, 200])  # crepes rounds (1 - 0.9) * 20 down to 1
def test_intervals_are_those_of_crepes(n: int, level: float) -> None:
    rng = np.random.default_rng(n)
    residuals = rng.normal(size=n)
    reference = ConformalRegressor().fit(residuals)
    ((low, high),) = reference.predict_int(np.zeros(1), confidence=level)
    (quantile,) = alone(np.abs(residuals)).quantiles(level)
    assert quantile == pytest.approx(high)
    assert -quantile == pytest.approx(low)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_needs_this_number_of_units(level: float) -> None:
    n = units_needed(level)
    assert math.isfinite(alone(np.arange(float(n))).quantiles(level)[0])
    assert math.isinf(alone(np.arange(float(n - 1))).quantiles(level)[0])


def test_each_column_has_its_own_scores_and_missing_ones_never_enter() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((60, 2))
    scores[:, 1] *= 10
    scores[::2, 1] = np.nan
    units = np.arange(60) // 3
    both = Scores.fitted(scores, units)
    for column in range(2):
        known = ~np.isnan(scores[:, column])
        own = Scores.fitted(scores[known][:, [column]], units[known])
        assert both.quantiles(0.9)[column] == own.quantiles(0.9)[0]
    assert both.n_units.tolist() == [20, 20]


def test_a_column_without_labels_has_no_units_and_no_finite_score() -> None:
    scores = np.column_stack([np.arange(30.0), np.full(30, np.nan)])
    fitted = Scores.fitted(scores, np.arange(30))
    assert fitted.n_units.tolist() == [30, 0]
    assert fitted.fewest_units == 0
    assert np.isfinite(fitted.quantiles(0.5)).tolist() == [True, False]


def test_rows_of_a_unit_share_its_weight() -> None:
    """A unit of a hundred rows counts as much as one of a single row."""
    scores = np.concatenate([np.full(100, 5.0), [1.0, 2.0, 3.0]])
    units = np.concatenate([np.zeros(100), [1, 2, 3]])
    quantiles = Scores.fitted(scores[:, None], units).quantiles
    assert [quantiles(k / 5)[0] for k in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, 5.0]
    assert math.isinf(quantiles(0.81)[0])


@pytest.mark.parametrize("level", LEVELS)
def test_of_many_scores_few_are_kept_and_quantiles_never_fall(
    level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.random.default_rng(0).normal(size=5_000)
    few = alone(scores)
    monkeypatch.setattr(_scores, "MOST_SCORES", 10_000)
    every = alone(scores)
    np.testing.assert_array_equal(few.values, np.sort(scores)[4::5])
    assert len(every.values) == 5_000
    assert every.quantiles(level)[0] <= few.quantiles(level)[0]
    rank = np.mean(scores <= few.quantiles(level)[0])
    assert level <= rank <= level + 0.002


def test_grouped_rows_undercover_without_their_groups() -> None:
    """New recordings have levels of their own, of which twenty recordings show only twenty."""
    level, n_draws = 0.9, 150
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(20), 30)
    n_rows = len(units)
    hits = np.zeros((2, n_draws))
    for draw in range(n_draws):
        scale = rng.gamma(0.5, 2.0, 20)
        scores = scale[units] * np.abs(rng.normal(size=n_rows))
        new = rng.gamma(0.5, 2.0, 50)[:, None] * np.abs(rng.normal(size=(50, 30)))
        for i, own in enumerate((np.arange(n_rows), units)):
            quantile = Scores.fitted(scores[:, None], own).quantiles(level)[0]
            hits[i, draw] = (new <= quantile).mean()
    naive, hierarchical = hits.mean(axis=1)
    error = hits.std(axis=1) / np.sqrt(n_draws)
    assert naive < level - 2 * error[0]
    assert hierarchical > level - 2 * error[1]


def test_a_weighted_row_of_a_unit_is_as_many_rows() -> None:
    rng = np.random.default_rng(0)
    scores, units = rng.random((90, 1)), np.arange(90) // 4
    counts = rng.integers(1, 5, 90)
    weighted = Scores.fitted(scores, units, counts * 0.3)
    repeated = Scores.fitted(scores.repeat(counts, axis=0), units.repeat(counts))
    assert weighted.fewest_units == repeated.fewest_units == 23
    for level in LEVELS:
        assert weighted.quantiles(level) == repeated.quantiles(level)
    assert weighted.quantiles(0.8) != Scores.fitted(scores, units).quantiles(0.8)


def test_weights_of_single_rows_are_weights_of_units() -> None:
    """The order of scores and weights is that of repeated rows, but few heavy ones count less."""
    rng = np.random.default_rng(0)
    scores, counts = rng.random(400), rng.integers(1, 5, 400)
    weighted = Scores.fitted(scores[:, None], np.arange(400), counts * 0.3)
    repeated = alone(scores.repeat(counts))
    for level in LEVELS:
        (found,), (expected,) = weighted.quantiles(level), repeated.quantiles(level)
        assert np.searchsorted(np.sort(scores), found) == pytest.approx(
            np.searchsorted(np.sort(scores), expected), abs=3
        )
    heavy = np.append(np.ones(99), 1e6)
    one = Scores.fitted(np.arange(100.0)[:, None], np.arange(100), heavy)
    assert one.fewest_units == 1
    assert math.isinf(one.quantiles(0.8)[0])
    equal = Scores.fitted(scores[:, None], np.arange(400), np.full(400, 7.0))
    assert equal.quantiles(0.9) == alone(scores).quantiles(0.9)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_weighted_scores_cover_what_the_weights_stand_for(level: float) -> None:
    """Calibrated on rows that are drawn with a bias, which the weights take back."""
    rng = np.random.default_rng(0)
    hits, plain = [], []
    for _ in range(300):
        scale = np.where(rng.random(150) < 0.8, 1.0, 5.0)
        scores = np.abs(scale * rng.normal(size=150))[:, None]
        weights = np.where(scale == 1, 0.5 / 0.8, 0.5 / 0.2)
        new = np.abs(np.where(rng.random(400) < 0.5, 1.0, 5.0) * rng.normal(size=400))
        fitted = Scores.fitted(scores, np.arange(150), weights)
        hits.append((new <= fitted.quantiles(level)[0]).mean())
        plain.append((new <= alone(scores[:, 0]).quantiles(level)[0]).mean())
    error = np.std(hits) / np.sqrt(len(hits))
    assert abs(np.mean(hits) - level) < 0.02 + 2 * error
    assert np.mean(plain) < level - 0.05
