"""``multitide check-data``: the table, the exit code, and wrong input."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from makers import small, write_runs
from multitide.cli import app
from multitide.data.tables._read_table import read_table


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, one that has drifted, and a model fitted on the first."""
    folder = tmp_path_factory.mktemp("drift")
    write_runs(folder, 60)
    samples = read_table(folder / "data.csv", tasks=["load", "state"], series="run")
    small(max_epochs=1).fit(samples).save(folder / "model")
    table = pd.read_csv(folder / "data.csv").drop(columns=["load", "state"])
    table.assign(a=table["a"] + 9).to_csv(folder / "later.csv", index=False)
    return folder


def call(place: Path, data: str, *options: str) -> Result:
    words = ["check-data", str(place / "model"), str(place / data), *options]
    return CliRunner().invoke(app, words)


def test_the_same_data_have_no_drift(place: Path) -> None:
    done = call(place, "data.csv")
    assert done.exit_code == 0, done.output
    assert "No drift" in done.output


def test_drift_ends_with_exit_code_1(place: Path, tmp_path: Path) -> None:
    done = call(place, "later.csv", "--output", str(tmp_path / "drift.csv"))
    assert done.exit_code == 1, done.output
    assert "Drift: " in done.output
    table = pd.read_csv(tmp_path / "drift.csv")
    row = table[table["source"] == "channel"].iloc[0]
    assert row["name"] == "a"
    assert row["drifted"]
    assert row["outside"] == pytest.approx(1, abs=0.05)
    assert call(place, "later.csv", "--threshold", "50").exit_code == 0


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("data.csv", ["--threshold", "0"], "`threshold` must be a finite number"),
        ("nothing.csv", [], "nothing.csv"),
        ("data.csv", ["--output", "drift.txt"], "`output` must be"),
    ],
)
def test_wrong_input_ends_with_exit_code_2(
    place: Path, data: str, options: list[str], message: str
) -> None:
    done = call(place, data, *options)
    assert done.exit_code == 2
    assert message in done.output
