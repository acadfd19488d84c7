"""A stored table has the samples of the table in memory, and a fit on it the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import multitide as mt
from multitide.data._blocks import is_mapped
from multitide.data._precision import Spread, needs_float64
from multitide.data._samples import Samples
from multitide.data.tables import _read_stored
from multitide.data.tables._store_files import RECORD, VALUES
from multitide.errors import DataError, StoreError
from multitide.training._batches import DeviceSamples

OPTIONS: dict[str, Any] = {"tasks": ["load"], "series": "machine", "time": "t"}


def table(sizes: tuple[int, ...] = (40, 3, 25, 60), seed: int = 0) -> pd.DataFrame:
    """Machines with times that have gaps, channels of numbers and of text, and a label."""
    rng = np.random.default_rng(seed)
    frames = []
    for machine, size in enumerate(sizes):
        steps = np.where(rng.random(size) < 0.05, 5, 1)
        time = pd.Timestamp("2024-01-01") + pd.to_timedelta(steps.cumsum(), "h")
        frames.append(pd.DataFrame({"machine": machine, "t": time}))
    frame = pd.concat(frames, ignore_index=True)
    n = len(frame)
    frame["a"] = rng.normal(size=n).round(4)
    frame["b"] = np.where(rng.random(n) < 0.2, np.nan, np.arange(n))
    frame["mode"] = np.where(np.arange(n) < n // 2, "slow", "fast")
    frame["load"] = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n).round(3))
    return frame


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in parts of 20 rows."""
    monkeypatch.setattr(_read_stored, "MOST_VALUES", 120)


def check_same(stored: Samples, whole: Samples) -> None:
    assert is_mapped(stored.values)
    assert stored.channels == whole.channels
    assert stored.categories == whole.categories
    for name in ("values", "starts", "lengths", "series", "time", "begin", "finish"):
        found, expected = getattr(stored, name), getattr(whole, name)
        assert (found is None) == (expected is None), name
        if expected is not None:
            np.testing.assert_array_equal(found, expected, err_msg=name)
            assert found.dtype == expected.dtype, name
    for name in ("y", "static", "extra", "weights"):
        found, expected = getattr(stored, name), getattr(whole, name)
        assert (found is None) == (expected is None), name
        if expected is not None:
            pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert stored.fingerprint() == whole.fingerprint()


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    window=st.sampled_from([1, 4, 9]),
    stride=st.sampled_from([1, 3, 12]),
    lead=st.sampled_from([0, 1, 7]),
    label_at=st.sampled_from(["end", "mean"]),
    n_values=st.sampled_from([60, 130, 500]),
    on_gap=st.sampled_from(["break", "ignore"]),
)
def test_a_stored_table_is_the_table(
    tmp_path_factory: pytest.TempPathFactory,
    window: int,
    stride: int,
    lead: int,
    label_at: str,
    n_values: int,
    on_gap: str,
) -> None:
    folder = tmp_path_factory.mktemp("store")
    table().to_parquet(folder / "data.parquet")
    task = mt.Regression("load", lead=lead, label_at=label_at)  # type: ignore[arg-type]
    options: dict[str, Any] = {
        **OPTIONS,
        "tasks": [task],
        "window": window,
        "stride": stride,
        "on_gap": on_gap,
        "calendar": ["hour"],
        "channels": ["a", "b", "mode"],
    }
    whole = mt.read_table(folder / "data.parquet", **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_read_stored, "MOST_VALUES", n_values)
        stored = mt.read_table(folder / "data.parquet", store=folder / "s", **options)
    check_same(stored, whole)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_each_file_of_a_folder_is_a_series(
    tmp_path: Path, in_parts: None, suffix: str
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for machine, rows in table().drop(columns="mode").groupby("machine"):
        rows = rows.drop(columns="machine")
        path = folder / f"run{machine}.{suffix}"
        rows.to_csv(path, index=False) if suffix == "csv" else rows.to_parquet(path)
    options: dict[str, Any] = {"tasks": ["load"], "window": 4}
    whole = mt.read_table(folder, **options)
    stored = mt.read_table(folder, store=tmp_path / "store", **options)
    check_same(stored, whole)
    assert set(stored.series) == {"run0", "run2", "run3"}


def test_labels_per_series_and_whole_series(tmp_path: Path, in_parts: None) -> None:
    table().drop(columns="load").to_csv(tmp_path / "data.csv", index=False)
    labels = pd.DataFrame({"machine": range(4), "worn": ["a", "b", None, "a"]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    options: dict[str, Any] = {
        "series": "machine",
        "labels": tmp_path / "labels.csv",
        "time": "t",
    }
    whole = mt.read_table(tmp_path / "data.csv", **options)
    stored = mt.read_table(tmp_path / "data.csv", store=tmp_path / "s", **options)
    check_same(stored, whole)


def weights_of_fit(samples: Samples, folder: Path) -> bytes:
    model = mt.MultiTaskEstimator(
        backbone="cnn1d", max_epochs=2, random_state=0, verbose=0, batch_size=16
    )
    model.fit(samples).save(folder)
    return (folder / "weights.safetensors").read_bytes()


def test_a_fit_on_a_stored_table_has_the_same_bits(
    tmp_path: Path, in_parts: None
) -> None:
    table((80, 60)).to_parquet(tmp_path / "data.parquet")
    options = {**OPTIONS, "window": 12, "channels": ["a", "b", "mode"]}
    whole = mt.read_table(tmp_path / "data.parquet", **options)
    stored = mt.read_table(tmp_path / "data.parquet", store=tmp_path / "s", **options)
    expected = weights_of_fit(whole, tmp_path / "whole")
    assert weights_of_fit(stored, tmp_path / "stored") == expected


def test_series_of_unequal_lengths_are_padded_by_the_batch(tmp_path: Path) -> None:
    table((20, 30, 12)).to_parquet(tmp_path / "data.parquet")
    whole = mt.read_table(tmp_path / "data.parquet", **OPTIONS)
    stored = mt.read_table(tmp_path / "data.parquet", store=tmp_path / "s", **OPTIONS)
    check_same(stored, whole)
    for samples in (whole, stored):
        device = DeviceSamples(samples, [], None, torch.device("cpu"))
        found = device.gather(torch.arange(3))
        np.testing.assert_array_equal(found.x.numpy(), whole.gather(slice(None)))


@pytest.fixture
def stored_once(tmp_path: Path) -> Path:
    """The folder of a stored table, next to the file that it was made of."""
    table().to_parquet(tmp_path / "data.parquet")
    mt.read_table(tmp_path / "data.parquet", store=tmp_path / "s", **OPTIONS, window=4)
    return next(path for path in (tmp_path / "s").iterdir() if path.is_dir())


def read_again(folder: Path) -> Samples:
    path = folder.parents[1] / "data.parquet"
    return mt.read_table(path, store=folder.parent, **OPTIONS, window=4)


def test_it_is_built_once(stored_once: Path) -> None:
    built = (stored_once / RECORD).stat().st_mtime_ns
    read_again(stored_once)
    assert (stored_once / RECORD).stat().st_mtime_ns == built
    assert len([path for path in stored_once.parent.iterdir() if path.is_dir()]) == 1


def test_it_is_built_again_when_the_file_changes(stored_once: Path) -> None:
    table(seed=1).to_parquet(stored_once.parents[1] / "data.parquet")
    whole = mt.read_table(stored_once.parents[1] / "data.parquet", **OPTIONS, window=4)
    check_same(read_again(stored_once), whole)
    assert len([path for path in stored_once.parent.iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("name", [VALUES, "arrays.npz", "y.parquet", RECORD])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_store_is_built_again(
    stored_once: Path, name: str, damage: str
) -> None:
    whole = read_again(stored_once)
    expected = np.array(whole.values), whole.fingerprint()
    path = stored_once / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:-3]
    elif damage == "empty":
        content = bytearray()
    else:
        content[len(content) // 2] ^= 0xFF
    os.replace(path, path.with_suffix(".old"))  # the mapped one stays
    path.write_bytes(content)
    path.with_suffix(".old").unlink()
    again = read_again(stored_once)
    np.testing.assert_array_equal(again.values, expected[0])
    assert again.fingerprint() == expected[1]


def test_samples_outside_of_the_table_are_refused(stored_once: Path) -> None:
    """A store may come from a stranger: a batch never reads beyond the file."""
    with np.load(stored_once / "arrays.npz") as arrays:
        changed = dict(arrays)
    changed["starts"] = changed["starts"] + 10_000
    np.savez(stored_once / "arrays.npz", **changed)
    record = json.loads((stored_once / RECORD).read_text())
    record["hashes"]["arrays.npz"] = _hash_of(stored_once / "arrays.npz")
    (stored_once / RECORD).write_text(json.dumps(record))
    assert read_again(stored_once).starts.max() < 10_000


def _hash_of(path: Path) -> str:
    from multitide.data.tables._store_files import _hash

    return _hash(path)


def test_what_is_not_ours_is_never_replaced(stored_once: Path) -> None:
    (stored_once / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds something else"):
        read_again(stored_once)
    assert (stored_once / "notes.txt").read_text() == "mine"


def test_rows_out_of_order_are_refused_with_a_remedy(
    tmp_path: Path, in_parts: None
) -> None:
    frame = table().sample(frac=1.0, random_state=0)
    frame.to_parquet(tmp_path / "data.parquet")
    with pytest.raises(DataError, match="read it without `store`"):
        mt.read_table(
            tmp_path / "data.parquet", store=tmp_path / "s", **OPTIONS, window=4
        )
    assert not [path for path in (tmp_path / "s").iterdir() if path.is_dir()]


def test_a_window_longer_than_every_series_is_refused(
    tmp_path: Path, in_parts: None
) -> None:
    table().to_parquet(tmp_path / "data.parquet")
    with pytest.raises(DataError, match="`window` must fit between two gaps"):
        mt.read_table(
            tmp_path / "data.parquet", store=tmp_path / "s", **OPTIONS, window=99
        )


@pytest.mark.parametrize("suffix", ["xlsx", "ts"])
def test_other_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    path.write_text("")
    with pytest.raises(DataError, match="`store` must only be given for"):
        mt.read_table(path, store=tmp_path / "s")


def test_tables_in_memory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`store` must only be given for a file"):
        mt.read_table(table(), store=tmp_path / "s", **OPTIONS, window=4)


@settings(max_examples=30, deadline=None)
@given(
    scale=st.sampled_from([0.0, 1e-3, 1.0, 1e6]),
    offset=st.sampled_from([0.0, -1.5, 2e9]),
    size=st.sampled_from([1, 7, 50]),
)
def test_the_precision_is_that_of_the_whole(
    scale: float, offset: float, size: int
) -> None:
    values = np.random.default_rng(0).normal(offset, scale, (50, 2))
    values[::7, 0] = np.nan
    values[:, 1] = np.nan
    spread = Spread()
    for begin in range(0, 50, size):
        spread.add(values[begin : begin + size])
    known = values[~np.isnan(values[:, 0]), 0]
    assert spread.needs_float64() == needs_float64(known)


@pytest.mark.slow
def test_training_on_four_times_the_limit_of_memory(tmp_path: Path) -> None:
    """RLIMIT_DATA counts private writable memory: a copy of the table would break it."""
    arguments = ["--gib", "4", "--limit-gib", "1", "--rounds", "0"]
    path = Path(__file__).parents[3] / "benchmarks" / "larger_than_memory.py"
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert not done.returncode, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[1])
    assert found["values_gib"] >= 4 * found["limit_gib"] - 0.01
