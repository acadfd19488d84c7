"""Windows: checked against loops that a reader can follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._read_table import read_table
from multitide.data.tables._windows import (
    cut_windows,
    find_segments,
    is_gap,
    label_windows,
    usual_step,
)
from multitide.errors import DataError
from refusals import refused

SEEDS = range(8)


def random_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Series codes, and times with gaps."""
    rng = np.random.default_rng(seed)
    series = np.repeat(np.arange(5), rng.integers(1, 30, size=5))
    return series, np.cumsum(rng.choice([1, 1, 1, 1, 4], size=len(series)))


def segments_by_loop(series: np.ndarray, gaps: np.ndarray) -> list[tuple[int, int]]:
    found, start = [], 0
    for row in range(1, len(series) + 1):
        if row == len(series) or series[row] != series[row - 1] or gaps[row - 1]:
            found.append((start, row - start))
            start = row
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_segments_and_windows_equal_a_loop(seed: int) -> None:
    series, time = random_rows(seed)
    gaps = np.diff(time) != 1
    starts, lengths = find_segments(series, gaps)
    assert list(zip(starts, lengths, strict=True)) == segments_by_loop(series, gaps)

    window, stride = 1 + seed % 5, 1 + seed % 3
    found, segment = cut_windows(starts, lengths, window, stride)
    expected = [
        (start, i)
        for i, (first, length) in enumerate(zip(starts, lengths, strict=True))
        for start in range(first, first + length - window + 1, stride)
    ]
    assert list(zip(found, segment, strict=True)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_no_window_crosses_a_gap_or_a_series(seed: int) -> None:
    series, time = random_rows(seed)
    starts, _ = cut_windows(*find_segments(series, is_gap(time, 1)), window=3, stride=1)
    assert len(starts)
    for start in starts:
        assert len(set(series[start : start + 3])) == 1
        assert np.array_equal(np.diff(time[start : start + 3]), [1, 1])


def test_a_series_is_never_crossed_even_without_gaps() -> None:
    starts, lengths = find_segments(np.array([0, 0, 0, 1, 1]))
    assert starts.tolist() == [0, 3]
    assert lengths.tolist() == [3, 2]
    assert [part.tolist() for part in find_segments(np.empty(0, np.int64))] == [[], []]


def label_by_loop(
    labels: list[float], start: int, window: int, end: int, label_at: str, lead: int
) -> float:
    first, stop = start + lead, start + window + lead
    if label_at in ("end", "start"):
        row = stop - 1 if label_at == "end" else first
        return labels[row] if row < end else np.nan
    if stop > end:
        return np.nan
    measured = [label for label in labels[first:stop] if not np.isnan(label)]
    if not measured:
        return np.nan
    if label_at == "majority":
        return min(measured, key=lambda label: (-measured.count(label), label))
    return float(np.mean(measured)) if label_at == "mean" else max(measured)


@pytest.mark.parametrize("lead", [0, 2])
@pytest.mark.parametrize("label_at", ["end", "start", "mean", "majority", "any"])
@pytest.mark.parametrize("seed", range(3))
def test_labels_equal_a_loop(seed: int, label_at: str, lead: int) -> None:
    rng = np.random.default_rng(seed)
    series, time = random_rows(seed)
    labels = rng.integers(0, 3, len(series)).astype(float)
    labels[rng.random(len(series)) < 0.4] = np.nan
    starts, lengths = find_segments(series, is_gap(time, 1))
    window = 4
    found, segment = cut_windows(starts, lengths, window, 1)
    ends = (starts + lengths)[segment]
    got = label_windows(
        pd.Series(labels), found, np.full(len(found), window), ends, label_at, lead
    )  # type: ignore[arg-type]
    expected = [
        label_by_loop(labels.tolist(), start, window, end, label_at, lead)
        for start, end in zip(found, ends, strict=True)
    ]
    np.testing.assert_allclose(got.to_numpy(dtype=float, na_value=np.nan), expected)
    assert np.isnan(expected).any() or label_at not in ("end", "start")


def whole_table(
    labels: list[object], label_at: str, lead: int = 0, window: int = 3
) -> list[object]:
    rows = pd.Series(labels)
    starts, _ = cut_windows(np.array([0]), np.array([len(rows)]), window, 1)
    ends = np.full(len(starts), len(rows))
    found = label_windows(
        rows, starts, np.full(len(starts), window), ends, label_at, lead
    )  # type: ignore[arg-type]
    return found.astype("object").where(found.notna(), None).tolist()


def test_text_labels_keep_their_words() -> None:
    assert whole_table(["b", "a", "a", None, "c"], "majority") == ["a", "a", "a"]
    assert whole_table(["b", "a", "a", None, "c"], "end") == ["a", None, "c"]
    assert whole_table([None, None, None], "majority") == [None]


def test_whole_numbers_stay_whole_beyond_the_end() -> None:
    assert whole_table([3, 20, 100, 3], "end", lead=1) == [3, None]
    assert all(
        isinstance(label, int)
        for label in whole_table([3, 20, 100, 3], "end", lead=1)
        if label is not None
    )


def test_any_of_booleans_is_a_boolean() -> None:
    assert whole_table([False, True, False, False, False], "any") == [True, True, False]


@pytest.mark.parametrize("label_at", ["mean", "any"])
def test_no_mean_of_words(label_at: str) -> None:
    with refused(
        "`label_at`", '"end", "start" or "majority"', "text labels", error=DataError
    ):
        whole_table(["a", "b", "c"], label_at)


def test_the_mean_of_large_numbers_is_exact() -> None:
    rows = [1e9 + step for step in range(6)]
    assert whole_table(rows, "mean") == [np.mean(rows[i : i + 3]) for i in range(4)]


def test_usual_step_is_the_mode_or_where_times_jitter_the_median() -> None:
    one = np.zeros(6, np.int64)
    assert usual_step(np.array([0, 1, 2, 3, 10, 11]), one) == 1
    assert usual_step(np.array([0, 1.0, 2.1, 3.0, 4.05, 5.0]), one) == pytest.approx(
        1.0
    )
    assert usual_step(np.array([0, 5, 0, 5]), np.array([0, 1, 2, 3])) is None


def test_jitter_is_no_gap_and_a_missing_row_is() -> None:
    assert is_gap(np.array([0, 1.1, 2.0, 4.0, 4.5]), 1.0).tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_a_million_windows_are_two_integers_each() -> None:
    starts, lengths = find_segments(np.repeat(np.arange(100), 10_023))
    found, segment = cut_windows(starts, lengths, window=24, stride=1)
    assert len(found) == 1_000_000
    assert found.nbytes + segment.nbytes == 16_000_000


@pytest.mark.parametrize(
    ("row", "options", "remedy"),
    [
        (3, {"window": 10}, "shorter `window`."),
        (10, {"window": 10, "stride": 2}, "`stride` = 1"),
    ],
)
def test_labels_that_no_window_ends_at_are_explained(
    row: int, options: dict[str, int], remedy: str
) -> None:
    frame = pd.DataFrame({"x": np.arange(30) % 7.5, "lab": np.nan})
    frame.loc[row, "lab"] = 1.0
    with refused("`tasks`", "last row", remedy, error=DataError):
        read_table(frame, tasks=["lab"], time=(), **options)  # type: ignore[arg-type]
