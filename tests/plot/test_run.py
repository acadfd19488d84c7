"""Figures show the numbers that they are given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib import cbook
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multitide import plot
from multitide.errors import DataError
from refusals import refused


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def test_history_has_a_line_a_task_and_side(ax: Axes) -> None:
    rows = [
        {"epoch": epoch, "task": task, "side": side, "loss": loss / epoch}
        for task, loss in (("load", 1.0), ("state", 0.5))
        for side in ("train", "validation")
        for epoch in (2, 1, 3)
    ]
    assert plot.history(pd.DataFrame(rows), ax) is ax
    lines = {(line.get_color(), line.get_linestyle()): line for line in ax.get_lines()}
    np.testing.assert_allclose(
        lines["C0", "-"].get_xydata(), [[1, 1], [2, 1 / 2], [3, 1 / 3]]
    )
    np.testing.assert_allclose(
        lines["C1", "--"].get_xydata(), [[1, 0.5], [2, 0.25], [3, 0.5 / 3]]
    )
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "load",
        "state",
    ]


def test_the_epoch_that_answers_is_marked_on_the_validation_line(ax: Axes) -> None:
    rows = [
        {"epoch": epoch, "task": "load", "side": side, "loss": 1 / epoch}
        for side in ("train", "validation")
        for epoch in (1, 2, 3)
    ]
    plot.history(pd.DataFrame(rows), ax, best={"load": 2})
    dots = [
        line.get_xydata().tolist()
        for line in ax.get_lines()
        if line.get_marker() == "o"
    ]
    assert dots == [[[2.0, 0.5]]]
    assert "dot" in ax.get_title()


def test_history_without_validation_still_names_its_tasks(ax: Axes) -> None:
    plot.history(
        pd.DataFrame(
            {"epoch": [1, 2], "task": "load", "side": "train", "loss": [1.0, 0.5]}
        ),
        ax,
    )
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["load"]


@pytest.mark.parametrize("draw", [plot.history, plot.weights])
@pytest.mark.parametrize("n_epochs", [1, 2, 4])
def test_few_epochs_are_counted_in_whole_numbers(
    draw: Callable[[pd.DataFrame, Axes], Axes], n_epochs: int, ax: Axes
) -> None:
    epochs = np.arange(n_epochs) + 1
    draw(
        pd.DataFrame(
            {
                "epoch": epochs,
                "task": "load",
                "side": "train",
                "loss": 0.5,
                "weight": 1.0,
            }
        ),
        ax,
    )
    np.testing.assert_array_equal(np.mod(ax.get_xticks(), 1), 0)


def test_only_measured_numbers_are_drawn(ax: Axes) -> None:
    measured = pd.Series([1.0, np.nan, 3.0], name="load")
    plot.predicted_vs_measured(measured, pd.Series([1.5, 9.0, 2.0]), ax)
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), [[1.0, 1.5], [3.0, 2.0]]
    )
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[1, 1], [3, 3]])
    assert ax.get_title() == "load"


def test_nullable_integers_are_numbers(ax: Axes) -> None:
    plot.predicted_vs_measured(
        pd.Series([1, None, 3], dtype="Int64", name="n"), pd.Series([1.0, 2.0, 3.0]), ax
    )
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[1, 1], [3, 3]])


@pytest.mark.parametrize("draw", [plot.confusion, plot.predicted_vs_measured])
def test_a_figure_without_labels_is_refused(draw: object, ax: Axes) -> None:
    with refused("`measured`", "2 samples of 'load'", error=DataError):
        draw(pd.Series([None, None], name="load"), pd.Series([1.0, 2.0]), ax)  # type: ignore[operator]


@pytest.fixture
def epochs() -> pd.DataFrame:
    """Two epochs, in any order, of two tasks; "b" has no gradient in the first."""
    rows = [
        {
            "epoch": 2,
            "task": "a",
            "weight": 0.4,
            "gradient_norm": 3.0,
            "cosine(b)": -0.2,
        },
        {"epoch": 1, "task": "a", "weight": 0.5, "gradient_norm": 2.0},
        {"epoch": 1, "task": "b", "weight": 0.5, "gradient_norm": np.nan},
        {
            "epoch": 2,
            "task": "b",
            "weight": 0.6,
            "gradient_norm": 7.0,
            "cosine(a)": -0.2,
        },
    ]
    train = pd.DataFrame(rows).assign(side="train")
    return pd.concat(
        [train, train[["epoch", "task", "weight"]].assign(side="validation")],
        ignore_index=True,
    )


def test_what_happened_between_the_tasks_is_drawn_once_a_task_or_pair(
    epochs: pd.DataFrame,
) -> None:
    expected = {
        plot.weights: {"a": [0.5, 0.4], "b": [0.5, 0.6]},
        plot.gradient_norms: {"a": [2, 3], "b": [np.nan, 7]},
        plot.cosines: {"a, b": [np.nan, -0.2]},
    }
    for draw, lines in expected.items():
        ax = Figure().subplots()
        assert draw(epochs, ax) is ax
        drawn = {
            str(line.get_label()): line
            for line in ax.get_lines()
            if not str(line.get_label()).startswith("_")
        }
        assert list(drawn) == list(lines)
        for name, values in lines.items():
            np.testing.assert_array_equal(drawn[name].get_xdata(), [1, 2])
            np.testing.assert_array_equal(drawn[name].get_ydata(), values)


@pytest.mark.parametrize("name", ["$x$", "_x"])
def test_names_are_written_as_they_are(
    epochs: pd.DataFrame, name: str, ax: Axes
) -> None:
    plot.weights(epochs.replace({"task": {"a": name}}), ax)
    ax.figure.draw_without_rendering()
    text = ax.get_legend().get_texts()[0]
    assert text.get_text().strip("\N{ZERO WIDTH SPACE}").replace("\\$", "$") == name
    assert not cbook.is_math_text(text.get_text())
