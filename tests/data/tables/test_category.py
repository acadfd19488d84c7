"""Columns that the user calls categories are channels in addition to the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from multitide.errors import DataError, MultitideError

DAYS = ["Mon", "Tue", "Wed"]


def table(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "power": rng.normal(size=n),
            "day": [DAYS[i % 3] for i in range(n)],
            "mode": np.arange(n) % 4 * 10,
            "load": rng.normal(size=n),
        }
    )


def read(data: pd.DataFrame, **options: Any) -> mt.Samples:
    return mt.read_table(data, tasks=["load"], window=4, **options)


def test_text_joins_the_numeric_columns() -> None:
    assert read(table()).channels == ("power", "mode")
    samples = read(table(), category="day")
    assert samples.channels == ("power", "day", "mode")
    assert samples.categories == {"day": ("Mon", "Tue", "Wed")}
    np.testing.assert_array_equal(samples.gather(slice(0, 1))[0, 1], [0, 1, 2, 0])


def test_its_role_is_that_of_a_channel() -> None:
    columns = read(table(), category="day").reading["columns"]
    roles = {column["column"]: column["role"] for column in columns}
    assert roles == {
        "power": "channel",
        "day": "channel",
        "mode": "channel",
        "load": "task",
    }


def test_numbers_that_are_codes_become_categories() -> None:
    samples = read(table(), category=["day", "mode"])
    assert samples.categories["mode"] == ("0", "10", "20", "30")
    np.testing.assert_array_equal(samples.gather(slice(0, 1))[0, 2], [0, 1, 2, 3])


def test_it_adds_to_given_channels() -> None:
    samples = read(table(), channels=["power"], category=["day"])
    assert samples.channels == ("power", "day")
    same = read(table(), channels=["day", "power"], category=["day"])
    assert same.channels == ("day", "power")


def test_a_model_reads_new_data_with_the_same_categories() -> None:
    samples = read(table(120), category="day")
    model = mt.MultiTaskEstimator(
        backbone={"name": "fcn", "padding": "same"},
        max_epochs=1,
        random_state=0,
        verbose=0,
    ).fit(samples)
    again = mt.read_like(model.reading_, table(12).query("day != 'Wed'"))
    assert again.categories == samples.categories
    assert len(model.predict(again)) == len(again)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"category": "dya"}, "Did you mean 'day'"),
        ({"category": "load"}, "must not share a column"),
        ({"category": "day", "ignore": "day"}, "must not share a column"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MultitideError, match=words):
        read(table(), **options)


def test_the_note_about_text_names_the_option() -> None:
    assert "`category`" in str(read(table()).reading["assumed"])
    with pytest.raises(DataError, match="`category`"):
        read(table()[["day", "load"]])
