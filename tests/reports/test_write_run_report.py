"""The report of a run has the question, the protocol and the results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from makers import make_samples, small
from multitide.config._config import Config
from multitide.config._data_section import DataSection
from multitide.config._prepare import Prepared
from multitide.data._how_split import how_split
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.data._splitter import Splitter
from multitide.reports._pages import markdown_table, significant
from multitide.reports._write_run_report import RunReport, write_run_report
from multitide.training._settings import Training


@pytest.fixture
def samples() -> Samples:
    return make_samples()


def written(samples: Samples, folder: Path, **params: Any) -> tuple[str, pd.DataFrame]:
    config = Config([DataSection({"path": "x.csv"}, split={"by": "random"})])
    data = SplitData("", samples, config.splitter(samples).split(samples))
    estimator = small(**params).fit(data.training_set, validation=data.validation_set)
    metrics = estimator.evaluate(data.test_set)
    report = RunReport(
        "run",
        "multitide fit x.toml",
        Prepared(config, estimator.tasks_, [data]),
        estimator,
        metrics,
        {"": estimator.predict(data.test_set)},
    )
    folder.mkdir()
    path = write_run_report(report, folder)
    return path.read_text(encoding="utf-8"), metrics


def test_a_report_holds_every_figure_and_the_command(
    samples: Samples, tmp_path: Path
) -> None:
    text, metrics = written(samples, tmp_path / "run")
    rows = [
        line.split(" | ")
        for line in text.splitlines()
        if line.startswith(("| state |", "| load |"))
    ]
    for task, metric, value in metrics[["task", "metric", "value"]].itertuples(
        index=False
    ):
        assert [f"| {task}", metric, significant(value)] in [row[:3] for row in rows]
    assert "multitide fit x.toml" in text
    assert "multitide fit config.toml --output ANOTHER_FOLDER` repeats the run" in text
    assert re.search(r"trained for \d+ epochs in \d+ s", text)
    assert not re.search(r"\bTrue\b|\bFalse\b|1 is no better", text)
    assert '"mape" is the mean of |error| / |label|, as a fraction' in text
    assert "split at random (0.2 for the test set)" in text


def test_the_figures_of_a_report_are_there(samples: Samples, tmp_path: Path) -> None:
    y = samples.y.rename(columns={"state": "상태 / state", "load": "load"})
    text, _ = written(samples.replace(y=y), tmp_path / "run")
    linked = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(linked) == 3
    for name in linked:
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_a_refit_and_its_own_epochs_are_described(
    samples: Samples, tmp_path: Path
) -> None:
    text, _ = written(
        samples, tmp_path / "run", training=Training(refit=True), keep="per_task"
    )
    assert "trained again, on training and validation set" in text
    assert 'keep = "per_task"' in text


@pytest.mark.parametrize(
    ("splitter", "words"),
    [
        (Splitter(by="random"), "at random"),
        (Splitter(by="time"), "by time"),
        (Splitter(by="group", column="machine"), "by group 'machine'"),
    ],
)
def test_a_split_is_described_in_words(splitter: Splitter, words: str) -> None:
    assert how_split(splitter) == words


def test_a_table_in_markdown_keeps_its_columns() -> None:
    frame = pd.DataFrame({"a|b": [1.23456, None], "c": ["x|y", "z"], "n": [1, 2]})
    assert markdown_table(frame) == (
        "| a\\|b | c | n |\n| --- | --- | --- |\n| 1.23 | x\\|y | 1 |\n| - | z | 2 |"
    )


@pytest.mark.slow
def test_weights_and_gradients_are_drawn_where_there_are_some(
    samples: Samples, tmp_path: Path
) -> None:
    history = ["history"]
    for name, params, expected in (
        ("plain", {}, history),
        ("weighted", {"weighting": "dwa", "max_epochs": 4}, [*history, "weights"]),
        (
            "recorded",
            {"training": Training(record_gradients=2)},
            [*history, "gradient_norms", "cosines"],
        ),
        (
            "apart",
            {"training": Training(record_gradients=2), "sharing": "none"},
            history,
        ),
    ):
        text, _ = written(samples, tmp_path / name, **params)
        figures = [
            figure
            for figure in re.findall(r"!\[(.*?)\]", text)
            if not figure.startswith("test_")
        ]
        assert figures == expected, name


def test_the_page_of_a_run_holds_the_metrics_and_its_pictures(
    samples: Samples, tmp_path: Path
) -> None:
    _, metrics = written(samples, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    row = metrics.iloc[0]
    assert (
        f"{row['task']}: accuracy {significant(row['value'])} on the test set" in page
    )
    pictures = list((tmp_path / "run" / "figures").glob("*.png"))
    assert page.count('src="data:image/png;base64,') == len(pictures) > 0
    assert "multitide fit x.toml" in page
    assert "<script" not in page
