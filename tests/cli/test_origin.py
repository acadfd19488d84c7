"""Rows of results are identified by the columns of the user's table."""

from __future__ import annotations

import pandas as pd

from makers import make_samples
from multitide.cli._origin import origin_of
from multitide.data.tables._read_table import read_table


def engines() -> pd.DataFrame:
    frame = pd.DataFrame({"unit": ["007"] * 3 + ["7"] * 3, "cycle": [1, 2, 3] * 2})
    return frame.assign(p=[0.5, 1.5, 2.5, 3.5, 4.5, 5.5])


def test_key_columns_keep_their_names_and_values() -> None:
    samples = read_table(engines(), series="unit", time="cycle", window=2)
    origin = origin_of(samples)
    assert list(origin) == ["unit", "cycle"]
    assert origin["unit"].tolist() == ["007", "007", "7", "7"]
    assert origin["cycle"].tolist() == [2, 3, 2, 3]


def test_without_such_columns_there_are_general_names() -> None:
    assert list(origin_of(make_samples(n=4))) == ["series"]
    samples = read_table(engines()[["p"]], window=2)
    assert list(origin_of(samples)) == ["series", "time"]
