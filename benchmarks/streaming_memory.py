"""Predict a table that is larger than memory: the peak of memory, and the rows per second.

    python benchmarks/streaming_memory.py --gib 8 --limit-gib 1

A model is fitted on a small table. A table of the same columns is written as Parquet, of the given
size in memory; `multitide predict` then reads it in a process whose data (RLIMIT_DATA) is limited.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import multitide as mt

WINDOW, N_CHANNELS, ROWS_OF_GROUP = 60, 10, 200_000
GIB = 2**30


def rows(n_rows: int, first: int, machine: int) -> pd.DataFrame:
    """Return rows of a machine, one a second; their values repeat, so that the file is small."""
    step = np.arange(first, first + n_rows)
    start = np.datetime64("2020-01-01", "s") + machine * np.timedelta64(4000, "D")
    frame = pd.DataFrame({"machine": machine, "t": start + step.astype("m8[s]")})
    for i in range(N_CHANNELS):
        frame[f"c{i}"] = np.sin(step % 977 / (7 + i))
    return frame.assign(state=np.where(step // 977 % 2, "on", "off"))


def write_model(folder: Path) -> Path:
    table = rows(6000, 0, 0)
    samples = mt.read_table(
        table, tasks=["state"], series="machine", time="t", window=WINDOW, stride=WINDOW
    )
    model = mt.MultiTaskEstimator(
        backbone="fcn", max_epochs=1, random_state=0, verbose=0, validation=None
    )
    return model.fit(samples).save(folder / "model")


def write_table(folder: Path, gib: float) -> tuple[Path, int]:
    """Write the table; return its path and its number of rows."""
    path = folder / "large.parquet"
    n_groups = max(1, round(gib * GIB / (8 * (N_CHANNELS + 2)) / ROWS_OF_GROUP))
    writer: pq.ParquetWriter | None = None
    for number in range(n_groups):
        machine, place = divmod(number, 50)
        frame = rows(ROWS_OF_GROUP, place * ROWS_OF_GROUP, machine)
        table = pa.Table.from_pandas(frame.drop(columns="state"), preserve_index=False)
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path, n_groups * ROWS_OF_GROUP


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
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return 1024 * int(done.stderr.splitlines()[-1])


def measure(gib: float, limit_gib: float) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="streaming-"))
    try:
        model = write_model(folder)
        table, n_rows = write_table(folder, gib)
        started = time.perf_counter()
        peak = limited_predict(
            ["predict", str(model), str(table), "--output", str(folder / "out")],
            int(limit_gib * GIB),
        )
        seconds = time.perf_counter() - started
        n_predicted = 0
        for part in sorted((folder / "out").iterdir()):
            n_predicted += pq.read_metadata(part).num_rows
    finally:
        shutil.rmtree(folder)
    return {
        "gib": gib,
        "limit_gib": limit_gib,
        "rows": n_rows,
        "predicted": n_predicted,
        "peak_gib": round(peak / GIB, 3),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=8.0)
    parser.add_argument("--limit-gib", type=float, default=1.0)
    given = parser.parse_args()
    print(json.dumps(measure(given.gib, given.limit_gib)))


if __name__ == "__main__":
    main()
