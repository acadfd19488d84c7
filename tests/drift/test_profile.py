"""How far new values lie from a column of the training set, and what distance is usual."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from multitide.drift._check_data import LEAST_DISTANCE, LEAST_MISSING, THRESHOLD
from multitide.model._profile import (
    ColumnProfile,
    Kind,
    TrainingProfile,
    difference,
    profile_column,
)


def profile(
    values: np.ndarray, kind: Kind = "number", series: np.ndarray | None = None
) -> ColumnProfile:
    order = np.arange(len(values))
    if series is not None:
        order = np.argsort(series, kind="stable")
    return profile_column("channel", "a", kind, values, len(values), order)


def score(column: ColumnProfile, values: np.ndarray) -> float:
    found, usual = difference(column, values), column.usual_for(len(values))
    of_distance = found.distance / max(usual.distance, LEAST_DISTANCE)
    gap = abs(found.missing - column.missing)
    return float(max(of_distance, gap / max(usual.missing, LEAST_MISSING)))


@pytest.mark.parametrize("shift", [0.0, 0.3, 5.0, -5.0])
@pytest.mark.parametrize(
    "decimals", [0, 1, 9]
)  # values that repeat, and some that do not
def test_the_distance_of_numbers_is_that_of_kolmogorov_and_smirnov(
    shift: float, decimals: int
) -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=(2000, 1)).round(decimals)
    new = (rng.normal(size=(500, 1)) + shift).round(decimals)
    expected = stats.ks_2samp(known[:, 0], new[:, 0]).statistic
    assert difference(profile(known), new).distance == pytest.approx(
        expected, abs=0.011
    )


def test_the_shift_is_in_interquartile_ranges() -> None:
    known = np.linspace(0, 8, 801)[:, None]
    found = difference(profile(known), known + 2)
    assert found.shift == pytest.approx(0.5, rel=0.02)
    assert found.outside == pytest.approx(0.25, abs=0.01)


def test_the_distance_of_categories_is_half_the_sum_of_the_differences() -> None:
    known = np.array([["a"]] * 60 + [["b"]] * 40, dtype=object)
    new = np.array([["a"]] * 30 + [["b"]] * 40 + [["c"]] * 30, dtype=object)
    found = difference(profile(known, "category"), new)
    assert found.distance == pytest.approx(0.3)
    assert found.outside == pytest.approx(0.3)


def test_constants_and_gaps() -> None:
    constant = profile(np.full((50, 1), 0.1))
    assert difference(constant, np.full((9, 1), 0.1)).distance == 0
    assert difference(constant, np.full((9, 1), 0.2)).distance == 1
    assert difference(constant, np.full((9, 1), 0.0)).distance == 1
    empty = difference(constant, np.full((9, 1), np.nan))
    assert np.isnan(empty.distance)
    assert empty.missing == 1
    nothing = profile(np.full((50, 1), np.nan))
    assert nothing.quantiles == []
    assert np.isnan(difference(nothing, np.zeros((9, 1))).distance)
    half = np.where(np.arange(50) % 2, 1.0, np.nan)[:, None]
    assert profile(half).missing == 0.5
    assert profile(half).usual_for(20).missing < 0.1
    assert profile(np.array([[None], ["x"]], dtype=object), "category").missing == 0.5


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_samples_have_a_profile(n: int) -> None:
    column = profile(np.arange(float(n))[:, None])
    assert column.usual_for(1).distance <= 0.45
    assert ColumnProfile.model_validate(column.model_dump(mode="json")) == column


def false_alarms(samples: int, dependence: str) -> float:
    """The share of new data sets of five channels with a score above the default threshold."""
    rng = np.random.default_rng(1)
    trials, alarms = 40, 0
    for _ in range(trials):
        known, new, series = DEPENDENCE[dependence](rng, samples)
        scores = []
        for channel in range(known.shape[2]):
            column = profile(known[:, :, channel], series=series)
            scores.append(score(column, new[:, :, channel]))
        alarms += max(scores) > THRESHOLD
    return alarms / trials


def independent(
    rng: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Series with a level of their own."""
    values = rng.normal(size=(300 + n, 8, 5)) + rng.normal(size=(300 + n, 1, 5))
    return values[:300], values[300:], None


def machines(
    rng: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """20 machines with offsets of their own; the new data come from others."""
    n_new = max(1, n // 15)
    offsets = rng.normal(size=(20 + n_new, 1, 1, 5))
    values = offsets + rng.normal(size=(20 + n_new, 15, 8, 5))
    known = values[:20].swapaxes(0, 1).reshape(300, 8, 5)
    return known, values[20:].reshape(-1, 8, 5), np.tile(np.arange(20), 15)


def one_series(
    rng: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Neighbouring windows of one long, slowly varying series; the new ones follow."""
    noise = rng.normal(size=(300 + n, 5)) * np.sqrt(1 - 0.9**2)
    values = np.empty((300 + n, 1, 5))
    state = rng.normal(size=5)
    for step, each in enumerate(noise):
        state = 0.9 * state + each
        values[step, 0] = state
    return values[:300], values[300:], None


DEPENDENCE = {
    "independent": independent,
    "machines": machines,
    "one series": one_series,
}


@pytest.mark.slow
@pytest.mark.parametrize("samples", [15, 75, 300])
@pytest.mark.parametrize("dependence", DEPENDENCE)
def test_false_alarms_are_rare_however_the_rows_depend_on_each_other(
    dependence: str, samples: int
) -> None:
    assert false_alarms(samples, dependence) <= 0.1


@pytest.mark.parametrize("dependence", DEPENDENCE)
def test_a_shift_beyond_the_training_data_is_found(dependence: str) -> None:
    known, new, series = DEPENDENCE[dependence](np.random.default_rng(2), 75)
    column = profile(known[:, :, 0], series=series)
    assert score(column, new[:, :, 0] + 5) > THRESHOLD
    gaps = np.where(np.arange(new.shape[1]) % 2 == 0, np.nan, new[:, :, 0])
    if new.shape[1] > 1:
        assert score(column, gaps) > THRESHOLD


@pytest.mark.parametrize(
    "change",
    [
        {"quantiles": [1.0, 0.0]},
        {"quantiles": [float("nan")] * 101},
        {"missing": 2.0},
        {"shares": [0.5]},
        {"kind": "text"},
        {"usual": []},
        {"unknown": 1},
    ],
)
def test_an_altered_profile_is_refused(change: dict[str, object]) -> None:
    column = profile(np.arange(9.0)[:, None]).model_dump(mode="json")
    whole = {"data": "", "n_samples": 9, "columns": [column]}
    TrainingProfile.model_validate(whole)
    with pytest.raises(ValidationError):
        TrainingProfile.model_validate(whole | {"columns": [column | change]})
