"""Figures that cannot be drawn or written cost a warning each, and no result."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import multitide as mt
from fakes import RANDOM, Quick, make_study_samples
from multitide import reports
from multitide.reports import _figures as figures

# Names of tasks that are paths, devices, too long, or no text of a terminal.
NAMES = [
    "../x",
    "a/b",
    "con",
    ".",
    "n" * 300,
    "한국어",
    "🌊",
    "a\nb",
    "a b",
    "$x^",
    "</b>",
]
CONFIG = """
max_epochs = 1
random_state = 0

[data]
path = "data.csv"
channels = ["x"]
window = 6
stride = 6

[backbone]
name = "linear"
"""


def draw_at_once(self: Figure, stream: BytesIO, **_: object) -> None:
    stream.write(b"drawn")


def fail_to_draw(self: Figure, *_: object, **__: object) -> None:
    raise RuntimeError("no ink")


def fail_to_write(path: Path, content: bytes) -> None:
    raise PermissionError(13, "Permission denied")


def no_ink(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Figure, "savefig", fail_to_draw)


def no_permission(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Figure, "savefig", draw_at_once)
    patch.setattr(figures, "write_file", fail_to_write)


# One per task, and two curves per task with two classes; linear heads have no epochs to draw.
N_FIGURES = len(NAMES) + 2 * (len(NAMES) // 2)
FAULTS = {"no ink": no_ink, "Permission denied": no_permission}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose tasks have the names."""
    monkeypatch.chdir(tmp_path)
    x = np.sin(np.arange(480) / 5) + np.random.default_rng(0).normal(size=480)
    table = pd.DataFrame({"x": x})
    text = CONFIG
    for number, name in enumerate(NAMES):
        if number % 2:
            table[name] = np.arange(480) // 6 % 2
        else:
            table[name] = x.round(3) + number
    text += "\n".join(f"[[tasks]]\nname = {toml(name)}" for name in NAMES)
    table.to_csv("data.csv", index=False)
    (tmp_path / "c.toml").write_text(text, "utf-8")
    return tmp_path / "c.toml"


def toml(name: str) -> str:
    return '"' + name.replace("\n", "\\n") + '"'


def links(page: Path) -> list[str]:
    return re.findall(r"!\[[^\]]*\]\(([^)]*)\)", page.read_text("utf-8"))


def test_every_name_of_a_task_has_its_figure(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figure, "savefig", draw_at_once)
    run = mt.run_fit(config, config.parent / "run", verbose=0)
    drawn = {path.name for path in (run.folder / "figures").iterdir()}
    assert len(drawn) == N_FIGURES
    assert {Path(link).name for link in links(run.folder / "report.md")} == drawn
    assert {path.name for path in config.parent.iterdir()} == {
        *("data.csv", "c.toml", "run"),
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_is_complete_without_figures(
    config: Path,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    FAULTS[fault](monkeypatch)
    with caplog.at_level(logging.WARNING, "multitide"):
        run = mt.run_fit(config, config.parent / "run", verbose=1)
    said = [text for text in caplog.messages if fault in text]
    assert len(said) == N_FIGURES
    assert all(".png could not be" in text for text in said)
    assert len(set(said)) == len(said)
    assert not list(run.folder.rglob("*.png"))
    assert links(run.folder / "report.md") == []
    assert len(mt.load(run.folder).predict(run.data[0].test_set))


def study() -> mt.Comparison:
    return mt.compare(
        *(make_study_samples(60), None),
        estimator=Quick(),
        arms=["hard"],
        split=RANDOM,
        n_seeds=2,
        n_jobs=1,
        verbose=0,
    )


def write_study(folder: Path) -> Path:
    return mt.write_study_report(study(), folder)


def write_overview(folder: Path) -> Path:
    return reports.write_overview(mt.compare_many({"a": study(), "b": study()}), folder)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", [write_study, write_overview])
def test_pages_are_written_without_figures(
    tmp_path: Path,
    write: Callable[[Path], Path],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    FAULTS[fault](monkeypatch)
    with caplog.at_level(logging.WARNING, "multitide"):
        page = write(tmp_path / "study")
    assert any(
        ".png could not be" in text and fault in text for text in caplog.messages
    )
    assert page.read_text("utf-8").rstrip().endswith("</html>")
    for text in (tmp_path / "study").rglob("*.md"):
        assert links(text) == []
