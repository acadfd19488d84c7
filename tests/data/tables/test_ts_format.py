"""The archive's `.ts` files: exact, or refused with the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._column_roles import column_roles
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.data.tables._ts_format import read_ts
from multitide.errors import DataError, ParameterError

HEADER = "# a comment\n@problemName Toy\n@timeStamps {stamps}\n@univariate {uni}\n{more}@data\n"


def write(
    path: Path,
    lines: str,
    label: str = "class",
    uni: bool = True,
    stamps: bool = False,
    more: str = "",
) -> Path:
    more += {
        "class": "@classLabel true Walk RUN\n",
        "target": "@targetLabel true\n",
        "": "@classLabel false\n",
    }[label]
    header = HEADER.format(stamps=str(stamps).lower(), uni=str(uni).lower(), more=more)
    path.write_text(header + lines)
    return path


def test_labels_keep_their_case_and_lengths_differ(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", "1,2.5,-3:Walk\n\n4,?:RUN\n5e-1,NaN,6,7:?\n")
    samples = read_ts(path, task="motion")
    assert samples.lengths.tolist() == [3, 2, 4]
    assert samples.y["motion"].fillna("?").tolist() == ["Walk", "RUN", "?"]
    expected = [[1, 2.5, -3, np.nan], [4, np.nan, np.nan, np.nan], [0.5, np.nan, 6, 7]]
    np.testing.assert_array_equal(samples.gather(slice(None))[:, 0], np.float32(expected))


def test_several_channels(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ts", "1,2:3,4:Walk\n5,6,7:8:RUN\n", uni=False, more="@dimensions 2\n"
    )
    samples = read_ts(path)
    assert samples.shape == (2, 2, 3)
    np.testing.assert_array_equal(samples.gather(1)[0], [[5, 6, 7], [8, np.nan, np.nan]])


def test_targets_are_numbers_and_labels_may_be_absent(tmp_path: Path) -> None:
    assert read_ts(write(tmp_path / "a.ts", "1,2:0.5\n3,4:?\n", "target")).y[
        "label"
    ].isna().tolist() == [False, True]
    assert read_ts(write(tmp_path / "b.ts", "1,2\n3,4\n", "")).y.shape == (2, 0)


@pytest.mark.parametrize(
    "times", [("0", "1", "2"), ("2024-01-01 00:00:00", "2024-01-01 06:00", "2024-01-01T12:00")]
)
def test_time_stamps_keep_signs_and_integers(tmp_path: Path, times: tuple[str, ...]) -> None:
    pairs = ",".join(
        f"({time},{value})" for time, value in zip(times, ["-1.5", "2", "?"], strict=True)
    )
    samples = read_ts(write(tmp_path / "a.ts", f"{pairs}:Walk\n", stamps=True))
    np.testing.assert_array_equal(samples.gather(0)[0, 0], np.float32([-1.5, 2, np.nan]))
    assert samples.y["label"].tolist() == ["Walk"]


def test_a_skipped_time_stamp_is_a_missing_value(tmp_path: Path) -> None:
    samples = read_ts(write(tmp_path / "a.ts", "(0,1),(1,2),(3,4):Walk\n", stamps=True))
    np.testing.assert_array_equal(samples.gather(0)[0, 0], np.float32([1, 2, np.nan, 4]))


@pytest.mark.parametrize(
    ("lines", "stamps", "message"),
    [
        ("1,two:Walk\n", False, "must be numbers or [?]; got 'two' in line 7"),
        ("1,2:Walk\n1,2:3:RUN\n", False, "Every case must have 1 channels; got 2 in line 8"),
        ("(0,1),(1,2):Walk\n", False, "no brackets unless the header says @timeStamps true"),
        ("1,2:Walk\n", True, r"must be \(time,value\)"),
        ("(0,1),(1,2),(1.7,3):Walk\n", True, "must lie on an even grid.*read it with `every`"),
        ("(1,1),(0,2):Walk\n", True, "Time stamps must grow"),
        ("(soon,1),(later,2):Walk\n", True, "must be numbers or dates"),
        ("", False, "at least one case after @data"),
    ],
)
def test_wrong_files_are_refused_with_the_line(
    tmp_path: Path, lines: str, stamps: bool, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_ts(write(tmp_path / "a.ts", lines, stamps=stamps))


def test_a_file_without_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("1,2,3\n")
    with pytest.raises(
        DataError, match="must begin with @ lines up to @data; got '1,2,3' in line 1"
    ):
        read_ts(tmp_path / "a.ts")
    (tmp_path / "a.ts").write_text("@problemName x\n")
    with pytest.raises(DataError, match="must have a line @data"):
        read_ts(tmp_path / "a.ts")
    with pytest.raises(DataError, match=r"must be an existing .ts file"):
        read_ts(tmp_path / "b.ts")


def test_read_table_and_read_like_know_the_suffix(tmp_path: Path) -> None:
    train = read_table(write(tmp_path / "a.ts", "1,2:Walk\n3,4:RUN\n"), tasks="motion")
    assert train.reading is not None
    assert column_roles(tmp_path / "a.ts")["role"].tolist() == ["channel", "task"]
    again = read_like(train.reading, write(tmp_path / "b.ts", "1,2,3\n", ""), need_labels=False)
    assert list(again.y) == ["motion"]
    assert again.y["motion"].isna().all()
    with pytest.raises(ParameterError, match=r"the only option, for a .ts file; got \['window'\]"):
        read_table(tmp_path / "a.ts", window=3)
    with pytest.raises(DataError, match=r"must have the channels \['0'\]; got \['0', '1'\]"):
        read_like(train.reading, write(tmp_path / "c.ts", "1:2:RUN\n", uni=False))


def test_classes_are_text_as_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", "1,2:01\n3,4:1.0\n")
    assert read_ts(path).y["label"].tolist() == ["01", "1.0"]
    assert pd.api.types.is_string_dtype(read_ts(path).y["label"])
