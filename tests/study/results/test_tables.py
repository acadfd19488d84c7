"""Results as tables of text: the same columns everywhere, and a dash for what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from multitide.study.results._tables import (
    advice_sentences,
    aligned,
    curve_table,
    gain_table,
    interval_in_words,
    loss_table,
    mean_in_words,
)

NAN = float("nan")


def gain_row(task: str = "load", **changes: Any) -> dict[str, Any]:
    row = {
        "task": task,
        "arm": "hard",
        "gain": 0.12345,
        "low": 0.1,
        "high": 0.2,
        "p_adjusted": 0.012345,
        "standard_error": 0.01,
        "verdict": "helps",
        "advice": "",
        "n_seeds": 5,
        "n_groups": 20,
        "n_labelled": 300,
    }
    return row | changes


def test_gains_have_one_row_per_task_and_arm_and_one_for_the_mean() -> None:
    gains = pd.DataFrame([gain_row("load"), gain_row("state", verdict="same")])
    mean = pd.DataFrame([gain_row("any", gain=-0.5)])
    table = gain_table(gains, mean, 0.01)
    assert list(table) == [
        *(
            "task",
            "arm",
            "gain",
            "interval",
            "verdict",
            "seeds",
            "test groups",
            "test labels",
        ),
    ]
    assert list(table["task"]) == ["load", "state", "(mean)"]
    assert list(table["gain"]) == ["+0.123", "+0.123", "-0.500"]
    assert table["verdict"][1] == "same within 0.01"
    assert all(isinstance(cell, str) for cell in table.to_numpy().ravel())


def test_a_single_task_has_no_mean_and_p_values_are_shown_on_request() -> None:
    gains, mean = pd.DataFrame([gain_row()]), pd.DataFrame([gain_row()])
    assert len(gain_table(gains, mean, 0.01)) == 1
    assert gain_table(gains, mean, 0.01, p_values=True)["p (adjusted)"][0] == "0.0123"
    tiny = gains.assign(p_adjusted=2e-7)
    assert gain_table(tiny, mean, 0.01, p_values=True)["p (adjusted)"][0] == "< 0.001"


def test_a_column_of_data_sets_comes_first() -> None:
    table = gain_table(pd.DataFrame([gain_row(data="rig")]), pd.DataFrame(), 0.01)
    assert list(table)[:2] == ["data set", "task"]


def test_an_arm_that_failed_has_dashes() -> None:
    failed = gain_row(gain=NAN, low=NAN, high=NAN, verdict="failed")
    row = gain_table(pd.DataFrame([failed]), pd.DataFrame(), 0.01).iloc[0]
    assert (row["gain"], row["interval"], row["verdict"]) == ("-", "-", "failed")


def test_losses_have_one_column_per_arm() -> None:
    figures = pd.DataFrame(
        [
            {"task": "b", "arm": "alone", "metric": "loss", "mean": 0.5, "sd": 0.01},
            {"task": "b", "arm": "hard", "metric": "loss", "mean": 0.25, "sd": NAN},
            {"task": "a", "arm": "alone", "metric": "loss", "mean": 1.0, "sd": 0.1},
            {"task": "a", "arm": "alone", "metric": "mae", "mean": 9.0, "sd": 0.1},
        ]
    )
    expected = pd.DataFrame(
        {
            "task": ["b", "a"],
            "alone": ["0.500 ± 0.010", "1.000 ± 0.100"],
            "hard": ["0.250", "-"],
        }
    )
    pd.testing.assert_frame_equal(loss_table(figures), expected, check_dtype=False)


def test_a_curve_is_sorted_by_task_arm_and_share() -> None:
    gains = pd.DataFrame(
        [
            gain_row("load", share=1.0, n_train=1234.0),
            gain_row("state", share=1.0, n_train=10.0),
            gain_row("load", share=0.05, n_train=62.0),
        ]
    )
    table = curve_table(gains, 0.01)
    assert list(table["task"]) == ["load", "load", "state"]
    assert list(table["label share"]) == ["5 %", "100 %", "100 %"]
    assert list(table["training labels"]) == ["62", "1,234", "10"]


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        (["", ""], []),
        (["needs 5 seeds", "needs 5 seeds"], ["Every task and arm: needs 5 seeds."]),
        (["", "more"], ["state, hard: more."]),
    ],
)
def test_advice_that_holds_for_all_is_given_once(
    advice: list[str], expected: list[str]
) -> None:
    rows = [gain_row("load", advice=advice[0]), gain_row("state", advice=advice[1])]
    assert advice_sentences(pd.DataFrame(rows)) == expected


def test_numbers_without_a_spread_have_none() -> None:
    assert interval_in_words(-0.1, 0.2) == "-0.100 to +0.200"
    assert interval_in_words(NAN, 0.2) == "-"
    assert mean_in_words(0.5, NAN) == "0.500"


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    table = pd.DataFrame({"task": ["a", "long name"], "gain": ["+1", "+2"]})
    assert aligned(table) == "task       gain\na          +1\nlong name  +2"
