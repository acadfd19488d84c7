"""Regular grids, against pandas' own resample and loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table


def irregular(seed: int = 0, n: int = 60) -> pd.DataFrame:
    """Two machines, minutes apart at random, with missing values."""
    rng = np.random.default_rng(seed)
    minutes = np.concatenate([np.cumsum(rng.integers(1, 50, n)) for _ in range(2)])
    frame = pd.DataFrame(
        {"machine": np.repeat(["u", "v"], n), "when": pd.Timestamp("2024-07-04")}
    )
    frame["when"] += pd.to_timedelta(minutes, unit="min")
    frame["x"] = np.where(rng.random(2 * n) < 0.2, np.nan, rng.normal(size=2 * n))
    frame["event"] = rng.random(2 * n) < 0.1
    frame["load"] = np.where(rng.random(2 * n) < 0.3, np.nan, rng.normal(size=2 * n))
    frame["mode"] = rng.choice(["on", "off"], 2 * n)
    return frame


def grid(samples: Samples, series: str) -> np.ndarray:
    return samples.gather(np.flatnonzero(samples.series == series))[:, 0, 0]


@pytest.mark.parametrize("seed", range(3))
def test_channels_are_the_means_of_their_bins(seed: int) -> None:
    frame = irregular(seed)
    samples = read_table(frame, series="machine", channels=["x"], every="1h", window=1)
    for name, part in frame.groupby("machine"):
        expected = part.set_index("when")["x"].resample("1h", origin="epoch").mean()
        np.testing.assert_allclose(grid(samples, name), expected, rtol=1e-5, atol=1e-6)
        assert samples.time is not None
        assert (
            samples.time[samples.series == name].tolist()
            == expected.index.to_numpy("datetime64[ns]").tolist()
        )


def test_labels_are_the_last_the_largest_or_the_mean() -> None:
    frame = irregular()
    tasks: list[dict[str, Any]] = [
        {"name": "load", "column": "load"},
        {"name": "event", "column": "event", "label_at": "any"},
        {"name": "mode", "column": "mode"},
    ]
    samples = read_table(
        frame, tasks=tasks, series="machine", channels=["x"], every="1h", window=1
    )
    for name, part in frame.groupby("machine"):
        bins = part.set_index("when").resample("1h", origin="epoch")
        y = samples.y[samples.series == name]
        np.testing.assert_allclose(y["load"], bins["load"].last())
        assert (
            y["mode"].fillna("-").tolist() == bins["mode"].last().fillna("-").tolist()
        )
        expected = bins["event"].apply(lambda rows: rows.any() if len(rows) else pd.NA)
        assert y["event"].tolist() == expected.tolist()


def test_the_mean_of_a_label() -> None:
    frame = irregular()
    task = {"name": "load", "column": "load", "label_at": "mean"}
    y = read_table(
        frame, tasks=[task], series="machine", channels=["x"], every="2h", window=1
    ).y["load"]
    expected = frame.groupby(["machine", frame["when"].dt.floor("2h")])["load"].mean()
    np.testing.assert_allclose(y.dropna(), expected.dropna())


def test_empty_bins_are_missing_and_no_gap() -> None:
    frame = irregular()
    frame = frame[
        (frame["when"] < "2024-07-04 05:00") | (frame["when"] >= "2024-07-04 09:00")
    ]
    samples = read_table(
        frame, tasks=["mode"], series="machine", channels=["x"], every="1h", window=4
    )
    of_u = samples[samples.series == "u"]
    assert of_u.time is not None
    assert (np.diff(of_u.time) == np.timedelta64(1, "h")).all()
    assert np.isnan(of_u.gather(slice(None))).all(axis=(1, 2)).sum() == 1
    assert samples.reading is not None
    assert any("without data" in sentence for sentence in samples.reading["assumed"])


def test_categories_take_the_last_of_the_bin() -> None:
    frame = irregular()
    samples = read_table(
        frame, series="machine", channels=["mode"], every="1h", window=1
    )
    expected = (
        frame[frame["machine"] == "u"]
        .set_index("when")["mode"]
        .resample("1h", origin="epoch")
        .last()
    )
    codes = expected.map({"off": 0.0, "on": 1.0}).to_numpy(dtype=float)
    np.testing.assert_array_equal(grid(samples, "u"), codes)


def test_numbers_as_time_and_static_and_extra_columns() -> None:
    frame = pd.DataFrame(
        {"t": [0.0, 0.1, 0.3, 0.9, 1.0], "x": [1.0, 2, 3, 4, 5], "size": 7, "run": "r"}
    )
    samples = read_table(
        frame, time="t", channels=["x"], static="size", extra="run", every=0.3, window=1
    )
    np.testing.assert_allclose(
        samples.gather(slice(None))[:, 0, 0], [1.5, 3, np.nan, 4.5]
    )
    assert samples.static is not None and samples.extra is not None
    assert samples.static["size"].tolist() == [7] * 4
    assert samples.extra["run"].tolist() == ["r"] * 4
    assert samples.time is not None
    np.testing.assert_allclose(samples.time, [0, 0.3, 0.6, 0.9])
    again = read_like(samples.reading or {}, frame)
    assert again.fingerprint() == samples.fingerprint()


@pytest.mark.parametrize("how", ["first", "last", "mean"])
def test_duplicates_in_many_columns(how: Any) -> None:
    frame = pd.DataFrame(
        {
            "t": [0, 0, 1, 2, 2, 2],
            "x": [1, 3, 5, 7, 8, 12],
            "state": list("abcdef"),
            "load": [1, 2, 3, 4, 5, 9],
        }
    )
    samples = read_table(
        frame, tasks=["state", "load"], time="t", duplicates=how, window=1
    )
    x = {"first": [1, 5, 7], "last": [3, 5, 12], "mean": [2, 5, 9]}
    state = {"first": "acd", "last": "bcf", "mean": "bcf"}
    load = {"first": [1, 3, 4], "last": [2, 3, 9], "mean": [1.5, 3, 6]}
    assert samples.gather(slice(None))[:, 0, 0].tolist() == x[how]
    assert samples.y["state"].tolist() == list(state[how])
    assert samples.y["load"].tolist() == load[how]
