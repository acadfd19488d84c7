"""Figures of a study show the numbers that they are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from multitide import plot
from multitide.data._samples import Samples
from multitide.errors import DataError
from multitide.plot._style import MAX_POINTS, QUIET, VERDICT_COLORS, thinned
from refusals import refused


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def test_gains_have_the_color_of_their_verdict(ax: Axes) -> None:
    table = pd.DataFrame(
        {"task": ["a", "b"], "arm": "hard", "gain": [0.1, -0.2], "low": [0.05, -0.3]}
    )
    table = table.assign(high=[0.2, -0.1], verdict=["helps", "hurts"])
    plot.verdict_gains(table, ax, margin=0.01)
    lines = ax.get_lines()
    np.testing.assert_allclose(lines[0].get_xydata(), [[0.05, 1], [0.2, 1]])
    np.testing.assert_allclose(lines[3].get_xydata(), [[-0.2, 0]])
    assert same_color(lines[0].get_color(), VERDICT_COLORS["helps"])
    assert same_color(lines[2].get_color(), VERDICT_COLORS["hurts"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"][::-1]


def test_learning_curves_have_two_lines_a_run_and_a_dot(ax: Axes) -> None:
    rows = pd.DataFrame(
        {
            "epoch": [1, 2, 1, 2],
            "side": ["train"] * 2 + ["validation"] * 2,
            "loss": [1, 0.5, 1, 0.7],
        }
    )
    plot.learning_curves({"run": rows}, ax, kept={"run": 2}, top=1.5)
    train, validation, dot, _ = ax.get_lines()
    np.testing.assert_allclose(train.get_xydata(), [[1, 1], [2, 0.5]])
    np.testing.assert_allclose(validation.get_xydata(), [[1, 1], [2, 0.7]])
    np.testing.assert_allclose(dot.get_xydata(), [[2, 0.7]])
    assert ax.get_ylim() == (0, 1.5)


def test_weights_have_a_line_a_task(ax: Axes) -> None:
    history = pd.DataFrame(
        {"epoch": [1, 1, 2, 2], "task": ["a", "b"] * 2, "weight": [1.0, 2.0, 3.0, 4.0]}
    )
    plot.task_weights(history, ax)
    np.testing.assert_allclose(
        [line.get_ydata() for line in ax.get_lines()], [[1, 3], [2, 4]]
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_true_probabilities_are_reliable(ax: Axes, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    said = rng.dirichlet(np.ones(n_classes), size=20000)
    codes = (rng.random((len(said), 1)) > said.cumsum(axis=1)).sum(axis=1)
    names = np.array(["x", "y", "z"])[:n_classes]
    measured = pd.Series(names[codes]).mask(rng.random(len(said)) < 0.2)
    plot.reliability(measured, pd.DataFrame(said, columns=names), ax)
    points = ax.get_lines()[1].get_xydata()
    assert len(points) == 10
    np.testing.assert_allclose(points[:, 0], points[:, 1], atol=0.05)


def test_residuals_are_answers_minus_labels_in_order(ax: Axes) -> None:
    measured = pd.Series([1.0, np.nan, 3.0], name="load")
    plot.residuals(np.array([5, 6, 7]), measured, pd.Series([1.5, 9.0, 2.0]), ax)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[5, 0.5], [7, -1]])


def test_residuals_over_dates_have_few_ticks(ax: Axes) -> None:
    times = np.datetime64("2024-01-01", "s") + np.arange(400).astype("timedelta64[D]")
    plot.residuals(times, pd.Series(np.zeros(400)), pd.Series(np.ones(400)), ax)
    assert 1 < len(ax.get_xticks()) <= 6


def test_a_series_is_drawn_channel_by_channel_without_padding(ax: Axes) -> None:
    samples = Samples.from_arrays(
        [np.array([[0.0, 1, 2], [5, 5, 5]]), np.zeros((2, 9))], channels=["up", "flat"]
    )
    plot.example_series(samples, 0, ax)
    up, flat = ax.get_lines()
    np.testing.assert_allclose(up.get_xydata(), [[0, 0.6], [1, 1.0], [2, 1.4]])
    np.testing.assert_allclose(flat.get_ydata(), [0, 0, 0])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["up", "flat"]


def test_a_channel_without_values_is_empty(ax: Axes) -> None:
    plot.example_series(Samples.from_arrays(np.full((1, 1, 4), np.nan)), 0, ax)
    assert np.isnan(ax.get_lines()[0].get_ydata()).all()


@pytest.mark.parametrize("n", [1, 600, 601, 10000])
def test_thinned_points_are_spaced_evenly(n: int) -> None:
    few = thinned(n)
    assert len(few) == min(n, MAX_POINTS)
    assert few[0] == 0
    assert few[-1] == n - 1
    assert np.ptp(np.diff(few)) <= 1 if n > 1 else True


@pytest.mark.parametrize("kind", ["reliability", "residuals"])
def test_a_figure_without_labels_is_refused(kind: str, ax: Axes) -> None:
    nothing = pd.Series([None, None], name="load")
    with refused("`measured`", "2 samples of 'load'", error=DataError):
        if kind == "reliability":
            plot.reliability(
                nothing, pd.DataFrame({"a": [0.5, 0.5], "b": [0.5, 0.5]}), ax
            )
        else:
            plot.residuals(np.arange(2), nothing, pd.Series([1.0, 2.0]), ax)


def test_a_matrix_is_colored_by_sign_and_written_in_one_unit(ax: Axes) -> None:
    values = [[9.0, 2e-4, np.nan], [-1e-4, 9.0, 0.0], [0.0, 0.0, 9.0]]
    table = pd.DataFrame(values, index=list("abc"), columns=list("abc"))
    plot.task_matrix(table, ax)
    cells = {(round(p.get_x() + 0.47), round(p.get_y() + 0.47)): p for p in ax.patches}
    assert (2, 0) not in cells
    assert same_color(cells[1, 0].get_facecolor()[:3], VERDICT_COLORS["helps"])
    assert same_color(cells[0, 1].get_facecolor()[:3], VERDICT_COLORS["hurts"])
    assert cells[1, 0].get_alpha() == pytest.approx(2 * cells[0, 1].get_alpha())
    assert same_color(cells[0, 0].get_facecolor()[:3], QUIET)
    texts = {t.get_position(): t.get_text() for t in ax.texts}
    assert (texts[1, 0], texts[0, 1]) == ("+200.00", "-100.00")
    assert ax.get_xlabel() == "in units of 1e-6"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]


def test_in_a_matrix_what_does_not_matter_stays_pale(ax: Axes) -> None:
    plot.task_matrix(pd.DataFrame([[0.0, 0.01], [0.0, 0.0]]), ax, full=0.1)
    assert (
        max(
            patch.get_alpha() or 0
            for patch in ax.patches
            if patch.get_x() > 0 and patch.get_y() < 0
        )
        < 0.1
    )


@pytest.mark.parametrize(
    "values", [np.full((2, 2), np.nan), np.zeros((2, 2)), np.full((12, 12), 0.5)]
)
def test_a_matrix_of_nothing_or_of_many_is_drawn(values: np.ndarray, ax: Axes) -> None:
    plot.task_matrix(pd.DataFrame(values), ax)
    assert len(ax.texts) == (
        4 if values.shape == (2, 2) and not np.isnan(values).any() else 0
    )
