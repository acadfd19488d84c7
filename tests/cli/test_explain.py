"""``multitide explain``: the page, the table in the terminal, and wrong input."""

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
    """A folder with a table and a model fitted on it."""
    folder = tmp_path_factory.mktemp("explain")
    write_runs(folder, 40)
    samples = read_table(folder / "data.csv", tasks=["load", "state"], series="run")
    small(max_epochs=1).fit(samples).save(folder / "model")
    table = pd.read_csv(folder / "data.csv")
    table.drop(columns=["load", "state"]).to_csv(folder / "bare.csv", index=False)
    return folder


def call(place: Path, data: str, output: Path, *options: str) -> Result:
    words = ["explain", str(place / "model"), str(place / data)]
    words += ["--output", str(output), "--repeats", "2", "--segments", "2", *options]
    return CliRunner().invoke(app, words)


def test_it_writes_a_page_and_shows_the_inputs(place: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = call(place, "data.csv", page, "--row", "3", "--max-samples", "30")
    assert done.exit_code == 0, done.output
    assert "permuted on 30 samples" in done.output
    assert "Sample 3" in page.read_text()
    again = call(place, "data.csv", page)
    assert again.exit_code == 2
    assert "`output` must not exist yet" in again.output


def test_data_without_labels_need_a_row(place: Path, tmp_path: Path) -> None:
    done = call(place, "bare.csv", tmp_path / "page.html")
    assert done.exit_code == 2
    assert "must have labels" in done.output
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group", "a,b"], "got 'b'"),
        (["--row", "99"], "`row` must be the number of a sample, from 0 to 39"),
        (["--segments", "0"], "`n_segments` must be a positive int"),
    ],
)
def test_wrong_options_end_with_one_message(
    place: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    done = call(place, "data.csv", tmp_path / "page.html", *options)
    assert done.exit_code == 2
    assert message in done.output
