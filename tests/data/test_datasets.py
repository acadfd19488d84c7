"""The loaders, with small archives in the publishers' layout on a local server and real copies."""

from __future__ import annotations

import ast
import dataclasses
import io
import itertools
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pooch
import pytest

import multitide
from multitide.data import _beijing, _hydraulic
from multitide.data._fingerprints import differences, fingerprint
from multitide.data._hydraulic import (
    CONDITIONS,
    SENSORS,
    labels_table,
    read_signal,
    series_table,
)
from multitide.data.datasets import load_beijing_pm25, load_hydraulic
from multitide.data.tables._read_like import read_like
from multitide.errors import DataError
from refusals import refused

MODULES = {"beijing_pm25": _beijing, "hydraulic": _hydraulic}
N_CYCLES = 7
PROFILE = np.array(
    [[3, 100, 0, 130, 1]] * 3
    + [[3, 100, 0, 130, 0]]
    + [[3, 90, 0, 130, 0]] * 2
    + [[3, 100, 0, 130, 1]]
)


# -- small archives in the publishers' layout ------------------------------------------------------


def beijing_table(n_hours: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hours = pd.date_range("2010-01-01", periods=n_hours, freq="h")
    table = pd.DataFrame(
        {
            "No": np.arange(1, n_hours + 1),
            "year": hours.year,
            "month": hours.month,
            "day": hours.day,
            "hour": hours.hour,
        }
    )
    table["pm2.5"] = np.where(
        np.arange(n_hours) < 24, np.nan, rng.integers(1, 300, n_hours)
    )
    table["DEWP"], table["TEMP"] = (
        rng.integers(-30, 10, n_hours),
        rng.integers(-10, 20, n_hours).astype(float),
    )
    table["PRES"] = rng.integers(1000, 1030, n_hours).astype(float)
    table["cbwd"] = rng.choice(["NW", "cv", "NE", "SE"], n_hours)
    table["Iws"] = rng.uniform(0, 50, n_hours).round(2)
    return table.assign(Is=0, Ir=rng.integers(0, 3, n_hours))


def raw_signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        name: rng.uniform(0, 200, (N_CYCLES, 60 * rate)).round(3)
        for name, rate in SENSORS.items()
    }


def tabbed(rows: np.ndarray) -> str:
    return "\n".join(
        "\t".join(
            f"{value:g}" if value == int(value) else f"{value:.3f}" for value in row
        )
        for row in rows
    )


@cache
def hydraulic_files() -> dict[str, str]:
    files = {f"{name}.txt": tabbed(rows) for name, rows in raw_signals().items()}
    return files | {
        "profile.txt": tabbed(PROFILE),
        "description.txt": "not a table",
        "documentation.txt": "nor this",
    }


def write_zip(place: Path, files: dict[str, str], folder: str = "") -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(folder + name, text)
    return place


def beijing_zip(place: Path) -> Path:
    text = beijing_table().to_csv(index=False, na_rep="NA")
    return write_zip(place, {"PRSA_data_2010.1.1-2014.12.31.csv": text})


# -- a publisher at home ---------------------------------------------------------------------------


class Publisher:
    """An http server of one folder that remembers its requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        publisher = self

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                publisher.asked.append(self.path)

        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(Handler, directory=str(folder))
        )
        self.thread = Thread(
            target=self.server.serve_forever,
            kwargs={"poll_interval": 0.01},
            daemon=True,
        )
        self.thread.start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    folder = tmp_path / "published"
    folder.mkdir()
    publisher = Publisher(folder)
    yield publisher
    publisher.close()


Redirect = Callable[..., None]


@pytest.fixture
def redirect(monkeypatch: pytest.MonkeyPatch) -> Redirect:
    def redirect(name: str, url: str, place: Path | None = None) -> None:
        """Let a data set come from `url`; with `place`, expect the tables of that archive."""
        module = MODULES[name]
        source = module.SOURCE
        marks = source.fingerprints
        if place is not None:
            marks = {
                table: fingerprint(frame) for table, frame in source.read(place).items()
            }
        changed = dataclasses.replace(source, url=url, fingerprints=marks)
        monkeypatch.setattr(module, "SOURCE", changed)

    return redirect


def test_the_archive_is_downloaded_once(
    publisher: Publisher,
    redirect: Redirect,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    place = beijing_zip(publisher.folder / "pm.zip")
    redirect("beijing_pm25", publisher.url("pm.zip"), place)
    level = pooch.get_logger().level
    samples = load_beijing_pm25(cache=tmp_path / "cache", window=12)
    assert samples.shape == (49, 4, 12)
    assert (
        load_beijing_pm25(cache=tmp_path / "cache", window=12).fingerprint()
        == samples.fingerprint()
    )
    assert load_beijing_pm25(place, window=12).fingerprint() == samples.fingerprint()
    assert len(publisher.asked) == 1
    assert pooch.get_logger().level == level
    assert capfd.readouterr() == ("", "")


def test_the_hydraulic_archive_comes_the_same_way(
    publisher: Publisher, redirect: Redirect, tmp_path: Path
) -> None:
    place = write_zip(publisher.folder / "rig.zip", hydraulic_files())
    redirect("hydraulic", publisher.url("rig.zip"), place)
    assert load_hydraulic(cache=tmp_path).shape == (N_CYCLES, 17, 60)
    assert (tmp_path / "hydraulic.zip").exists()


def test_another_table_than_the_published_one_is_refused_and_not_kept(
    publisher: Publisher, redirect: Redirect, tmp_path: Path
) -> None:
    beijing_zip(publisher.folder / "pm.zip")
    redirect("beijing_pm25", publisher.url("pm.zip"))
    for _ in range(2):
        with refused("`table`", "43824 values of 'No'", "got 60", error=DataError):
            load_beijing_pm25(cache=tmp_path / "cache")
    assert len(publisher.asked) == 2
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(load_beijing_pm25(cache=tmp_path / "cache", verify=False)) == 37


def test_a_broken_download_is_refused_and_not_kept(
    publisher: Publisher, redirect: Redirect, tmp_path: Path
) -> None:
    place = beijing_zip(publisher.folder / "pm.zip")
    place.write_bytes(place.read_bytes()[:500])
    redirect("beijing_pm25", publisher.url("pm.zip"))
    with refused("`path`", "whole zip file", "beijing_pm25.zip", error=DataError):
        load_beijing_pm25(cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_a_network_the_message_names_the_remedy(
    publisher: Publisher, redirect: Redirect, tmp_path: Path
) -> None:
    redirect("hydraulic", publisher.url("absent.zip"))
    with refused(
        "`path`", "http://127", "404", "load_hydraulic(path=", error=DataError
    ):
        load_hydraulic(cache=tmp_path)
    redirect(
        "beijing_pm25", "http://127.0.0.1:9/pm.zip"
    )  # no server listens at the discard port
    with refused(
        "`path`", "ConnectionError", "load_beijing_pm25(path=", error=DataError
    ):
        load_beijing_pm25(cache=tmp_path)


def test_no_other_module_opens_a_connection() -> None:
    doors = {
        "pooch",
        "requests",
        "urllib",
        "http",
        "socket",
        "ftplib",
        "asyncio",
        "httpx",
        "aiohttp",
    }
    found = set()
    for file in Path(multitide.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found |= {
                file.name
                for name in names
                if name.split(".")[0] in doors and name != "urllib.parse"
            }
    # The server and the cluster are where users ask for them.
    assert found == {
        *("_sources.py", "_ray_engine.py"),
        *("_batcher.py", "_make_app.py", "_prompt_protocol.py", "_serve.py"),
    }


# -- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["", "inner/"])
def test_hydraulic_signals_become_one_second_means_and_runs(
    tmp_path: Path, folder: str
) -> None:
    signals = raw_signals()
    samples = load_hydraulic(
        write_zip(tmp_path / "rig.zip", hydraulic_files(), folder), verify=False
    )
    assert samples.channels == tuple(SENSORS)
    x = samples.gather(slice(None))
    for place, (name, rate) in enumerate(SENSORS.items()):
        for cycle, second in itertools.product(range(N_CYCLES), (0, 1, 59)):
            mean = sum(signals[name][cycle][second * rate : (second + 1) * rate]) / rate
            assert x[cycle, place, second] == pytest.approx(mean, rel=1e-6)
    assert samples.y.to_numpy().tolist() == PROFILE.tolist()
    assert list(samples.y) == list(CONDITIONS)
    assert samples.series.tolist() == [0, 0, 0, 1, 2, 2, 3]
    assert samples.time is not None and samples.time.tolist() == list(range(N_CYCLES))
    assert samples.extra is not None and samples.extra["cycle"].tolist() == list(
        range(N_CYCLES)
    )


def test_every_layout_of_a_copy_reads_alike(tmp_path: Path) -> None:
    files = hydraulic_files()
    zipped = write_zip(tmp_path / "rig.zip", files)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(zipped, "data.zip")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tables = _hydraulic.SOURCE.read(zipped)
    made = tmp_path / "made"
    made.mkdir()
    tables["series"].to_parquet(made / "series.parquet")
    tables["labels"].to_csv(made / "labels.csv", index=False)
    prints = {
        load_hydraulic(p, verify=False).fingerprint()
        for p in (zipped, tmp_path / "outer.zip", tmp_path, made)
    }
    assert len(prints) == 1


def test_beijing_reads_alike_from_csv_zip_and_folder(tmp_path: Path) -> None:
    zipped = beijing_zip(tmp_path / "pm.zip")
    beijing_table().to_csv(tmp_path / "my_beijing_copy.csv", index=False, na_rep="NA")
    (tmp_path / "another.csv").write_text("a,b\n1,2\n")
    places = (zipped, tmp_path, str(tmp_path / "my_beijing_copy.csv"))
    assert (
        len({load_beijing_pm25(place, verify=False).fingerprint() for place in places})
        == 1
    )


def test_rows_without_a_measurement_keep_their_wind(tmp_path: Path) -> None:
    samples = load_beijing_pm25(
        beijing_zip(tmp_path / "pm.zip"), window=3, verify=False
    )
    assert samples.y["cbwd"].notna().all()
    assert samples.y["pm2.5"].isna().sum() == 22
    dropped = load_beijing_pm25(
        tmp_path / "pm.zip",
        window=3,
        verify=False,
        missing_rows="drop",
        channels=["Ir"],
    )
    assert dropped.shape == (34, 1, 3)


def test_a_new_table_is_read_like_the_data_set(tmp_path: Path) -> None:
    samples = load_beijing_pm25(
        beijing_zip(tmp_path / "pm.zip"), window=6, verify=False
    )
    assert samples.reading is not None
    again = read_like(
        samples.reading,
        beijing_table().drop(columns=["pm2.5", "cbwd", "Is"]),
        need_labels=False,
    )
    np.testing.assert_array_equal(again.values, samples.values)
    rig = load_hydraulic(
        write_zip(tmp_path / "rig.zip", hydraulic_files()), verify=False
    )
    assert rig.reading is not None
    series = _hydraulic.SOURCE.read(tmp_path / "rig.zip")["series"]
    np.testing.assert_array_equal(
        read_like(rig.reading, series, need_labels=False).values, rig.values
    )


def test_all_that_a_copy_lacks_is_named(tmp_path: Path) -> None:
    files = hydraulic_files()
    some = {
        name: text for name, text in files.items() if name not in ("PS3.txt", "SE.txt")
    }
    with refused("`path`", "lacks ['PS3.txt', 'SE.txt']", error=DataError):
        load_hydraulic(write_zip(tmp_path / "rig.zip", some))
    with refused("`path`", "a CSV file", "rig.zip", error=DataError):
        load_beijing_pm25(tmp_path / "rig.zip")
    with refused("`path`", "that exists", "absent.zip'", error=DataError):
        load_hydraulic(tmp_path / "absent.zip")


@pytest.mark.parametrize(
    ("file", "text", "parts"),
    [
        ("TS1.txt", tabbed(np.ones((N_CYCLES, 59))), ["60 columns", "got 59"]),
        (
            "TS1.txt",
            tabbed(np.ones((N_CYCLES - 1, 60))),
            ["7 as `profile.txt`", "got 6"],
        ),
        ("CE.txt", "1\t2\nthree\t4", ["numbers separated by tabs"]),
        ("profile.txt", tabbed(PROFILE[:, :4]), ["5 columns", "got 4"]),
    ],
)
def test_a_text_of_another_shape_is_refused(
    tmp_path: Path, file: str, text: str, parts: list[str]
) -> None:
    files = hydraulic_files() | {file: text}
    with refused(f"`{file}`", *parts, error=DataError):
        load_hydraulic(write_zip(tmp_path / "rig.zip", files))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beijing.csv").write_bytes(b"\xff\xfe\x00a,b")
    with refused("`beijing.csv`", "separated by commas", error=DataError):
        load_beijing_pm25(tmp_path / "beijing.csv")


# -- fingerprints ----------------------------------------------------------------------------------


def test_a_fingerprint_sees_counts_values_and_texts() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["x", "y", None]})
    marks = fingerprint(table)
    assert marks["a"] == (2, 3.0)
    assert marks["b"][0] == 2
    for changed in (
        table.assign(a=[1.0, 2.1, np.nan]),
        table.assign(b=["x", "z", None]),
        table.head(1),
    ):
        assert list(differences(fingerprint(changed), marks))
    assert not list(differences(fingerprint(table.astype({"a": "float32"})), marks))
    assert list(differences(fingerprint(table[["b", "a"]]), marks)) == [
        "must have the columns ['a', 'b']; got ['b', 'a']."
    ]


# -- real copies -----------------------------------------------------------------------------------


def test_the_real_beijing_table_passes_and_has_its_known_figures(
    shared_data: Path,
) -> None:
    samples = load_beijing_pm25(shared_data / "beijing_pm25.csv")
    assert samples.shape == (43824 - 23, 4, 24)
    assert load_beijing_pm25(shared_data, window=1).y["pm2.5"].isna().sum() == 2067
    # The protocol of the reference system: rows with any missing value dropped, windows that ignore
    # the gaps.
    dropped = load_beijing_pm25(shared_data, missing_rows="drop", on_gap="ignore")
    assert len(dropped) == 41_734


def test_the_real_hydraulic_tables_pass_and_have_their_known_figures(
    shared_data: Path,
) -> None:
    samples = load_hydraulic(shared_data / "hydraulic")
    assert samples.shape == (2205, 17, 60)
    assert len(set(samples.series)) == 194
    assert (samples.y.groupby(samples.series).nunique() == 1).all(axis=None)
    assert {
        task: sorted(samples.y[task].unique()) for task in ("cooler", "pump", "stable")
    } == {
        "cooler": [3, 20, 100],
        "pump": [0, 1, 2],
        "stable": [0, 1],
    }


def test_real_cycles_in_the_publishers_layout_give_the_same_tables(
    shared_data: Path,
) -> None:
    real = _hydraulic.SOURCE.read(shared_data / "hydraulic")
    n = 5
    rows = real["series"].head(60 * n)
    signals = {
        name: rows[name].to_numpy(dtype=float).reshape(n, 60).repeat(rate, 1)
        for name, rate in SENSORS.items()
    }
    files = {f"{name}.txt": io.StringIO() for name in SENSORS}
    for name, signal in signals.items():
        np.savetxt(files[f"{name}.txt"], signal, delimiter="\t", fmt="%.9g")
    texts = {name: file.getvalue().encode() for name, file in files.items()}
    made = series_table(
        {name: read_signal(texts[f"{name}.txt"], name) for name in SENSORS}
    )
    pd.testing.assert_frame_equal(made, rows, rtol=1e-6)
    labels = labels_table(real["labels"][list(CONDITIONS)].to_numpy(dtype=float))
    pd.testing.assert_frame_equal(labels, real["labels"])


def test_an_altered_copy_is_found_out(shared_data: Path, tmp_path: Path) -> None:
    table = pd.read_csv(shared_data / "beijing_pm25.csv")
    table.loc[[7, 8], ["TEMP", "cbwd"]] = [[99.0, "SE"], [99.0, "SE"]]
    table.to_csv(tmp_path / "beijing.csv", index=False)
    with refused(
        "'TEMP' sum to 545544", "'cbwd' sum to", "`verify=False`", error=DataError
    ):
        load_beijing_pm25(tmp_path / "beijing.csv")
