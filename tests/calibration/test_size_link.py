"""Coverage over rows and over recordings, and the warning where their size makes a difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.calibration._size_link import FEWEST_UNITS, size_link
from multitide.model._intervals import size_sentences, without_size_links


def draw(power: float, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, and recordings of 1 to 40 rows whose scores go with their size."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 41, n)
    recordings = np.repeat(np.arange(n), sizes)
    scores = np.abs(rng.normal(size=len(recordings)))
    return scores * (sizes[recordings] / 20) ** power, recordings


def test_coverage_of_recordings_is_the_mean_of_their_shares() -> None:
    scores = np.array([[0.0, 9.0], [9.0, 0.0], [0.0, np.nan], [np.nan, np.nan]])
    units = np.array([4, 4, 7, 9])
    assert size_link(scores, np.ones(2), units).by_unit == pytest.approx(0.75)
    weights = np.array([3.0, 1.0, 5.0, 1.0])
    assert size_link(scores[:, :1], np.ones(1), units, weights).by_unit == 7 / 8


@pytest.mark.parametrize("power", [1.0, -1.0])
def test_sizes_that_go_with_errors_are_found(power: float) -> None:
    scores, recordings = draw(power)
    quantiles = np.quantile(scores, [0.8])
    link = size_link(scores[:, None], quantiles, recordings)
    assert link.is_linked
    assert (link.by_unit > 0.8) == (power > 0)
    few = recordings < FEWEST_UNITS - 1
    assert not size_link(scores[few, None], quantiles, recordings[few]).is_linked


def test_chance_is_rarely_mistaken_for_a_link() -> None:
    """One test in a hundred, by its level, and slightly more with so few recordings."""
    found = 0
    for seed in range(100):
        scores, recordings = draw(0.0, n=25, seed=seed)
        found += size_link(scores[:, None], np.full(1, 1.6), recordings).is_linked
    assert found <= 5


def test_equal_sizes_and_single_rows_are_never_linked() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 1))
    for units in (np.arange(200), np.arange(200) // 4):
        link = size_link(scores, np.zeros(1), units)
        assert link.by_unit == pytest.approx((scores <= 0).mean())
        assert not link.is_linked


def test_people_read_it_only_where_it_matters() -> None:
    row = {"task": "load", "level": 0.9, "coverage": 0.85, "by_recording": 0.9}
    table = pd.DataFrame([{**row, "size_linked": False}])
    assert size_sentences(table) == []
    assert list(without_size_links(table)) == ["task", "level", "coverage"]
    linked = table.assign(size_linked=True)
    (sentence,) = size_sentences(linked)
    assert "'load' at 0.9: longer recordings are harder" in sentence
    assert "0.850" in sentence
    assert "0.900" in sentence
    assert "by_recording" in without_size_links(linked)
    (of_data,) = size_sentences(linked.assign(data="rig", coverage=0.95))
    assert "of 'rig'" in of_data
    assert "easier" in of_data
