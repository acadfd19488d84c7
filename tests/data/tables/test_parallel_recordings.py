"""Recordings of the same times in one table are told apart by the column that can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused

N = 120
HOURS = pd.date_range("2024-03-01", periods=30, freq="h")


def assumed(samples: Samples) -> str:
    assert samples.reading is not None
    return "\n".join(samples.reading["assumed"])


def table(order: str, ids: str, **more: Any) -> pd.DataFrame:
    """Return four recordings of 30 hours, one after another or hour by hour."""
    numbers = np.repeat(np.arange(4), 30) if order == "blocks" else np.arange(N) % 4
    hours = np.arange(N) % 30 if order == "blocks" else np.arange(N) // 4
    labels: Any = numbers
    if ids == "text":
        labels = [f"P{number}" for number in numbers]
    frame = {"who": labels, "when": HOURS[hours], "x": np.arange(N) * 7 % 11 + 0.5}
    return pd.DataFrame(frame | more)


@pytest.mark.parametrize("order", ["blocks", "interleaved"])
@pytest.mark.parametrize("ids", ["numbers", "text"])
def test_the_only_column_that_tells_them_apart_is_the_series(
    order: str, ids: str
) -> None:
    samples = read_table(table(order, ids), window=6)
    assert samples.reading is not None
    assert samples.reading["series"] == "who"
    assert samples.channels == ("x",)
    assert len(samples) == 4 * 25
    assert 'series = "who"' in assumed(samples)


def test_of_several_the_one_named_as_an_id_is_taken() -> None:
    frame = table("interleaved", "numbers", other=np.arange(N) % 4 * 10)
    with refused("`time`", "must not repeat", "`series`", error=DataError):
        read_table(frame, window=6)
    samples = read_table(frame.rename(columns={"other": "machine"}), window=6)
    assert samples.reading is not None and samples.reading["series"] == "machine"


def test_repeated_times_without_such_a_column_are_refused() -> None:
    frame = table("blocks", "numbers").drop(columns="who")
    with refused("`time`", "90 repeated", "`series`", error=DataError) as raised:
        read_table(frame, window=6)
    assert "Daylight" not in str(raised.value)


def test_what_the_user_says_is_kept() -> None:
    frame = table("interleaved", "numbers")
    samples = read_table(frame, window=6, duplicates="mean", ignore=["who"])
    assert samples.reading is not None and samples.reading["series"] is None
    samples = read_table(frame, window=6, duplicates="first")
    assert samples.reading is not None and samples.reading["series"] is None
