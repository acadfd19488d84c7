"""What is in a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._columns import (
    as_labels,
    as_numbers,
    as_texts,
    categories_of,
    is_counter,
    kind_of,
)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        ([1.5, None], "number"),
        ([True, None], "number"),
        (["1", "2.5", " ", None], "number"),
        (["1", "2", "None"], "number"),
        (["1", "2", "broken"], "mixed"),
        (["1,5", "2,5"], "mixed"),
        (["1,234.5", "12,000.1"], "mixed"),
        (["on", "off"], "text"),
        (["on", "off", "1"], "text"),
        ([None, None], "empty"),
        ([[1, 2], [3]], "text"),
        (["", " "], "empty"),
        (pd.Categorical(["a", "b"]), "text"),
        (pd.date_range("2024", periods=2), "time"),
        (pd.to_timedelta([1, 2], unit="s"), "time"),
        (pd.array([1, None], dtype="Int64"), "number"),
    ],
)
def test_kinds(values: Any, kind: str) -> None:
    assert kind_of(pd.Series(values)) == kind


def test_decimal_commas_are_numbers_when_said() -> None:
    column = pd.Series(["1,5", "2", None, "x"])
    numbers, bad = as_numbers(column, ",")
    np.testing.assert_array_equal(numbers, [1.5, 2, np.nan, np.nan])
    assert bad.tolist() == [3]
    assert kind_of(column[:3], ",") == "number"


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([3.0, 20.0, None], "Int64", [3, 20, None]),
        ([3.0, 20.0], "int64", [3, 20]),
        ([0.5, 1.0, None], "float64", [0.5, 1.0, None]),
        ([True, None, False], "boolean", [True, None, False]),
        ([True, False], "bool", [True, False]),
        (["a ", None, " "], "str", ["a", None, None]),
        ([1, "a", None], "str", ["1", "a", None]),
        (pd.Categorical([5, 7, 5]), "int64", [5, 7, 5]),
        (pd.array([1, None], dtype="Int8"), "Int64", [1, None]),
        ([1e300, 2.0], "float64", [1e300, 2.0]),
        ([None, None], "object", [None, None]),
    ],
)
def test_labels_keep_their_values(values: Any, dtype: str, expected: list[Any]) -> None:
    found = as_labels(pd.Series(values))
    assert [None if pd.isna(value) else value for value in found] == expected
    assert found.dtype == dtype or dtype == "object"


def test_texts_and_categories() -> None:
    assert as_texts(pd.Series([1.0, 2.5])).tolist() == ["1.0", "2.5"]
    assert as_texts(pd.Series([1.0, 2.0, None])).fillna("-").tolist() == ["1", "2", "-"]
    assert categories_of(pd.Series(["b", "a", None, "b"])) == ("a", "b")
    assert categories_of(
        pd.Series(pd.Categorical(["low"], categories=["low", "high"]))
    ) == (
        "low",
        "high",
    )


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([1, 2, 3], True),
        ([0, 1, 2, 3], True),
        ([20, 21, 22], False),
        ([1, 2, 4], False),
        ([1, 2], False),
    ],
)
def test_counters(values: list[int], counts: bool) -> None:
    assert is_counter(pd.Series(values)) == counts
    assert not is_counter(pd.Series(values, dtype=float))


def test_a_part_cut_from_a_counted_table_is_counted() -> None:
    assert is_counter(pd.Series(range(1001, 1101)))
    assert not is_counter(pd.Series(range(1001, 1100)))
    assert not is_counter(pd.Series(range(1001, 1301, 2)))
