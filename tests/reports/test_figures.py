"""Figures are written with any names, each into its own file, and cost no result."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.axes import Axes

from makers import a_third_now
from multitide import plot
from multitide.reports._figures import file_names, save_figure
from multitide.reports._svg import svg


def test_every_name_gets_a_file_of_its_own() -> None:
    names = ["a b", "a_b", "A B", "Load", "load", "a_b-2", "../x", "한국어"]
    found = file_names(names)
    assert found[:2] == ["a_b", "a_b-2"]
    assert found[-1] == "한국어"
    assert len({name.casefold() for name in found}) == len(names)
    assert not any("/" in name for name in found)


def test_long_names_fit_a_file_system() -> None:
    first, second = file_names(["ü" * 300, "ü" * 301])
    assert first != second
    assert all(len(f"{name}.png".encode()) < 255 for name in (first, second))


def broken(ax: Axes) -> None:
    raise RuntimeError("no ink")


def test_a_figure_that_cannot_be_drawn_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "multitide"):
        assert save_figure(broken, tmp_path / "figure.png") is None
        page = svg(broken, label="<Loss>")
    assert not list(tmp_path.iterdir())
    assert page == '<p class="note">&lt;Loss&gt; could not be drawn (no ink).</p>'
    assert len(caplog.records) == 2
    assert "no ink" in caplog.text


@pytest.mark.parametrize("place", ["file/figure.png", "folder", "n" * 300 + ".png"])
def test_a_figure_that_cannot_be_written_is_left_out(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "mine").mkdir(parents=True)
    with caplog.at_level(logging.WARNING, "multitide"):
        assert save_figure(lambda ax: ax.plot([1, 2]), tmp_path / place) is None
    (record,) = caplog.records
    assert Path(place).name in record.getMessage()
    assert "could not be written" in record.getMessage()
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


@pytest.mark.parametrize(
    "name",
    a_third_now(
        [
            "$x^",
            "$a$ and $b$",
            "_hidden",
            "two\nlines",
            "<b>&",
            "\x00\x1b[0m",
            "n" * 300,
            "\\$",
        ],
    ),
)
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    epochs = pd.DataFrame(
        {"epoch": [1, 2], "task": name, "side": "train", "gradient_norm": [1, 9]}
    )
    path = save_figure(
        lambda ax: plot.gradient_norms(epochs, ax), tmp_path / "figure.png"
    )
    assert path is not None
    page = svg(lambda ax: plot.gradient_norms(epochs, ax), label=name)
    assert page.startswith("<svg")
    assert "mathdefault" not in page
