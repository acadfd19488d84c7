"""Missing cells, constants and sentinels are reported per channel, through every door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data._channel_facts import channel_facts, channels_without_value
from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table


def facts(values: list[float]) -> tuple[int, str]:
    X = np.asarray(values, np.float32)[None, None]
    found = channel_facts(Samples.from_arrays(X))
    if not len(found):
        return 0, ""
    return int(found["missing"][0]), str(found["note"][0])


def test_samples_without_a_value_of_a_channel_are_counted() -> None:
    X = np.ones((4, 2, 3), np.float32)
    X[1:3, 1] = np.nan
    X[0, 0, 1:] = np.nan
    samples = Samples.from_arrays(X, series=list("abcd"), channels=["u", "v"])
    found = channels_without_value(samples)
    assert found.to_numpy().tolist() == [["v", 2, "b"]]


@pytest.mark.parametrize("value", [-999, -9999, -99.9, 9999, 32767, 65535])
def test_sentinels_are_pointed_out(value: float) -> None:
    n_missing, note = facts([20.0, 21.5, value, 19.0, value, value, 20.5])
    assert n_missing == 0
    assert note.startswith(f"{value:g} (3 cells)") and "missing = " in note


@pytest.mark.parametrize(
    "values",
    [
        [20.0, 21.5, -999, 19.0, -999, 20.5],
        [20.0, 21.5, -77, 19.0, -77, -77],
        [-1500.0, -1100.0, -999, -999, -999],
        [1.0, 2.0, 3.0],
    ],
    ids=["rare", "no sentinel", "in range", "ordinary"],
)
def test_ordinary_values_are_not(values: list[float]) -> None:
    assert facts(values) == (0, "")


def test_constants_and_missing_cells() -> None:
    assert facts([5.0, np.nan, 5.0]) == (1, "only one value, 5")
    assert facts([1.0, np.nan, 5.0]) == (1, "")
    assert facts([np.nan, np.nan]) == (2, "has no value")


def test_channels_of_a_table() -> None:
    frame = pd.DataFrame(
        {"a": [1.5, None, 2.5], "b": ["on", None, "on"], "c": [1, 2, 4]}
    )
    found = channel_facts(read_table(frame, channels=["a", "b", "c"], window=2))
    assert found["channel"].tolist() == ["a", "b"]
    assert found["missing"].tolist() == [1, 1]
    assert found["share"].tolist() == [1 / 3, 1 / 3]
    assert found["note"].tolist() == ["", "only one category"]
