"""The confusion matrix, as a table and as a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multitide import plot
from multitide.plot._confusion import confusion_table


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def test_confusion_is_counted_as_a_table_and_rare_classes_are_put_together() -> None:
    table = confusion_table(pd.Series([1.0, 2.0, None, 2.0]), pd.Series([1, 1, 1, 2]))
    assert table.classes == ["1", "2"]
    np.testing.assert_array_equal(table.counts, [[1, 0], [1, 1]])
    np.testing.assert_allclose(table.shares, [[1, 0], [0.5, 0.5]])
    many = pd.Series([f"c{number}" for number in range(50)])
    table = confusion_table(many, many)
    assert len(table.classes) == 20
    assert table.classes[-1] == "(others)"
    assert table.counts.sum() == 50


def test_confusion_counts_as_a_table_does(ax: Axes) -> None:
    measured = pd.Series(["low", "high", None, "low", "mid"], name="state")
    predicted = pd.Series(["low", "low", "high", "high", "mid"])
    plot.confusion(measured, predicted, ax)
    classes = [label.get_text() for label in ax.get_xticklabels()]
    assert (
        classes
        == ["high", "low", "mid"]
        == [label.get_text() for label in ax.get_yticklabels()]
    )
    counts = np.zeros((3, 3), dtype=int)
    for text in ax.texts:
        column, row = text.get_position()
        counts[int(row), int(column)] = int(text.get_text())
    np.testing.assert_array_equal(counts, [[0, 1, 0], [1, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(
        ax.images[0].get_array(), [[0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]]
    )


def test_confusion_orders_numbers_as_numbers_before_text(ax: Axes) -> None:
    plot.confusion(
        pd.Series([10, 2, 3, "x"], name="grade"), pd.Series([10, 2, 2, 3]), ax
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "3", "10", "x"]


def test_many_classes_are_shaded_but_not_written(ax: Axes) -> None:
    classes = pd.Series(np.arange(40), name="many")
    plot.confusion(classes, classes, ax)
    assert not ax.texts
    np.testing.assert_array_equal(ax.images[0].get_array(), np.eye(20))
    assert [label.get_text() for label in ax.get_xticklabels()][-1] == "(others)"


def test_whole_numbers_with_gaps_are_named_as_written(ax: Axes) -> None:
    plot.confusion(pd.Series([1.0, None, 2.0], name="n"), pd.Series([1, 1, 2]), ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2"]
