"""Samples: views of one long array, and the checks at the door."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from multitide.data._samples import Samples
from multitide.errors import DataError, MultitideWarning, ParameterError
from multitide.fitting._data_sets import to_samples
from refusals import refused

RNG = np.random.default_rng(0)


def from_list(
    lengths: list[int], n_channels: int = 2
) -> tuple[list[np.ndarray], Samples]:
    blocks = [
        RNG.normal(size=(n_channels, length)).astype(np.float32) for length in lengths
    ]
    return blocks, Samples.from_arrays(blocks, pd.DataFrame({"a": range(len(lengths))}))


def windows(n_rows: int = 50, window: int = 7) -> Samples:
    values = RNG.normal(size=(n_rows, 3)).astype(np.float32)
    starts = np.arange(n_rows - window + 1)
    y = pd.DataFrame({"a": starts})
    return Samples(
        values,
        starts,
        np.full(len(starts), window),
        ("x", "y", "z"),
        y,
        np.zeros(len(starts)),
    )


def test_samples_print_their_sizes_and_not_their_arrays() -> None:
    y = pd.DataFrame({"load": [1.0, np.nan, 2.0], "state": ["a", "b", None]})
    samples = Samples.from_arrays(np.zeros((3, 2, 5)), y)
    assert (
        repr(samples)
        == "<Samples: 3 samples, 2 channels, up to 5 steps; labelled: load 2, state 2>"
    )
    assert repr(samples.replace(y=y[[]])).endswith("labelled: nothing>")


def test_arrays_come_back_as_they_went_in() -> None:
    X = RNG.normal(size=(5, 3, 4)).astype(np.float32)
    samples = Samples.from_arrays(X)
    np.testing.assert_array_equal(np.asarray(samples.X), X)
    assert samples.shape == X.shape == samples.X.shape
    assert samples.channels == ("0", "1", "2")
    assert samples.equal_lengths
    assert samples.y.shape == (5, 0)


def test_unequal_lengths_are_missing_after_their_end() -> None:
    blocks, samples = from_list([4, 2, 3])
    X = samples.gather(slice(None))
    for block, row in zip(blocks, X, strict=True):
        np.testing.assert_array_equal(row[:, : block.shape[1]], block)
        assert np.isnan(row[:, block.shape[1] :]).all()
    assert not samples.equal_lengths
    assert samples.n_timepoints == 4


def test_gathered_windows_equal_a_loop() -> None:
    samples = windows()
    rows = RNG.integers(0, len(samples), 20)
    expected = np.stack([samples.values[s : s + 7].T for s in samples.starts[rows]])
    np.testing.assert_array_equal(samples.gather(rows), expected)


def test_a_part_shares_the_series() -> None:
    samples = windows()
    part = samples[10:20]
    assert part.values is samples.values
    np.testing.assert_array_equal(
        part.gather(slice(None)), samples.gather(np.arange(10, 20))
    )
    assert part.y["a"].tolist() == list(range(10, 20))
    assert part.y.index.equals(pd.RangeIndex(10))
    assert len(samples[samples.y["a"].to_numpy() < 5]) == 5


def test_one_sample_is_a_part_of_one() -> None:
    samples = windows()
    assert len(samples[3]) == 1
    assert samples[-1].y["a"].tolist() == [43]
    np.testing.assert_array_equal(samples.X[3], samples.gather(3)[0])
    assert samples.X[2:4, 1].shape == (2, 7)


def test_samples_survive_train_test_split() -> None:
    samples = windows()
    X_train, X_test, y_train, y_test = train_test_split(
        samples.X, samples.y, test_size=0.25, random_state=0
    )
    assert X_train.shape == (33, 3, 7)
    np.testing.assert_array_equal(X_test, samples.gather(y_test["a"].to_numpy()))
    assert len(y_train) == 33


def test_optional_attributes_follow_the_index() -> None:
    X = RNG.normal(size=(4, 1, 5))
    static = pd.DataFrame({"age": [1, 2, 3, 4]}, index=list("abcd"))
    samples = Samples.from_arrays(
        X, static=static, series=list("ppqq"), time=pd.date_range("2024", periods=4)
    )
    part = samples[[3, 0]]
    assert part.static is not None
    assert part.static["age"].tolist() == [4, 1]
    assert part.series.tolist() == ["q", "p"]
    assert part.time is not None
    assert part.time.dtype == np.dtype("datetime64[ns]")
    assert part.begin is not None
    assert (part.begin == part.time).all()


def test_times_of_text_are_read_by_their_format() -> None:
    X = np.zeros((2, 1, 3))
    for time in (["04.07.24", "05.07.24"], [40724, 50724]):
        with refused("`time`", "time_format", error=DataError):
            Samples.from_arrays(X, time=time)
    time = ["04.07.24", "05.07.24"]
    samples = Samples.from_arrays(X, time=time, time_format="%d.%m.%y")
    assert samples.time is not None
    assert [str(each)[:10] for each in samples.time] == ["2024-07-04", "2024-07-05"]
    again = to_samples(X, time=time, time_format="%d.%m.%y")  # fit
    np.testing.assert_array_equal(again.time, samples.time)


def test_a_format_without_times_is_refused() -> None:
    X = np.zeros((2, 1, 3))
    with refused("`time_format`", "together with `time`", error=ParameterError):
        Samples.from_arrays(X, time_format="%d.%m.%y")
    with refused("`time_format`", "strptime", error=ParameterError):
        Samples.from_arrays(X, time=["1", "2"], time_format="day")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("static", pd.DataFrame({"age": [1, 2]})),
        ("groups", ["a", "b"]),
        ("time", [1, 2]),
        ("time_format", "%Y"),
    ],
)
def test_what_samples_have_is_not_given_again(name: str, value: Any) -> None:
    samples = Samples.from_arrays(np.zeros((2, 1, 3)))
    with refused(f"`{name}`", "Samples", "from_arrays", error=DataError):
        to_samples(samples, **{name: value})


def test_times_with_zones_become_utc() -> None:
    time = pd.date_range("2024-07-01", periods=2, tz="Asia/Seoul")
    samples = Samples.from_arrays(np.zeros((2, 1, 3)), time=time)
    assert samples.time is not None
    assert str(samples.time[0]).startswith("2024-06-30T15")


def test_fingerprint_sees_values_and_labels() -> None:
    samples = windows()
    same = samples.replace(values=samples.values.copy())
    assert samples.fingerprint() == same.fingerprint()
    changed = samples.values.copy()
    changed[0, 0] += 1
    assert samples.fingerprint() != samples.replace(values=changed).fingerprint()
    assert samples.fingerprint() != samples.replace(y=samples.y + 1).fingerprint()


def test_frames_get_names_of_text() -> None:
    samples = Samples.from_arrays(
        np.zeros((2, 1, 3)), pd.DataFrame(np.ones((2, 2)), index=[5, 6])
    )
    assert list(samples.y) == ["0", "1"]
    assert samples.y.index.equals(pd.RangeIndex(2))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            np.zeros(3),
            r"must have shape \(n_samples, n_channels, n_timepoints\).*X.reshape\(-1, 1\)",
        ),
        (np.zeros((0, 2, 3)), "must not be empty"),
        ([np.zeros((2, 3)), np.zeros((3, 3))], "same number of channels"),
        (np.full((1, 1, 2), "a"), "must hold numbers"),
        (np.full((1, 1, 2), np.inf), "2 infinite values"),
        (np.full((1, 1, 2), 1e300), "2 infinite values"),
    ],
)
def test_wrong_arrays_are_refused(X: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Samples.from_arrays(X)  # type: ignore[arg-type]


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(DataError) as error:
        Samples.from_arrays(
            np.zeros((3, 2, 4)),
            pd.DataFrame({"a": [1]}),
            series=[1, 2],
            channels=["u", "u"],
        )
    message = str(error.value)
    assert "`y` must have one row per sample; got 1 rows" in message
    assert "`series` must have one row per sample; got 2" in message
    assert "`channels` must differ" in message


def test_swapped_axes_are_noticed() -> None:
    with pytest.warns(MultitideWarning, match=r"X.transpose\(0, 2, 1\)"):
        Samples.from_arrays(np.zeros((3, 60, 4)))
    with pytest.raises(DataError, match=r"axes look swapped"):
        Samples.from_arrays(np.zeros((3, 6, 4)), channels=["a", "b", "c", "d"])
