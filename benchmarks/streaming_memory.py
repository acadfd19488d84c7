"""Predict tables larger than memory: the peak of memory by size, and the rows per second.

    python benchmarks/streaming_memory.py --gib 0.05 0.5 2 8 --limit-gib 1
    python benchmarks/streaming_memory.py --gib 0.05 0.5 2 --limit-gib 1 --suffix csv

A model is fitted on a small table. Files of the same columns are written in pieces, without
compression, and deleted afterwards; `multitide predict` reads each in a process whose data
(RLIMIT_DATA) are limited. `--files 8` writes the table as a folder of as many files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

import multitide as mt
from multitide.backbones import FCN

WINDOW, N_CHANNELS, ROWS_OF_PIECE, PIECES_OF_MACHINE = 60, 10, 200_000, 50
GIB = 2**30
SPARE_GIB = 4  # of the disk, after the file is written


@cache
def channels() -> pd.DataFrame:
    """Return the values of the channels, which repeat from piece to piece."""
    step = np.arange(ROWS_OF_PIECE)
    values = {}
    for i in range(N_CHANNELS):
        values[f"c{i}"] = np.sin(step % 977 / (7 + i)).round(6)
    return pd.DataFrame(values)


def piece(number: int) -> pd.DataFrame:
    """Return some rows of a machine, one a second."""
    machine, place = divmod(number, PIECES_OF_MACHINE)
    start = np.datetime64("2020-01-01", "s") + machine * np.timedelta64(4000, "D")
    step = np.arange(place * ROWS_OF_PIECE, (place + 1) * ROWS_OF_PIECE)
    time_of_row = start + step.astype("m8[s]")
    return pd.DataFrame({"machine": machine, "t": time_of_row}).join(channels())


def write_model(folder: Path) -> Path:
    table = piece(0).head(6000)
    table["state"] = np.where(np.arange(len(table)) // 977 % 2, "on", "off")
    samples = mt.read_table(
        table, tasks=["state"], series="machine", time="t", window=WINDOW, stride=WINDOW
    )
    network = FCN(filters=(16, 16, 16), kernel_sizes=(3, 3, 3))
    model = mt.MultiTaskEstimator(
        backbone=network, max_epochs=1, random_state=0, verbose=0, validation=None
    )
    return model.fit(samples).save(folder / "model")


def write_table(
    folder: Path, gib: float, suffix: str, n_files: int
) -> tuple[Path, int]:
    """Write at least so many bytes; return the path and the number of rows."""
    folder.mkdir()
    table, number = pa.Table.from_pandas(piece(0), preserve_index=False), 0
    for i in range(n_files):
        path = folder / f"large{i}.{suffix}"
        if suffix == "csv":
            writer = pc.CSVWriter(path, table.schema)
        else:
            writer = pq.ParquetWriter(
                path, table.schema, compression="none", use_dictionary=False
            )
        with writer:
            while not path.exists() or path.stat().st_size < gib * GIB / n_files:
                step = pa.Table.from_pandas(piece(number), preserve_index=False)
                writer.write_table(step)
                number += 1
    only = folder / f"large0.{suffix}"
    return (only if n_files == 1 else folder), number * ROWS_OF_PIECE


def limited_predict(arguments: list[str], limit: int) -> int:
    """Run the command with at most `limit` bytes of data; return its peak of memory, in bytes."""
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))\n"
        f"sys.argv = ['multitide', *{arguments!r}]\n"
        "from multitide.cli import main\n"
        "try: main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return 1024 * int(done.stderr.splitlines()[-1])


def measure(
    folder: Path, gib: float, limit_gib: float, suffix: str, n_files: int
) -> dict[str, object]:
    if shutil.disk_usage(folder).free < (gib + SPARE_GIB) * GIB:
        raise SystemExit(f"{folder} has no room for {gib} GiB")
    table, n_rows = write_table(folder / "data", gib, suffix, n_files)
    before, started = os.times(), time.perf_counter()
    peak = limited_predict(
        ["predict", str(folder / "model"), str(table), "--output", str(folder / "out")],
        int(limit_gib * GIB),
    )
    seconds, after = time.perf_counter() - started, os.times()
    n_predicted = 0
    for part in sorted((folder / "out").iterdir()):
        n_predicted += pq.read_metadata(part).num_rows
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "out")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {
        "suffix": suffix,
        "files": n_files,
        "gib": gib,
        "limit_gib": limit_gib,
        "rows": n_rows,
        "predicted": n_predicted,
        "peak_gib": round(peak / GIB, 2),
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, nargs="+", default=[0.05, 0.5, 2.0, 8.0])
    parser.add_argument("--limit-gib", type=float, default=1.0)
    parser.add_argument("--suffix", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--files", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="streaming-"))
    try:
        write_model(folder)
        for gib in given.gib:
            found = measure(folder, gib, given.limit_gib, given.suffix, given.files)
            print(json.dumps(found), flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
