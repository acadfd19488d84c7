"""What a user says of the format of a file: checked, used, and changed for other files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import ParameterError
from refusals import refused

N = 40
FRAME = pd.DataFrame(
    {
        "when": pd.date_range("2024-07-01", periods=N, freq="h"),
        "load": np.arange(N) * 7 % 11 + 0.25,
        "lab": np.arange(N) // 5 % 2,
    }
)
WRONG: dict[str, list[object]] = {
    "separator": ["ab", "", "\n", '"', "a", "1", "é", 3],
    "decimal": ["x", "", "..", 5],
    "thousands": ["x", "..", 3],
    "encoding": ["x", "", 3, "rot13", "base64"],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_other_signs_and_encodings_are_refused(
    name: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, index=False)
    options: dict[str, Any] = {name: value}
    with refused(f"`{name}`", repr(value), error=ParameterError):
        read_table(path, tasks=["lab"], window=6, **options)
    known = read_table(path, tasks=["lab"], window=6).reading
    assert known is not None
    with refused(f"`{name}`", repr(value), error=ParameterError):
        read_like(known, path, **options)


@pytest.mark.parametrize("name", ["\t", "\\t", "tab"])
def test_a_tab_may_be_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, index=False, sep="\t")
    assert len(read_table(path, tasks=["lab"], window=6, separator=name)) == N - 5


@pytest.mark.parametrize("name", ["separator", "encoding"])
def test_options_of_text_files_are_for_text_files(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {name: {"separator": ";", "encoding": "utf-8"}[name]}
    FRAME.to_parquet(tmp_path / "a.parquet")
    for data in (FRAME, tmp_path / "a.parquet"):
        with refused(f"`{name}`", "text file", "Remove it", error=ParameterError):
            read_table(data, tasks=["lab"], window=6, **options)


def test_new_files_may_be_written_in_another_way(tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    FRAME.to_csv(
        old, index=False, sep="|", encoding="utf-16", date_format="%d.%m.%y %H"
    )
    samples = read_table(
        old,
        tasks=["lab"],
        window=6,
        separator="|",
        encoding="utf-16",
        time_format="%d.%m.%y %H",
    )
    known = samples.reading
    assert known is not None
    changed = FRAME.assign(load=FRAME["load"].where(FRAME.index != 3, -1))
    changed.to_csv(new, index=False, sep=";", decimal=",", date_format="%y%m%d-%H")
    again = read_like(
        known,
        new,
        separator=";",
        encoding="utf-8",
        decimal=",",
        missing=["-1"],
        time_format="%y%m%d-%H",
    )
    expected = samples.values.copy()
    expected[3] = np.nan
    np.testing.assert_array_equal(again.values, expected)
    assert samples.time is not None
    assert again.time is not None
    np.testing.assert_array_equal(again.time, samples.time)
    in_memory = read_like(known, FRAME)  # has neither separator nor encoding
    np.testing.assert_array_equal(in_memory.values, samples.values)
