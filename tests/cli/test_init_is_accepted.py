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
