"""Layouts that are not one row per time step are pointed out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._read_table import read_table
from multitide.data.tables._wide_rows import steps_in_columns
from multitide.errors import ParameterError
from refusals import refused

N = 40


@pytest.mark.parametrize("stem", ["t", "", "value_", "x."])
@pytest.mark.parametrize("first", [0, 1])
def test_numbered_steps_are_pointed_out(stem: str, first: int) -> None:
    rng = np.random.default_rng(0)
    names = [f"{stem}{first + i}" for i in range(30)]
    table = pd.DataFrame(rng.normal(size=(N, 30)), columns=names)
    table["lab"] = np.arange(N) % 3
    samples = read_table(table, tasks=["lab"], window=5)
    assert samples.reading is not None
    said = "\n".join(samples.reading["assumed"])
    assert f"`{names[0]}`, ..., `{names[-1]}`" in said and "from_arrays" in said
    timed = table.assign(date=pd.date_range("2024", periods=N))
    samples = read_table(timed, tasks=["lab"], window=5)
    assert samples.reading is not None
    assert "from_arrays" not in "\n".join(samples.reading["assumed"])


@pytest.mark.parametrize(
    "columns", [["a", "b"], ["s1", "s2", "s3"], [f"s{i * 2}" for i in range(30)]]
)
def test_other_columns_are_not(columns: list[str]) -> None:
    assert steps_in_columns(columns) == []


def test_a_table_of_one_row_per_label_is_answered_with_the_pivot() -> None:
    data = pd.DataFrame({"id": np.repeat(np.arange(N), 3), "x": np.arange(3.0 * N)})
    wide = pd.DataFrame({"id": np.arange(N), "fault": 0, "load": 1.5})
    labels = wide.melt("id", var_name="task", value_name="value")
    with refused("`series`", "`id` repeats", "labels.pivot(", error=ParameterError):
        read_table(data, labels=labels)
