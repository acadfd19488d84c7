"""`check` accepts every configuration that `init` writes, whatever the length of the samples."""

from __future__ import annotations

import tomllib
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
    assert tomllib.loads(Path("c.toml").read_text())["schema_version"] == 1
    checked = run("check", "c.toml")
    assert checked.exit_code == 0, checked.output


def init(table: pd.DataFrame, *options: str) -> str:
    """Write the table and a configuration in the working folder, and return its text.

    What `init` has printed is in `init.txt`.
    """
    table.to_csv("data.csv", index=False)
    made = run("init", "data.csv", "--output", "c.toml", *options)
    assert made.exit_code == 0, made.output
    Path("init.txt").write_text(" ".join(made.output.split()))
    return Path("c.toml").read_text()


def check() -> str:
    checked = run("check", "c.toml")
    assert checked.exit_code == 0, checked.output
    return checked.output


def meter(n_days: int) -> pd.DataFrame:
    """A load every hour, with its weekday as text."""
    time = pd.date_range("2024-01-01", periods=24 * n_days, freq="h")
    table = pd.DataFrame({"time": time, "x": np.arange(len(time)) % 7.5})
    table["load"] = np.arange(len(time)) % 5.5
    table["Day_of_week"] = time.day_name()
    table["WeekStatus"] = np.where(time.dayofweek < 5, "Weekday", "Weekend")
    return table


def test_text_with_few_values_is_read_as_categories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = meter(30)
    table["note"] = [f"note {i}" for i in range(len(table))]
    text = init(table, "--label", "load")
    assert 'category = [\n    "Day_of_week",\n    "WeekStatus",\n]' in text
    assert '#     "note"' in text and "ignore" not in text
    assert "`WeekStatus`: text, proposed as categories" in Path("init.txt").read_text()
    output = check()
    assert "`Day_of_week` is text: read as 7 categories" in output
    assert "`WeekStatus` is text: read as 2 categories" in output


def test_text_is_no_proposed_input_where_it_may_be_a_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = meter(30)
    text = init(table)
    assert '# category = [\n#     "Day_of_week",\n#     "WeekStatus",\n# ]' in text

    Path("c.toml").unlink()
    table["weekend"] = (table["WeekStatus"] == "Weekend").astype(int)
    text = init(table, "--label", "weekend")
    assert '\ncategory = [\n    "Day_of_week",\n]' in text
    check()


@pytest.mark.parametrize(
    ("n_days", "cycles"),
    [
        (2, None),
        (4, '["hour"]'),
        (40, '["hour", "weekday"]'),
        (3 * 366, '["hour", "weekday", "day_of_year"]'),
    ],
)
def test_cycles_that_the_times_show_are_proposed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    n_days: int,
    cycles: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = init(meter(n_days)[["time", "x", "load"]], "--label", "load")
    if cycles is None:
        assert "calendar" not in text
        return
    assert f"\ncalendar = {cycles}  # proposed" in text
    assert "Change `calendar` in the file" in Path("init.txt").read_text()
    assert "`calendar`: `hour`" in check()


def test_the_check_names_the_cycles_of_whole_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    init(meter(40), "--label", "load", "--window", "24", "--stride", "24")
    output = " ".join(check().split())
    assert (
        "`hour` as channels; `weekday` as static inputs, constant within each sample"
    ) in output


@pytest.mark.parametrize("time", ["numbers", "taken"])
def test_no_calendar_is_proposed_without_dates_or_free_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time: str
) -> None:
    monkeypatch.chdir(tmp_path)
    table = meter(5)[["time", "x", "load"]]
    if time == "numbers":
        table["time"] = np.arange(len(table))
    else:
        table = table.rename(columns={"x": "hour_cos"})
    assert "calendar" not in init(table, "--label", "load")
    check()


def test_labels_of_whole_series_have_the_calendar_as_a_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = meter(40)[["time", "x"]]
    table["run"] = np.arange(len(table)) // 24
    table["good"] = table["run"] % 2
    text = init(table, "--label", "good", "--series", "run")
    assert '\n# calendar = ["hour", "weekday"]  # proposed' in text
    check()


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
