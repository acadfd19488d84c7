"""Train on a table several times larger than the memory that the process may use.

Writes a Parquet table, trains on it through a store (``read_table(..., store=...)``) in a process
with a hard limit of data (RLIMIT_DATA), and prints the peak of private memory. Then measures steps
per second on a table that fits into memory, mapped and in memory, in turn, and prints the ratio of
the medians.

    python benchmarks/larger_than_memory.py --gib 4 --limit-gib 1 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

GIB = 2**30
N_CHANNELS = 10
ROWS_OF_GROUP, GROUPS_OF_SERIES = 100_000, 10

TRAIN = """
import json, resource, sys, time
limit, table, store, window, stride = json.loads(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
import torch
torch.set_num_threads(1)
import multitide as mt
from multitide.backbones import FCN
begun = time.perf_counter()
samples = mt.read_table(table, tasks=["state"], series="machine", time="t", window=window,
                        stride=stride, store=store)
read = time.perf_counter() - begun
begun = time.perf_counter()
model = mt.MultiTaskEstimator(backbone=FCN(filters=(16, 16, 16)), max_epochs=2, random_state=0,
                              verbose=0, validation=0.1, batch_size=256)
model.fit(samples)
fit = time.perf_counter() - begun
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
def gib(name):
    return int(status[name].split()[0]) / 2**20
print(json.dumps({"n_samples": len(samples), "values_gib": samples.values.nbytes / 2**30,
                  "read_seconds": read, "fit_seconds": fit, "data_gib": gib("VmData"),
                  "anonymous_gib": gib("RssAnon"), "peak_resident_gib": gib("VmHWM")}))
"""


def rows(number: int) -> pd.DataFrame:
    """Return the rows of one group of the table."""
    generator = np.random.default_rng(number)
    machine, place = divmod(number, GROUPS_OF_SERIES)
    columns: dict[str, object] = {
        "machine": np.full(ROWS_OF_GROUP, machine, np.int32),
        "t": np.arange(ROWS_OF_GROUP, dtype=np.int32) + place * ROWS_OF_GROUP,
    }
    values = generator.standard_normal((ROWS_OF_GROUP, N_CHANNELS), dtype=np.float32)
    for i in range(N_CHANNELS):
        columns[f"c{i}"] = values[:, i]
    columns["state"] = (values[:, 0] > 0).astype(np.int8)
    return pd.DataFrame(columns)


def write_table(path: Path, gib: float) -> int:
    """Write a table whose channels take this much memory as float32; return its rows."""
    n_groups = max(1, round(gib * GIB / (4 * N_CHANNELS * ROWS_OF_GROUP)))
    writer: pq.ParquetWriter | None = None
    for number in range(n_groups):
        table = pa.Table.from_pandas(rows(number), preserve_index=False)
        if writer is None:
            writer = pq.ParquetWriter(
                path, table.schema, compression="none", use_dictionary=False
            )
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return n_groups * ROWS_OF_GROUP


def train(
    table: Path, store: Path | None, limit: int, window: int, stride: int
) -> dict[str, float]:
    """Train in a process of its own; return what it measured."""
    given = [limit, str(table), None if store is None else str(store), window, stride]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=4.0)
    parser.add_argument("--limit-gib", type=float, default=1.0)
    parser.add_argument("--small-gib", type=float, default=0.25)
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--stride", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="larger-"))
    try:
        begun = time.perf_counter()
        write_table(folder / "large.parquet", given.gib)
        print(f"written in {time.perf_counter() - begun:.0f} s", flush=True)
        limit = int(given.limit_gib * GIB)
        found = train(
            folder / "large.parquet",
            folder / "store",
            limit,
            given.window,
            given.stride,
        )
        print(json.dumps({"limit_gib": given.limit_gib, **found}), flush=True)
        shutil.rmtree(folder / "store")
        small = folder / "small.parquet"
        write_table(small, given.small_gib)
        stride = max(1, given.stride // 16)
        train(small, folder / "store", 0, given.window, stride)  # builds it
        seconds: dict[str, list[float]] = {"in memory": [], "mapped": []}
        for _ in range(given.rounds):
            for name, store in (("in memory", None), ("mapped", folder / "store")):
                found = train(small, store, 0, given.window, stride)
                seconds[name].append(found["fit_seconds"])
        if given.rounds:
            medians = {name: statistics.median(each) for name, each in seconds.items()}
            ratio = medians["in memory"] / medians["mapped"]
            print(json.dumps({"seconds": seconds, "speed of mapped": round(ratio, 3)}))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
