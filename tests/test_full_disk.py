"""A full disk at every write of every command: one message, nothing cut, earlier results intact."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
from matplotlib.figure import Figure
from typer.testing import CliRunner, Result

from full_disk import FullDisk
from makers import write_runs
from malformed import TOML, good_table
from multitide.cli import app
from processes import exit_code, start
from test_kills import CONFIG

pytestmark = pytest.mark.usefixtures("blank_figures")

FULL = "No space left on device"
HERE = "HERE"  # stands for the folder on the full disk
SLOW = pytest.mark.slow
# Each command with the name in its message.
COMMANDS = {
    "init": ["init", "good.csv", "--output", f"{HERE}/x.toml"],
    "predict": ["predict", "run", "good.csv", "--output", f"{HERE}/x.csv"],
    "predict parquet": ["predict", "run", "good.csv", "--output", f"{HERE}/x.parquet"],
    "evaluate": ["evaluate", "run", "good.csv", "--output", f"{HERE}/x.csv"],
    "compare-runs": [
        *("compare-runs", "run", "run", "more.csv", "--output", f"{HERE}/x.csv"),
    ],
    "represent": [
        *("represent", "long.toml", "--representation", "minirocket"),
        *("--output", f"{HERE}/x.csv"),
    ],
    "fit": ["fit", "good.toml", "--output", f"{HERE}/x", "--quiet"],
    "compare": [
        *("compare", "good.toml", "--seeds", "1", "--jobs", "1", "--quiet"),
        *("--output", f"{HERE}/x"),
    ],
    "tune": [
        *("tune", "fc.toml", "--trials", "2", "--jobs", "1", "--quiet"),
        *("--output", f"{HERE}/x"),
    ],
}
LONG = ("fit", "compare", "tune")
# What a file of each kind must be to be whole.
WHOLE: dict[str, Callable[[bytes], object]] = {
    ".csv": lambda content: content.endswith(b"\n") or 1 / 0,
    ".html": lambda content: content.rstrip().endswith(b"</html>") or 1 / 0,
    ".json": json.loads,
    ".jsonl": lambda content: [json.loads(line) for line in content.splitlines()],
    ".md": lambda content: content.endswith(b"\n") or 1 / 0,
    ".parquet": lambda content: pd.read_parquet(BytesIO(content)),
    ".png": lambda content: content.endswith((b"drawn", b"IEND\xaeB`\x82")) or 1 / 0,
    ".safetensors": safetensors.torch.load,
    ".toml": lambda content: tomllib.loads(content.decode()),
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables, configurations and a run."""
    folder = tmp_path_factory.mktemp("base")
    table = good_table()
    table.to_csv(folder / "good.csv", index=False)
    more = table.assign(x=np.arange(60) * 0.7)
    more.to_csv(folder / "more.csv", index=False)
    (folder / "good.toml").write_text(TOML)
    (folder / "long.toml").write_text(TOML.replace("window = 6", "window = 12"))
    (folder / "fc.toml").write_text(TOML.replace('"linear"', '"fc"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = run("fit", "good.toml", "--output", "run", "--quiet")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def disk(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder whose disk is full; figures are drawn at once."""

    def savefig(self: Figure, stream: BytesIO, **_: object) -> None:
        stream.write(b"drawn")

    monkeypatch.setattr(Figure, "savefig", savefig)
    monkeypatch.chdir(base)
    return tmp_path


def cut_files(folder: Path) -> list[str]:
    """Return the files that are not whole, except those that are known to be drafts."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "/." in str(path):
            continue
        try:
            WHOLE[path.suffix](path.read_bytes())
        except Exception as error:
            found.append(f"{path.relative_to(folder)}: {error}")
    return found


@pytest.mark.parametrize(
    "command",
    [pytest.param(name, marks=SLOW if name in LONG else ()) for name in COMMANDS],
)
def test_a_full_disk_at_every_write(
    disk: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    n_whole = 0
    while True:
        folder = disk / str(n_whole)
        folder.mkdir()
        (folder / "mine.csv").write_text("a,b\n")
        arguments = [word.replace(HERE, str(folder)) for word in COMMANDS[command]]
        full = FullDisk(folder, n_whole)
        with monkeypatch.context() as patch:
            full.install(patch)
            result = run(*arguments)
        if full.n_files <= n_whole:
            break
        said = " ".join(result.stderr.split())
        assert result.exit_code == 2, (n_whole, said, result.exception)
        assert FULL in said, (n_whole, said)
        assert str(folder / "x") in said, (n_whole, said)
        assert said.count("Error:") == 1, (n_whole, said)
        assert cut_files(folder) == []
        assert not list(folder.rglob(".draft-*"))
        assert (folder / "mine.csv").read_text() == "a,b\n"
        if command == "fit":
            assert not (folder / "x").exists()
        n_whole += 1
    assert result.exit_code == 0, result.output
    assert n_whole


@SLOW
@pytest.mark.parametrize("command", ["compare", "tune"])
def test_the_rest_is_made_once_there_is_room(
    disk: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    arguments = [word.replace(HERE, str(disk)) for word in COMMANDS[command]]
    n_whole = 0
    while True:
        full = FullDisk(disk, n_whole)
        with monkeypatch.context() as patch:
            full.install(patch)
            result = run(*arguments)
        if result.exit_code == 0:
            break
        assert result.exit_code == 2, result.output
        n_whole += 1
        assert n_whole < 100
    assert cut_files(disk) == []


@SLOW
@pytest.mark.parametrize("size", [3000, 9000])
@pytest.mark.parametrize(
    "command", [["compare", "--seeds", "2"], ["tune", "--trials", "4"]]
)
def test_the_processes_of_a_command_meet_a_full_disk(
    tmp_path: Path, command: list[str], size: int
) -> None:
    """What has room is kept, one message says what has not, and a second try completes it."""
    write_runs(tmp_path, 60)
    (tmp_path / "c.toml").write_text(CONFIG.format(max_epochs=2))
    name, *options = command
    arguments = [name, "c.toml", *options, "--jobs", "2", "--quiet", "--output", "x"]
    assert exit_code(start(tmp_path, *arguments, file_size=size)) == 2
    said = (tmp_path / "out.txt").read_text()
    assert said.count("Error:") == 1, said
    assert "File too large" in said
    assert "Traceback" not in said
    assert cut_files(tmp_path / "x") == []
    assert exit_code(start(tmp_path, *arguments)) == 0
    assert cut_files(tmp_path / "x") == []
    assert (tmp_path / "x" / "report.html").exists()
