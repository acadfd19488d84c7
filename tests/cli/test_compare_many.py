"""``multitide compare A.toml B.toml``: one overview over several data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from makers import make_arrays
from multitide.cli import app
from multitide.cli._compare import names_of

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIG = """
max_epochs = 1
batch_size = 32
random_state = 0
device = "cpu"

[data]
path = "{name}.csv"
series = "run"

[split]
by = "random"

[backbone]
name = "fcn"
filters = [4, 4, 4]
kernel_sizes = [3, 3, 3]

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[compare]
n_seeds = 1
n_jobs = 1
arms = ["hard"]
"""


def call(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output + str(result.exception)
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed, name in enumerate(("one", "two")):
        X, y = make_arrays(40, n_timepoints=8, missing=0.1, seed=seed)
        rows = pd.DataFrame(X.transpose(0, 2, 1).reshape(-1, 3), columns=list("abc"))
        labels = y.loc[y.index.repeat(8)].reset_index(drop=True)
        rows.insert(0, "run", [run for run in range(40) for _ in range(8)])
        pd.concat([rows, labels], axis=1).to_csv(tmp_path / f"{name}.csv", index=False)
        (tmp_path / f"{name}.toml").write_text(CONFIG.format(name=name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_several_configurations_make_one_overview(folder: Path) -> None:
    shown = call(
        "compare", "one.toml", "two.toml", "--output", "both", "--quiet"
    ).stdout
    assert "A test needs at least 5 data sets and has 2" in " ".join(shown.split())
    for name in (
        "report.html",
        "report.md",
        "results.parquet",
        "one/report.html",
        "two/report.html",
        "two/study.json",
    ):
        assert (folder / "both" / name).is_file()
    assert set(pd.read_parquet("both/results.parquet")["data"]) == {"one", "two"}


def test_what_does_not_match_is_said_first(folder: Path) -> None:
    (folder / "two.toml").write_text(
        CONFIG.format(name="two").replace('["hard"]', '["soft"]')
    )
    result = call("compare", "one.toml", "two.toml", "--output", "both", code=2)
    assert "same arms everywhere" in result.stderr
    assert (
        "must have different names"
        in call("compare", "one.toml", "one.toml", "--output", "both", code=2).stderr
    )
    assert not (folder / "both").exists()


def test_data_sets_are_named_after_files_or_folders() -> None:
    assert names_of([Path("a/one.toml"), Path("a/two.toml")]) == ["one", "two"]
    assert names_of([Path("a/multitide.toml"), Path("b/multitide.toml")]) == ["a", "b"]
