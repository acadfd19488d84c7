"""Groups of test rows: series if there are enough, else blocks of time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.study.design._test_groups import MAX_BLOCKS, independent_groups


def windows(
    n: int = 200,
    length: int = 10,
    n_series: int = 1,
    stamps: str = "date",
    lead: int = 0,
) -> Samples:
    """Windows of `length` steps, stride 1, dealt to series in turns."""
    rows = n + length
    starts = np.arange(n)
    clock = pd.date_range("2024-01-01", periods=rows + lead, freq="h").to_numpy()
    clock = np.arange(rows + lead) * 0.5 if stamps == "number" else clock
    last = starts + length - 1
    return Samples(
        values=np.zeros((rows, 1), dtype=np.float32),
        starts=starts,
        lengths=np.full(n, length),
        channels=("a",),
        y=pd.DataFrame({"load": np.zeros(n)}),
        series=starts % n_series,
        time=None if stamps == "none" else clock[last],
        begin=None if stamps == "none" else clock[starts],
        finish=None if stamps == "none" else clock[last + lead],
    )


def test_many_series_are_the_groups() -> None:
    samples = windows(n_series=12)
    test = np.arange(100, 200)
    groups = independent_groups(samples, test)
    assert len(set(groups)) == 12
    for group in set(groups):
        assert len(set(samples.series[test][groups == group])) == 1


def test_few_new_series_are_the_groups_too() -> None:
    groups = independent_groups(windows(n_series=4), np.arange(200), new_series=True)
    assert len(set(groups)) == 4


def test_series_without_a_name_are_a_group() -> None:
    samples = windows(n_series=12)
    series = (
        pd.Series(samples.series).astype(object).mask(samples.series == 3).to_numpy()
    )
    groups = independent_groups(samples.replace(series=series), np.arange(200))
    assert groups.min() == 0
    assert len(set(groups)) == 12


@pytest.mark.parametrize("stamps", ["date", "number", "none"])
@pytest.mark.parametrize("n_series", [1, 3])
def test_few_known_series_are_cut_into_blocks_of_time_at_least_a_window_long(
    stamps: str, n_series: int
) -> None:
    groups = independent_groups(
        windows(stamps=stamps, n_series=n_series), np.arange(200)
    )
    assert (np.diff(groups) >= 0).all()
    sizes = np.bincount(groups)
    assert len(sizes) >= 10
    assert sizes.min() >= 9  # ten stamps span nine steps
    assert sizes.max() - sizes.min() <= 2


def test_blocks_are_at_least_a_window_with_its_leads_long() -> None:
    short, long = (
        independent_groups(windows(lead=lead), np.arange(200)) for lead in (0, 30)
    )
    assert np.bincount(long).min() >= 39
    assert len(set(long)) < len(set(short))


def test_there_are_at_most_thirty_blocks() -> None:
    groups = independent_groups(windows(n=5000, length=5), np.arange(5000))
    assert len(set(groups)) == MAX_BLOCKS == 30


def test_windows_without_a_span_take_their_length_from_their_stamps() -> None:
    X = np.zeros((200, 1, 20))
    samples = Samples.from_arrays(
        X, series=np.zeros(200, dtype=int), time=np.arange(200)
    )
    assert np.bincount(independent_groups(samples, np.arange(200))).min() >= 19


def test_text_as_time_is_taken_in_its_order() -> None:
    stamps = [
        f"2024-{month:02d}-{day:02d}" for month in range(1, 9) for day in range(1, 26)
    ]
    samples = Samples.from_arrays(
        np.zeros((200, 1, 2)), series=np.zeros(200, dtype=int), time=stamps
    )
    groups = independent_groups(samples, np.arange(200))
    assert len(set(groups)) == 30
    assert (np.diff(groups) >= 0).all()


def test_a_single_moment_is_one_group() -> None:
    samples = Samples.from_arrays(
        np.zeros((5, 1, 2)), series=np.zeros(5, dtype=int), time=np.zeros(5)
    )
    assert set(independent_groups(samples, np.arange(5))) == {0}
