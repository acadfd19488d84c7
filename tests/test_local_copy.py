"""Models and tables behind URLs are those on this machine; what strangers put there is checked."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide as mt
from makers import write_runs
from multitide import _local_copy as local_copy
from multitide._local_copy import is_url, local_folder
from multitide.cli import app
from multitide.config._config_of_run import config_of_run
from multitide.errors import (
    DataError,
    MissingDependencyError,
    ParameterError,
    StoreError,
)
from refusals import refused


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, its data, and a zip of both."""
    folder = tmp_path_factory.mktemp("place")
    write_runs(folder, 40)
    (folder / "config.toml").write_text(
        'backbone = "gru"\nmax_epochs = 1\nrandom_state = 0\n'
        'tasks = ["load", "state"]\n[data]\npath = "data.csv"\nseries = "run"\n'
    )
    mt.run_fit(folder / "config.toml", folder / "run", verbose=0)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.suffix != ".zip":
                archive.write(path, path.relative_to(folder))
    return folder


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture
def urls(place: Path, memory: fsspec.AbstractFileSystem) -> dict[str, str]:
    memory.put(str(place / "run"), "/run", recursive=True)
    memory.put(str(place / "data.csv"), "/data.csv")
    return {
        "memory": "memory://{}",
        "file": f"file://{place}/{{}}",
        "zip": f"zip://{{}}::{place}/all.zip",
        "cache": f"simplecache::zip://{{}}::file://{place}/all.zip",
    }


@pytest.fixture(autouse=True)
def left_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No copy is left, whatever happened."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert not list(folder.glob("multitide-*"))


@pytest.mark.parametrize("kind", ["memory", "file", "zip", "cache"])
def test_models_and_tables_are_those_of_this_machine(
    place: Path, urls: dict[str, str], kind: str
) -> None:
    model = mt.load(urls[kind].format("run"))
    local = mt.load(place / "run")
    reading = local.data_[0].reading
    url = urls[kind].format("data.csv")
    wanted = local.predict(mt.read_like(reading, place / "data.csv"))
    assert model.predict(mt.read_like(reading, url)).equals(wanted)
    parts = [model.predict(part) for part in mt.read_parts(reading, url, n_values=900)]
    assert len(parts) > 1
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), wanted)
    read = mt.read_table(url, tasks=["load"], series="run")
    again = mt.read_table(place / "data.csv", tasks=["load"], series="run")
    np.testing.assert_array_equal(read.gather(slice(None)), again.gather(slice(None)))
    assert read.reading == again.reading


def test_the_table_of_labels_may_lie_elsewhere(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    rows = pd.DataFrame({"run": np.arange(8).repeat(3), "a": np.arange(24.0)})
    labels = pd.DataFrame({"run": range(8), "load": np.arange(8) / 7})
    with memory.open("/labels.csv", "w") as file:
        labels.to_csv(file, index=False)
    read = mt.read_table(rows, labels="memory://labels.csv")
    assert read.y["load"].tolist() == pytest.approx(labels["load"])


def test_a_folder_of_tables_keeps_its_names(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    for day in ("monday", "tuesday"):
        with memory.open(f"/week/{day}.csv", "w") as file:
            table = pd.DataFrame({"a": [3, 1, 2] * 3, "fault": [0, 1, 0] * 3})
            table.to_csv(file, index=False)
    read = mt.read_table("memory://week", tasks=["fault"], window=4)
    assert set(read.series) == {"monday", "tuesday"}


def test_ensembles_are_copied_with_their_members(
    memory: fsspec.AbstractFileSystem,
) -> None:
    folder = Path(__file__).parent / "model/kept/0.1/ensemble"
    memory.put(str(folder), "/mean", recursive=True)
    wanted, copied = mt.load(folder), mt.load("memory://mean")
    assert list(copied.members_) == list(wanted.members_)


def test_commands_take_urls(place: Path, urls: dict[str, str], tmp_path: Path) -> None:
    run, data = (urls["memory"].format(name) for name in ("run", "data.csv"))
    tables = []
    for i, (model, table) in enumerate(
        [(run, data), (str(place / "run"), str(place / "data.csv"))]
    ):
        output = str(tmp_path / f"{i}.csv")
        called = CliRunner().invoke(
            app, ["predict", model, table, "--output", output], catch_exceptions=False
        )
        assert called.exit_code == 0, called.output
        tables.append(pd.read_csv(output))
    assert tables[0].equals(tables[1])
    for command in (["evaluate", run, data], ["info", run]):
        called = CliRunner().invoke(app, command, catch_exceptions=False)
        assert called.exit_code == 0, called.output


def test_evaluate_knows_the_split_of_a_run_behind_a_url(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def spy(run: Path, data_set: str, samples: mt.Samples) -> mt.Samples:
        read.append(config_of_run(run))
        return samples

    monkeypatch.setattr("multitide.cli._evaluate.grouped_as_split", spy)
    run, data = (urls["memory"].format(name) for name in ("run", "data.csv"))
    called = CliRunner().invoke(app, ["evaluate", run, data], catch_exceptions=False)
    assert called.exit_code == 0, called.output
    assert read[0] is not None
    assert len(read[0].data) == 1


def test_info_shows_no_password(tmp_path: Path, place: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    text = (run / "config.toml").read_text()
    url = "s3://me:secret@bucket/data.csv?sig=secret"
    text = text.replace(str(place / "data.csv"), url)
    (run / "config.toml").write_text(text)
    called = CliRunner().invoke(app, ["info", str(run)], catch_exceptions=False)
    assert "s3://me:...@bucket/data.csv?sig=..." in called.output
    assert "secret" not in called.output


def test_a_configuration_names_a_url(
    tmp_path: Path, place: Path, urls: dict[str, str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    text = (run / "config.toml").read_text()
    text = text.replace(str(place / "data.csv"), urls["memory"].format("data.csv"))
    (run / "config.toml").write_text(text)
    config = mt.load_config(run / "config.toml")
    local = mt.load_config(place / "run/config.toml")
    assert "memory://data.csv" in config.to_toml()
    assert config.read().fingerprint() == local.read().fingerprint()
    # The run of a stranger makes this machine ask nobody.
    comparison = mt.compare_runs(run, run, place / "data.csv")
    assert any("not known" in note for note in comparison.notes)


@pytest.mark.parametrize(
    ("place", "error", "parts"),
    [
        (
            "s3://bucket/run",
            MissingDependencyError,
            ["s3://bucket/run", "Install s3fs"],
        ),
        ("nonsense://run", ParameterError, ["nonsense://run", "Protocol not known"]),
        ("memory://absent", StoreError, ["memory://absent", "existing"]),
        ("zip://run::/absent.zip", StoreError, ["zip://run", "/absent.zip"]),
    ],
)
def test_a_url_that_cannot_be_opened_is_one_sentence(
    place: str, error: type[mt.errors.MultitideError], parts: list[str]
) -> None:
    with refused("`folder`", *parts, error=error) as raised:
        mt.load(place)
    assert "\n" not in str(raised.value)


def test_a_table_that_cannot_be_opened_is_one_sentence(
    memory: fsspec.AbstractFileSystem, tmp_path: Path
) -> None:
    with refused("`data`", "memory://absent.csv", "existing", error=DataError):
        mt.read_table("memory://absent.csv")
    memory.pipe("/bad.parquet", b"no table")
    with refused("'bad.parquet'", "readable", error=DataError):
        mt.read_table("memory://bad.parquet")
    with refused("`store`", "memory://a.csv", error=ParameterError):
        mt.read_table("memory://a.csv", store=tmp_path / "cache")


def test_messages_name_the_url_and_no_password(
    place: Path, urls: dict[str, str], memory: fsspec.AbstractFileSystem
) -> None:
    memory.pipe("/run/weights.safetensors", b"other")
    with refused("memory://run/weights.safetensors", "altered", error=StoreError):
        mt.load("memory://run")
    with refused("`folder`", "user:...@host") as raised:
        mt.load("nonsense://user:secret@host/run")
    assert "secret" not in str(raised.value)


def evil_names(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("run/../../outside", "x")


def too_many(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30):
            archive.writestr(f"run/{number}", "")


def too_many_folders(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("run/" + "a/" * 30 + "x", "")


def too_large(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run/model.json", bytes(5_000_000))


@pytest.mark.parametrize(
    ("write", "part"),
    [
        (evil_names, "'../../outside'"),
        (too_many, "20 files"),
        (too_many_folders, "20 files"),
        (too_large, "GiB"),
    ],
)
def test_a_folder_of_a_stranger_stays_within_bounds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], None],
    part: str,
) -> None:
    write(tmp_path / "x.zip")
    monkeypatch.setattr(local_copy, "MOST_FILES", 20)
    monkeypatch.setattr(local_copy, "LARGEST_MODEL", 2**20)
    before = sorted(tmp_path.rglob("*"))
    with refused("`folder`", part, error=StoreError):
        mt.load(f"zip://run::{tmp_path}/x.zip")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_whose_name_looks_like_a_url_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a::b").mkdir()
    assert not is_url("a::b")
    assert not is_url(Path("s3://x"))
    assert not is_url("folder/s3://x")
    with local_folder("folder", "a::b") as folder:
        assert folder == Path("a::b")
