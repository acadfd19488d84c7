"""`check` accepts every configuration that `init` writes, whatever the length of the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from multitide.cli import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("n_series", "options"),
    [
        (1, ["--window", "12"]),
        (1, ["--window", "1"]),
        (1, ["--window", "40"]),
        (1, []),
        (60, ["--series", "run"]),
        (60, ["--series", "run", "--window", "4"]),
        (200, ["--series", "run"]),
    ],
)
def test_check_accepts_what_init_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    n_series: int,
    options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.arange(600)
    run_of_row = rows * n_series // 600
    table = pd.DataFrame({"x": np.sin(rows / 7), "lab": run_of_row % 2})
    if n_series == 1:
        table["lab"] = rows // 60 % 2
    else:
        table.insert(0, "run", run_of_row)
    table.to_csv("data.csv", index=False)
    made = run("init", "data.csv", "--label", "lab", "--output", "c.toml", *options)
    assert made.exit_code == 0, made.output
    checked = run("check", "c.toml")
    assert checked.exit_code == 0, checked.output


def test_text_is_proposed_as_categories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    n = 200
    table = pd.DataFrame({"x": np.arange(n) % 7.5, "load": np.arange(n) % 5.5})
    table["day"] = [("Mon", "Tue", "Wed")[i % 3] for i in range(n)]
    table.to_csv("data.csv", index=False)
    assert run("init", "data.csv", "--label", "load").exit_code == 0
    text = Path("multitide.toml").read_text()
    assert '# category = [\n#     "day",\n# ]' in text
    assert "ignore" not in text
    chosen = text.replace('# category = [\n#     "day",\n# ]', 'category = ["day"]')
    Path("multitide.toml").write_text(chosen)
    checked = run("check", "multitide.toml")
    assert checked.exit_code == 0, checked.output
    assert "`day` is text: read as 3 categories" in checked.output


@pytest.mark.parametrize("times", ["numbers", "dates"])
def test_a_calendar_is_proposed_for_dates_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: str
) -> None:
    monkeypatch.chdir(tmp_path)
    n = 200
    table = pd.DataFrame({"time": np.arange(n), "x": np.arange(n) % 7.5})
    if times == "dates":
        table["time"] = pd.date_range("2024", periods=n, freq="h")
    table["load"] = np.arange(n) % 5.5
    table.to_csv("data.csv", index=False)
    assert run("init", "data.csv", "--label", "load").exit_code == 0
    written = Path("multitide.toml").read_text()
    assert ("calendar" in written) == (times == "dates")
    Path("multitide.toml").write_text(written.replace("# calendar", "calendar"))
    checked = run("check", "multitide.toml")
    assert checked.exit_code == 0, checked.output


def test_a_configuration_without_labels_says_how_to_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"x": np.arange(99) % 7.5}).to_csv("data.csv", index=False)
    assert run("init", "data.csv").exit_code == 0
    checked = run("check", "multitide.toml")
    assert checked.exit_code == 2
    assert "[[tasks]]" in checked.output


@pytest.mark.parametrize("options", [[], ["--window", "30"]])
def test_rows_at_irregular_times_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    n = 400
    jitter = pd.to_timedelta(np.random.default_rng(0).integers(0, 50, n), unit="min")
    table = pd.DataFrame({"x": np.arange(n) % 7.5, "load": np.arange(n) % 5.5})
    table["date"] = pd.date_range("2024", periods=n, freq="h") + jitter
    table.to_csv("data.csv", index=False)
    made = run("init", "data.csv", "--label", "load", *options)
    assert made.exit_code == 0 and "--every" in made.output
    assert 'on_gap = "ignore"' in Path("multitide.toml").read_text()
    checked = run("check", "multitide.toml")
    assert checked.exit_code == 0, checked.output
