"""Compare a network that reads every step of long series with one that reads means of blocks.

Simulated runs of 2,400 to 3,000 steps; the same training, test sets and seeds for both.

    python benchmarks/long_series.py --seeds 2 --epochs 8
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch

import multitide as mt
from multitide.backbones import LSTMFCN
from multitide.encodings import Inputs


def fit(pool: int, seed: int, n_epochs: int, n_runs: int) -> dict[str, float]:
    """Return the time of a fit, and its headline metrics on new runs."""
    lengths = (2400, 3000)
    train = mt.simulate_rig(n_runs, n_timepoints=lengths, random_state=seed)
    test = mt.simulate_rig(n_runs, n_timepoints=lengths, random_state=1000 + seed)
    estimator = mt.MultiTaskEstimator(
        tasks=["fault", "severity"],
        backbone=LSTMFCN(),
        inputs=Inputs(pool=pool),
        max_epochs=n_epochs,
        batch_size=16,
        random_state=seed,
        verbose=0,
    )
    begun = time.perf_counter()
    estimator.fit(train)
    seconds = time.perf_counter() - begun
    table = estimator.evaluate(test)
    found = {"pool": pool, "seed": seed, "seconds": round(seconds, 1)}
    print(json.dumps(found), flush=True)
    print(table.to_string(), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--runs", type=int, default=96)
    given = parser.parse_args()
    torch.set_num_threads(1)
    seconds: dict[int, list[float]] = {3: [], 1: []}
    for seed in range(given.seeds):
        for pool in seconds:
            found = fit(pool, seed, given.epochs, given.runs)
            seconds[pool].append(found["seconds"])
    medians = {pool: statistics.median(each) for pool, each in seconds.items()}
    print(json.dumps({"seconds": medians, "factor": medians[1] / medians[3]}))


if __name__ == "__main__":
    main()
