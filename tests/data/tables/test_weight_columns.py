"""Weights from columns of a table are read where the labels are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide import Samples, read_table
from multitide.data.tables._read_like import read_like
from multitide.tasks import Classification, Forecast, MultiLabel, Regression
from refusals import refused

ROWS = 24


def table() -> pd.DataFrame:
    step = np.arange(ROWS)
    return pd.DataFrame(
        {
            "run": step // 12,
            "x": np.sin(step),
            "load": step * 1.5,
            "state": np.where(step % 3, "a", "b"),
            "wet": step % 2,
            "w": step + 1.0,
            "v": step / 10,
        }
    )


def weights(samples: Samples) -> dict[str, list[float]]:
    assert samples.weights is not None
    found: dict[str, list[float]] = samples.weights.to_dict("list")  # type: ignore[assignment]
    return found


def test_a_window_has_the_weight_of_the_row_of_its_label() -> None:
    samples = read_table(
        table(),
        tasks=[
            Regression("load", lead=1),
            Classification("state", label_at="start", weight="v"),
            Classification("wet", label_at="any"),
        ],
        series="run",
        window=4,
        stride=4,
        weight="w",
    )
    assert weights(samples) == {
        "load": pytest.approx([5, 9, np.nan, 17, 21, np.nan], nan_ok=True),
        "state": pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2.0]),
        "wet": pytest.approx([2.5, 6.5, 10.5, 14.5, 18.5, 22.5]),
    }
    assert samples.channels == ("x",)
    roles = {
        each["column"]: each["role"] for each in (samples.reading or {})["columns"]
    }
    assert roles["w"] == roles["v"] == "weight"


def test_several_columns_of_a_task_share_the_weight_of_the_first() -> None:
    tasks = [Forecast("load", horizon=2), MultiLabel("both", columns=["wet", "dry"])]
    data = table().assign(dry=1 - table()["wet"])
    samples = read_table(data, tasks=tasks, window=4, stride=10, weight="w")
    assert weights(samples) == {"load": [5, 15, np.nan], "both": [4, 14, 24]} or (
        weights(samples)["both"] == [4, 14, 24]
    )
    assert weights(samples)["load"][:2] == [5, 15]


@pytest.mark.parametrize("door", ["frame", "csv", "parquet", "labels"])
def test_every_door_reads_the_same_weights(door: str, tmp_path: Path) -> None:
    data: Any = table()
    options: dict[str, Any] = {"tasks": ["state"], "series": "run", "weight": "w"}
    options["ignore"] = ["load", "wet", "v"]
    if door == "csv":
        data.to_csv(tmp_path / "t.csv", index=False)
        data = tmp_path / "t.csv"
    elif door == "parquet":
        data.to_parquet(tmp_path / "t.parquet")
        data = tmp_path / "t.parquet"
    elif door == "labels":
        labels = data.groupby("run").last()[["state", "w"]].reset_index()
        options["labels"] = labels
        data = data.drop(columns=["state", "w"])
    samples = read_table(data, **options)
    assert weights(samples) == {"state": [12, 24]}


def test_weights_go_with_labels_that_go() -> None:
    tasks = [Regression("load", weight="v"), Classification("state")]
    samples = read_table(table(), tasks=tasks, window=4, stride=4, weight="w")
    again = read_like(samples.reading or {}, table())
    pd.testing.assert_frame_equal(again.weights, samples.weights)
    new = table().drop(columns=["w"])
    assert list(weights(read_like(samples.reading or {}, new))) == ["load"]
    unlabelled = table().drop(columns=["w", "v", "load", "state"])
    assert (
        read_like(samples.reading or {}, unlabelled, need_labels=False).weights is None
    )


def test_rows_are_not_dropped_for_a_missing_weight() -> None:
    data = table()
    data.loc[3, "w"] = np.nan
    options: dict[str, Any] = {"tasks": ["load"], "layout": "vectors", "weight": "w"}
    assert len(read_table(data, missing_rows="drop", **options)) == ROWS


def test_what_is_no_weight_is_refused() -> None:
    with refused("`weight`", "'z'", "columns of the table"):
        read_table(table(), tasks=["load"], window=4, weight="z")
    with refused("`weight`", "'z'"):
        read_table(table(), tasks=[Regression("load", weight="z")], window=4)
    with refused("`w`", "numbers", "text"):
        read_table(
            table().assign(w=["much"] * ROWS), tasks=["load"], window=4, weight="w"
        )
    with refused("`weight`", "'w'", "`tasks`"):
        read_table(table()[["x", "w"]], window=4, weight="w")
