"""The archive's `.ts` files: exact, or refused with the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._column_roles import column_roles
from multitide.data.tables._inspect_table import inspect_table
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_present, read_table
from multitide.data.tables._ts_format import read_ts
from multitide.errors import DataError, ParameterError
from refusals import refused

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
    np.testing.assert_array_equal(
        samples.gather(slice(None))[:, 0], np.float32(expected)
    )


def test_several_channels(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ts",
        "1,2:3,4:Walk\n5,6,7:8:RUN\n",
        uni=False,
        more="@dimensions 2\n",
    )
    samples = read_ts(path)
    assert samples.shape == (2, 2, 3)
    np.testing.assert_array_equal(
        samples.gather(1)[0], [[5, 6, 7], [8, np.nan, np.nan]]
    )


def test_targets_are_numbers_and_labels_may_be_absent(tmp_path: Path) -> None:
    assert read_ts(write(tmp_path / "a.ts", "1,2:0.5\n3,4:?\n", "target")).y[
        "label"
    ].isna().tolist() == [False, True]
    assert read_ts(write(tmp_path / "b.ts", "1,2\n3,4\n", "")).y.shape == (2, 0)


@pytest.mark.parametrize(
    "times",
    [("0", "1", "2"), ("2024-01-01 00:00:00", "2024-01-01 06:00", "2024-01-01T12:00")],
)
def test_time_stamps_keep_signs_and_integers(
    tmp_path: Path, times: tuple[str, ...]
) -> None:
    pairs = ",".join(
        f"({time},{value})"
        for time, value in zip(times, ["-1.5", "2", "?"], strict=True)
    )
    samples = read_ts(write(tmp_path / "a.ts", f"{pairs}:Walk\n", stamps=True))
    np.testing.assert_array_equal(
        samples.gather(0)[0, 0], np.float32([-1.5, 2, np.nan])
    )
    assert samples.y["label"].tolist() == ["Walk"]


@pytest.mark.parametrize(
    ("stamps", "parts"),
    [
        (["0", "1", "1e15"], ["fill their even grid", "3 of 1e+15 places", "`every`"]),
        (["0", "5e-324", "1"], ["fill their even grid", "3 of inf places"]),
        (["0", "1", "inf"], ["finite"]),
        (["nan", "1", "2"], ["finite"]),
        (["2024-01-01", "2024-01-02", "9999-01-01"], ["9999-01-01", "2262"]),
        (["2024-01-01T00:00Z", "2024-01-02", "2024-01-03"], ["time zone"]),
        (["2024-01-01", "soon", "2024-01-03"], ["'soon' in row 2"]),
    ],
)
def test_time_stamps_without_a_grid_are_refused(
    tmp_path: Path, stamps: list[str], parts: list[str]
) -> None:
    pairs = ",".join(f"({stamp},1.5)" for stamp in stamps)
    with refused("Time stamps", "line 7", *parts, error=DataError):
        read_ts(write(tmp_path / "a.ts", f"{pairs}:Walk\n", stamps=True))


def test_a_skipped_time_stamp_is_a_missing_value(tmp_path: Path) -> None:
    samples = read_ts(write(tmp_path / "a.ts", "(0,1),(1,2),(3,4):Walk\n", stamps=True))
    np.testing.assert_array_equal(
        samples.gather(0)[0, 0], np.float32([1, 2, np.nan, 4])
    )


@pytest.mark.parametrize(
    ("lines", "stamps", "parts"),
    [
        ("1,two:Walk\n", False, ["numbers or ?", "got 'two'", "line 7"]),
        (
            "1,2:Walk\n1,2:3:RUN\n",
            False,
            ["Every case", "1 channels", "got 2", "line 8"],
        ),
        ("(0,1),(1,2):Walk\n", False, ["brackets", "@timeStamps true", "line 7"]),
        ("1,2:Walk\n", True, ["must be (time,value)", "line 7"]),
        ("(0,1),(1,2),(1.7,3):Walk\n", True, ["even grid", "line 7", "`every`"]),
        ("(1,1),(0,2):Walk\n", True, ["Time stamps must increase", "line 7"]),
        ("(soon,1),(later,2):Walk\n", True, ["numbers or dates", "line 7"]),
        ("", False, ["at least one case after @data"]),
    ],
)
def test_wrong_files_are_refused_with_the_line(
    tmp_path: Path, lines: str, stamps: bool, parts: list[str]
) -> None:
    with refused(*parts, error=DataError):
        read_ts(write(tmp_path / "a.ts", lines, stamps=stamps))


def test_a_file_without_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("1,2,3\n")
    with refused("'a.ts'", "@data", "got '1,2,3'", "line 1", error=DataError):
        read_ts(tmp_path / "a.ts")
    (tmp_path / "a.ts").write_text("@problemName x\n")
    with refused("'a.ts'", "line @data", error=DataError):
        read_ts(tmp_path / "a.ts")
    with refused("`path`", "existing .ts file", "b.ts", error=DataError):
        read_ts(tmp_path / "b.ts")


def test_read_table_and_read_like_know_the_suffix(tmp_path: Path) -> None:
    train = read_table(write(tmp_path / "a.ts", "1,2:Walk\n3,4:RUN\n"), tasks="motion")
    assert train.reading is not None
    assert column_roles(tmp_path / "a.ts")["role"].tolist() == ["channel", "task"]
    again = read_like(
        train.reading, write(tmp_path / "b.ts", "1,2,3\n", ""), need_labels=False
    )
    assert list(again.y) == ["motion"]
    assert again.y["motion"].isna().all()
    with refused("`tasks`", "only option", "['window']", error=ParameterError):
        read_table(tmp_path / "a.ts", window=3)
    with refused("`data`", "channels ['0']", "got ['0', '1']", error=DataError):
        read_like(train.reading, write(tmp_path / "c.ts", "1:2:RUN\n", uni=False))


def test_no_option_is_accepted_and_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", "1,2:Walk\n3,4:RUN\n")
    other = pd.DataFrame({"id": [0, 1], "motion": ["a", "b"]})
    for labels, shown in ((other, "DataFrame"), ("labels.csv", "'labels.csv'")):
        for door in (read_table, read_present, inspect_table):
            with refused("`labels`", ".ts", shown, "table", error=ParameterError):
                door(path, labels=labels)
    for option in ({"series": "id"}, {"static": ["s"]}, {"every": "1h"}, {"window": 2}):
        with refused("`tasks`", "only option", *option, error=ParameterError):
            inspect_table(path, **option)
    assert (
        inspect_table(path, tasks=["motion"]).roles["column"].tolist()[-1] == "motion"
    )


def test_classes_are_text_as_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", "1,2:01\n3,4:1.0\n")
    assert read_ts(path).y["label"].tolist() == ["01", "1.0"]
    assert pd.api.types.is_string_dtype(read_ts(path).y["label"])
