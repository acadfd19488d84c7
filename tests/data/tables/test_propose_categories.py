"""Columns of text with few values are proposed as categories, unless they may be labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._inspect_table import inspect_table

N = 120


def table(**columns: object) -> pd.DataFrame:
    rows = np.arange(N)
    base = {"x": rows % 7.5, "state": rows // 30 % 2}
    return pd.DataFrame({**base, **columns})


def texts(n_values: int) -> list[str]:
    return [f"v{i % n_values}" for i in range(N)]


@pytest.mark.parametrize(
    ("n_values", "is_proposed"), [(1, False), (2, True), (20, True), (21, False)]
)
def test_the_number_of_values_decides(n_values: int, is_proposed: bool) -> None:
    inspected = inspect_table(table(word=texts(n_values)), tasks=["state"])
    assert inspected.categories == (("word",) if is_proposed else ())
    roles = inspected.roles.set_index("column")["role"]
    assert roles["word"] == ("channel" if is_proposed else "ignored")
    says_ignored = any("`word` is text" in note for note in inspected.assumed)
    assert says_ignored != is_proposed


def test_few_rows_have_few_categories() -> None:
    data = table(word=texts(10)).iloc[:49]
    assert inspect_table(data, tasks=["state"]).categories == ()


def test_pandas_categories_and_missing_values_count_too() -> None:
    word = pd.Series(texts(3)).where(np.arange(N) % 4 > 0).astype("category")
    assert inspect_table(table(word=word), tasks=["state"]).categories == ("word",)


@pytest.mark.parametrize(
    ("columns", "tasks"),
    [
        ({"word": texts(3)}, None),
        ({"word": ["off" if i // 30 % 2 else "on" for i in range(N)]}, ["state"]),
    ],
)
def test_what_may_be_a_label_is_not_proposed(
    columns: dict[str, object], tasks: list[str] | None
) -> None:
    assert inspect_table(table(**columns), tasks=tasks).categories == ()


def test_text_that_describes_a_series_is_not_proposed() -> None:
    run = np.arange(N) // 10
    machine = [f"m{i % 3}" for i in run]
    data = table(run=run, machine=machine, word=texts(3))
    inspected = inspect_table(data, tasks=["state"], series="run")
    assert inspected.categories == ("word",)
