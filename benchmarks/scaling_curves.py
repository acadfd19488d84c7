"""Measure how time and memory of a fit grow with length, channels, tasks and samples.

Each point is one fit of two epochs in a process of its own, in CPU seconds of one thread. A curve
ends before a point that would take longer than ``--limit`` seconds by the growth so far. The
exponent of a point is the slope from the point before, in logarithms: 1 is proportional. Memory is
the peak beyond the data, next to what ``multitide check`` estimates.

    python benchmarks/scaling_curves.py --axis length --limit 600
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from dataclasses import asdict, dataclass, replace

FIT = """
import json, sys, time
import numpy as np, pandas as pd, torch
torch.set_num_threads(1)
import multitide as mt
from multitide._plan_fit import plan_fit
from multitide.data._data_sets import DataSets
given = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
n, length = given["samples"], given["length"]
stride = given["stride"] or length
values = rng.standard_normal(((n - 1) * stride + length, given["channels"]), dtype=np.float32)
y = pd.DataFrame({f"t{i}": rng.normal(size=n) for i in range(given["tasks"])})
starts = np.arange(n, dtype=np.int64) * stride
samples = mt.Samples(values=values, starts=starts, lengths=np.full(n, length, np.int64),
                     channels=tuple(f"c{i}" for i in range(given["channels"])), y=y,
                     series=np.arange(n))
backbone = "auto" if given["backbone"] == "auto" else given["backbone"]
def estimator(epochs):
    return mt.MultiTaskEstimator(backbone=backbone, max_epochs=epochs, batch_size=64, verbose=0,
                                 random_state=0, validation=None)
small = np.arange(8)
estimator(1).fit(samples[small[:min(8, n)]])  # imports
def kib(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1])
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts again
before = kib("VmRSS")
begun = time.process_time()
model = estimator(given["epochs"])
model.fit(samples)
seconds = time.process_time() - begun
peak = kib("VmHWM")
params = estimator(given["epochs"]).get_params(deep=False)
memory = plan_fit(params, DataSets(samples), {}).memory
print(json.dumps({"seconds": seconds, "mib": (peak - before) / 1024,
                  "estimate": (memory.total - memory.data) / 2**20}))
"""

AXES = {
    "length": (24, 100, 400, 1_000, 4_000, 12_000, 40_000, 100_000),
    "channels": (1, 4, 16, 64, 250, 1_000),
    "tasks": (1, 4, 16, 64, 250, 1_000),
    "samples": (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
}


@dataclass(frozen=True)
class Size:
    """The size of a fit; windows overlap unless `stride` is 0."""

    samples: int = 256
    channels: int = 4
    length: int = 128
    tasks: int = 2
    stride: int = 0
    epochs: int = 2
    backbone: str = "auto"


def measure(size: Size, limit: float) -> dict[str, float] | None:
    """Return seconds and memory of a fit; None if it took longer than the limit."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", FIT, json.dumps(asdict(size))],
            capture_output=True,
            text=True,
            check=False,
            timeout=20 * limit,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def slope(x: float, y: float, x_before: float, y_before: float) -> float:
    """Return the exponent between two points; NaN if one is not positive."""
    if y <= 0 or y_before <= 0:
        return math.nan
    return math.log(y / y_before) / math.log(x / x_before)


def curve(axis: str, base: Size, limit: float) -> None:
    """Print a row of a table per point."""
    print(f"\n| {axis} | CPU seconds | exponent | MiB | exponent | MiB estimated |")
    print("|---|---|---|---|---|---|")
    before: tuple[int, dict[str, float]] | None = None
    growth = 1.0
    for value in AXES[axis]:
        if before is not None:
            expected = before[1]["seconds"] * (value / before[0]) ** max(growth, 0.3)
            if expected > limit:
                print(f"| {value:,} | stopped: about {expected:,.0f} s | | | | |")
                return
        found = measure(replace(base, **{axis: value}), limit)
        if found is None:
            print(f"| {value:,} | stopped after {limit:g} s | | | | |", flush=True)
            return
        in_time = in_memory = math.nan
        if before is not None:
            known = before[1]
            in_time = slope(value, found["seconds"], before[0], known["seconds"])
            in_memory = slope(value, found["mib"], before[0], known["mib"])
            growth = in_time
        print(
            f"| {value:,} | {found['seconds']:.2f} | {in_time:.2f} "
            f"| {found['mib']:.0f} | {in_memory:.2f} | {found['estimate']:.0f} |",
            flush=True,
        )
        before = (value, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--axis", choices=[*AXES, "all"], default="all")
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--limit", type=float, default=600.0)
    given = parser.parse_args()
    for axis in AXES if given.axis == "all" else [given.axis]:
        stride = 1 if axis == "samples" else 0
        base = Size(backbone=given.backbone, stride=stride)
        curve(axis, base, given.limit)


if __name__ == "__main__":
    main()
