"""Columns of label tables that are no labels, and labels that are joined to every row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._facts_of_series import (
    GROUPS,
    constant_in_series,
    numbers_groups,
    why_no_task,
)
from multitide.data.tables._inspect_table import inspect_table
from multitide.data.tables._read_table import read_table
from multitide.fitting._validation_split import default_splitter

N_SERIES, N_STEPS = 40, 6


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    cycle = np.arange(N_SERIES)
    labels = pd.DataFrame(
        {"cycle": cycle, "fault": cycle // 5 % 2, "wear": cycle % 7 + 0.5}
    )
    data = pd.DataFrame({"cycle": np.repeat(cycle, N_STEPS)})
    return data.assign(x=np.arange(len(data)) * 37 % 23 + 0.5), labels


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("run", np.arange(40) // 3, GROUPS),
        ("block", np.arange(40) // 3, GROUPS),
        ("machine", ["a", "b"] * 20, GROUPS),
        ("patient_id", np.arange(40) // 2 + 7, GROUPS),
        ("n", np.arange(40), "counts the rows"),
        ("part", ["train", "test", "Val", "train"] * 10, "names the set"),
        ("plant", ["north"] * 40, "one value"),
        ("note", [f"no. {i}" for i in range(40)], "another text"),
        ("fault", np.arange(40) // 5 % 2, ""),
        ("stage", np.arange(40) // 10, ""),
        ("wear", np.arange(40) * 0.7, ""),
        ("hours", np.arange(40) * 7 % 41, ""),
        ("state", ["ok", "worn", None, "ok"] * 10, ""),
    ],
)
def test_columns_that_are_no_labels(name: str, values: object, reason: str) -> None:
    assert reason in why_no_task(pd.Series(values, name=name))
    assert bool(reason) == bool(why_no_task(pd.Series(values, name=name)))


def test_groups_are_whole_and_known() -> None:
    assert not numbers_groups(pd.Series([0.0, 0.0, 1.0], name="run"))
    assert not numbers_groups(pd.Series([0, 1, 2], name="run"))
    assert not numbers_groups(pd.Series(["a", "a", None], name="run"))


def test_a_column_that_numbers_runs_is_no_task() -> None:
    data, labels = tables()
    labels["run"] = np.arange(N_SERIES) // 3
    samples = read_table(data, labels=labels)
    assert list(samples.y) == ["fault", "wear"]
    assert samples.reading is not None
    assert 'by="group"' in "\n".join(samples.reading["assumed"])
    kept = read_table(data, labels=labels, extra=["run"])
    assert kept.extra is not None and list(kept.extra) == ["run"]
    asked = read_table(data, labels=labels, tasks=["run"])
    assert list(asked.y) == ["run"]


def test_columns_of_the_labels_are_no_channels() -> None:
    data, labels = tables()
    joined = data.merge(labels, on="cycle")
    samples = read_table(joined, labels=labels, tasks=["wear"])
    assert samples.channels == ("x",)
    asked = read_table(joined, labels=labels, tasks=["wear"], channels=["x", "fault"])
    assert asked.channels == ("x", "fault")


def test_labels_joined_to_every_row_are_named() -> None:
    data, labels = tables()
    joined = data.merge(labels, on="cycle")
    samples = read_table(joined, tasks=["wear"], series="cycle")
    assert samples.reading is not None
    assumed = "\n".join(samples.reading["assumed"])
    assert "`fault`: inputs with one value per series" in assumed
    assert constant_in_series(joined, "cycle", ["x", "fault", "wear"]) == [
        "fault",
        "wear",
    ]
    shuffled = joined.sample(frac=1, random_state=0)
    assert constant_in_series(shuffled, "cycle", ["x", "fault"]) == ["fault"]
    assert constant_in_series(joined, "x", ["fault"]) == []


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("n_series", [1, 4, N_SERIES])
@pytest.mark.parametrize("has_time", [True, False])
def test_init_proposes_the_split_that_fit_takes(
    window: int | None, n_series: int, has_time: bool
) -> None:
    data, labels = tables()
    data = data.merge(labels[["cycle", "fault"]], on="cycle")
    data = data[data["cycle"] < n_series]
    if n_series == 1:
        data = pd.concat([data] * 5, ignore_index=True).assign(fault=[0, 1] * 15)
        window = window or 4
    hours = data.groupby("cycle").cumcount()
    data["t"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h")
    options = {"series": "cycle", "tasks": ["fault"], "window": window}
    if not has_time:
        options |= {"time": (), "ignore": ["t"]}
    samples = read_table(data, **options)
    found = inspect_table(data, **options)
    if window is None:  # then init writes the windows as a comment
        assert found.windows is not None and found.windows.optional
    assert found.split_by == default_splitter(samples, seed=0).by
