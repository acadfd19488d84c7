"""What was read as missing is counted, and the user decides what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._missing import MISSING, clear_missing, count_missing
from multitide.data.tables._read_table import read_table

DOORS = ["csv", "parquet", "frame", "category", "object", "string"]


def through(door: str, frame: pd.DataFrame, tmp_path: Path) -> Path | pd.DataFrame:
    if door == "csv":
        frame.to_csv(tmp_path / "a.csv", index=False)
        return tmp_path / "a.csv"
    if door == "parquet":
        frame.to_parquet(tmp_path / "a.parquet")
        return tmp_path / "a.parquet"
    if door == "frame":
        return frame
    return frame.assign(region=frame["region"].astype(door))


def regions() -> pd.DataFrame:
    region = np.array(["EU", "NA", "AS", "?", "-", "NA "])[np.arange(60) // 10]
    return pd.DataFrame({"x": np.arange(60) * 1.5 + 0.2, "region": region})


def said(samples: Samples) -> str:
    assert samples.reading is not None
    return "\n".join(samples.reading["assumed"])


@pytest.mark.parametrize("door", DOORS)
def test_missing_labels_are_counted(door: str, tmp_path: Path) -> None:
    data = through(door, regions(), tmp_path)
    samples = read_table(data, tasks=["region"], window=10, stride=10)
    assert samples.y["region"].tolist()[:3] == ["EU", None, "AS"] or (
        samples.y["region"].isna().tolist() == [False, True, False, True, True, True]
    )
    assert "`region` '-' (10), '?' (10), 'NA' (20)" in said(samples)


@pytest.mark.parametrize("door", DOORS)
def test_the_user_says_what_is_missing(door: str, tmp_path: Path) -> None:
    data = through(door, regions(), tmp_path)
    samples = read_table(
        data, tasks=["region"], window=10, stride=10, missing=["?", "AS"]
    )
    known = ["EU", "NA", None, None, "-", "NA"]
    assert [None if pd.isna(v) else v for v in samples.y["region"]] == known
    assert "`region` '?' (10), 'AS' (10)" in said(samples)
    samples = read_table(data, tasks=["region"], window=10, missing=[])
    assert samples.y["region"].notna().all()
    assert "Read as missing" not in said(samples)


@pytest.mark.parametrize("door", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("missing", [["-999"], [-999], -999.0])
@pytest.mark.parametrize("sentinel", [-999, -999.0])
def test_numbers_can_mean_missing(
    door: str, missing: Any, sentinel: float, tmp_path: Path
) -> None:
    frame = regions()[["x"]].assign(y=np.arange(60) % 4)
    frame.loc[5, "x"] = frame.loc[8, "x"] = sentinel
    frame["count"] = frame["x"].round().astype("int64")
    samples = read_table(through(door, frame, tmp_path), window=10, missing=missing)
    assert np.isnan(samples.values[[5, 8]]).tolist() == [[True, False, True]] * 2
    assert np.isnan(samples.values).sum() == 4
    assert "`x` '-999' (2); `count` '-999' (2)" in said(samples)


def test_numbers_keep_their_bits_next_to_missing_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=500)})
    text = frame.assign(x=frame["x"].astype("str"))
    text.loc[[3, 70], "x"] = ["NA", "-"]
    text.to_csv(tmp_path / "a.csv", index=False)
    samples = read_table(tmp_path / "a.csv", window=10)
    expected = frame["x"].to_numpy(np.float32, copy=True)
    expected[[3, 70]] = np.nan
    np.testing.assert_array_equal(samples.values[:, 0], expected)
    assert "`x` '-' (1), 'NA' (1)" in said(samples)


def test_other_columns_are_left_alone() -> None:
    frame = pd.DataFrame(
        {
            "lists": [[1], [2]],
            "when": pd.date_range("2024", periods=2),
            "on": [True, False],
            "mixed": ["NA", 3],
        }
    )
    assert count_missing(frame, MISSING) == {"mixed": {"NA": 1}}
    cleared = clear_missing(frame, MISSING)
    assert cleared["mixed"].isna().tolist() == [True, False]
    pd.testing.assert_frame_equal(cleared.iloc[:, :3], frame.iloc[:, :3])
