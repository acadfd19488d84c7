"""How far new values lie from a column of the training set, and what distance is usual."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from multitide.drift._score import THRESHOLD, score_of
from multitide.model._difference import difference
from multitide.model._parts import arrangements
from multitide.model._profile import (
    ColumnProfile,
    Kind,
    TrainingProfile,
    profile_column,
)


def profile(
    values: np.ndarray, kind: Kind = "number", series: np.ndarray | None = None
) -> ColumnProfile:
    if series is None:
        series = np.arange(len(values))
    return profile_column(
        "channel", "a", kind, values, len(values), arrangements(series)
    )


def score(column: ColumnProfile, values: np.ndarray, n_columns: int = 5) -> float:
    return score_of(column, values, len(values), n_columns)[0]


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
    assert score(profile(half), half[:20]) < THRESHOLD
    assert profile(np.array([[None], ["x"]], dtype=object), "category").missing == 0.5


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_samples_have_a_profile(n: int) -> None:
    column = profile(np.arange(float(n))[:, None])
    assert score(column, np.arange(float(n))[:, None]) < THRESHOLD
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
    return values[:300], values[300:], np.zeros(300, dtype=int)


def few_machines(
    rng: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Five machines, and a sixth."""
    offsets = rng.normal(size=(6, 1, 1, 5))
    values = (offsets + rng.normal(size=(6, n, 8, 5))).reshape(6 * n, 8, 5)
    return values[: 5 * n], values[5 * n :], np.arange(5).repeat(n)


DEPENDENCE = {
    "independent": independent,
    "machines": machines,
    "one series": one_series,
    "few machines": few_machines,
}


@pytest.mark.slow
@pytest.mark.parametrize("samples", [15, 75, 300])
@pytest.mark.parametrize("dependence", DEPENDENCE)
def test_false_alarms_are_rare_however_the_rows_depend_on_each_other(
    dependence: str, samples: int
) -> None:
    assert false_alarms(samples, dependence) <= 0.05 + 2 * (0.05 * 0.95 / 40) ** 0.5


@pytest.mark.parametrize("dependence", DEPENDENCE)
def test_a_shift_beyond_the_training_data_is_found(dependence: str) -> None:
    known, new, series = DEPENDENCE[dependence](np.random.default_rng(2), 75)
    column = profile(known[:, :, 0], series=series)
    assert score(column, new[:, :, 0] + 1000) > THRESHOLD
    gaps = np.where(np.arange(new.shape[1]) % 2 == 0, np.nan, new[:, :, 0])
    if new.shape[1] > 1:
        assert score(column, gaps) > THRESHOLD
        assert score(column, np.full_like(new[:, :, 0], 0.1)) > THRESHOLD


def test_a_sixth_machine_says_little_and_says_so() -> None:
    """As far away as machines differ is no drift; far outside is."""
    rng = np.random.default_rng(0)
    offsets = np.array([-1.0, -0.5, 0.0, 0.6, 1.1]).repeat(15)[:, None]
    column = profile(offsets + 0.1 * rng.normal(size=(75, 8)), series=offsets[:, 0])
    new = 0.1 * rng.normal(size=(15, 8))
    assert score(column, new + 2.5) < THRESHOLD
    assert score(column, new + 200) > THRESHOLD
    assert min(each.n_parts for each in column.parts_for(15)) <= 5


def test_what_no_season_explains_is_found_in_a_single_slow_series() -> None:
    """A temperature of half a year: a part of it says nothing about the next month."""
    rng = np.random.default_rng(0)
    season = np.sin(np.linspace(0, 3, 600))[:, None]
    slow = 15 + 15 * season + rng.normal(size=(600, 24))
    column = profile(slow[:500], series=np.zeros(500, dtype=int))
    new = slow[500:]
    assert score(column, new) < THRESHOLD
    assert score(column, 1000 * new) > THRESHOLD
    assert score(column, np.zeros_like(new)) > THRESHOLD
    assert score(column, np.full_like(new, np.nan)) > THRESHOLD


def test_a_channel_that_is_often_constant_may_be_so() -> None:
    """Weeks without rain are in training, so that another one is no drift."""
    rng = np.random.default_rng(0)
    rains = (np.arange(600) // 50 % 2 == 1)[:, None]
    rain = np.where(rains, rng.exponential(size=(600, 24)), 0)
    column = profile(rain, series=np.zeros(600, dtype=int))
    assert score(column, np.zeros((50, 24))) < THRESHOLD


def test_a_series_that_training_has_not_seen_turn_is_not_judged() -> None:
    slow = np.sin(np.linspace(0, 2, 400))[:, None]
    column = profile(slow, series=np.zeros(400, dtype=int))
    assert score(column, slow[-40:] + 0.2) < THRESHOLD
    assert min(each.n_parts for each in column.parts_for(40)) < 8


@pytest.mark.parametrize(
    "change",
    [
        {"quantiles": [1.0, 0.0]},
        {"quantiles": [float("nan")] * 101},
        {"missing": 2.0},
        {"shares": [0.5]},
        {"kind": "text"},
        {"parts": []},
        {"unknown": 1},
    ],
)
def test_an_altered_profile_is_refused(change: dict[str, object]) -> None:
    column = profile(np.arange(9.0)[:, None]).model_dump(mode="json")
    whole = {"data": "", "n_samples": 9, "columns": [column]}
    TrainingProfile.model_validate(whole)
    with pytest.raises(ValidationError):
        TrainingProfile.model_validate(whole | {"columns": [column | change]})
