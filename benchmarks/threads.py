"""Time fits with one thread, with all threads and by our rule, alone and beside a busy process.

    python benchmarks/threads.py [--rounds 3] [--samples 3200] [--neighbours 1] [--only NAME ...]

The fits are one epoch of the default estimator: on the simulated test rig, on Beijing PM2.5 and
PhysioNet 2012 (from ``../shared/data`` where present), and on random numbers of four sizes. In each
round each number of threads trains in turn, first on cores that are as idle as the machine is and
then beside endless loops, one each. Figures are medians of rounds. The rule is that of
``multitide/_threads.py``; "work" is what it counts, in units of what it wants for each thread.

Expected: the rule is the faster of both beside a busy process. On idle cores all threads are faster
by at most a third where the rule takes one.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch

from multitide import Callback, MultiTaskEstimator, Samples, read_table, simulate_rig
from multitide._threads import (
    CHOSEN_BY,
    WORK_PER_THREAD,
    available_cores,
    work_of_step,
)
from multitide._walk import parameters_in
from multitide.data.datasets import load_beijing_pm25
from multitide.training._trainer import Trainer

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOOP = [sys.executable, "-c", "while True: pass"]
# Time steps and samples per batch of random numbers.
SIZES = ((24, 16), (24, 256), (120, 64), (500, 64))


class Watch(Callback):
    """Notes the time from the first step to the end, the threads and the work of a step."""

    def on_train_begin(self, trainer: Trainer) -> None:
        """Note what a step needs."""
        n_timepoints = trainer._streams[0].samples.n_timepoints
        parameters = parameters_in(trainer.network)
        self.work = work_of_step(parameters, trainer._batch_size, n_timepoints)
        self.threads = torch.get_num_threads()
        self._began = time.perf_counter()

    def on_train_end(self, trainer: Trainer) -> None:
        """Note the time."""
        self.seconds = time.perf_counter() - self._began


def random_numbers(n_timepoints: int, n_samples: int) -> Samples:
    """Return series of 9 channels with a class and a number."""
    rng = np.random.default_rng(0)
    y = pd.DataFrame(
        {
            "kind": rng.choice(list("abcd"), n_samples),
            "level": rng.normal(size=n_samples),
        }
    )
    return Samples.from_arrays(rng.normal(size=(n_samples, 9, n_timepoints)), y)


def physionet() -> Samples:
    """Return stays of 48 hours x 37 variables with four tasks."""
    folder = DATA / "physionet2012"
    return read_table(
        folder / "series.parquet",
        labels=folder / "labels.csv",
        series="stay",
        time="hour",
        static=["static_*"],
    )


def fits(n_samples: int) -> Iterator[tuple[str, Samples, int | str]]:
    """Yield the name, the samples and the batch size of each fit."""
    yield "rig", simulate_rig(400, random_state=0), "auto"
    if (DATA / "beijing_pm25.csv").exists():
        samples = load_beijing_pm25(
            DATA / "beijing_pm25.csv", missing_rows="drop", on_gap="ignore"
        )
        yield "beijing", samples[:n_samples], "auto"
    if (DATA / "physionet2012").exists():
        yield "physionet2012", physionet()[:n_samples], "auto"
    for n_timepoints, batch_size in SIZES:
        samples = random_numbers(n_timepoints, 12 * batch_size)
        yield f"random {n_timepoints} x {batch_size}", samples, batch_size


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Keep so many processes busy within the block."""
    running = []
    for _ in range(number):
        running.append(subprocess.Popen(LOOP))
    time.sleep(0.2)
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def timed(samples: Samples, batch_size: int | str, threads: int | None) -> Watch:
    """Train for one epoch, with the threads of the rule if None."""
    chosen = {}
    if threads is not None:
        torch.set_num_threads(threads)
        chosen["OMP_NUM_THREADS"] = str(threads)
    watch = Watch()
    estimator = MultiTaskEstimator(
        max_epochs=1, batch_size=batch_size, device="cpu", random_state=0, verbose=0
    )
    with mock.patch.dict(os.environ, chosen):
        estimator.fit(samples, callbacks=[watch])
    torch.set_num_threads(available_cores())
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rounds", 3), ("samples", 3200), ("neighbours", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", nargs="*", help="Names of fits, or their beginnings.")
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    for name in CHOSEN_BY:
        os.environ.pop(name, None)
    cores = available_cores()
    torch.set_num_threads(cores)
    print(
        f"{cores} cores; seconds of an epoch with 1 thread, {cores} threads and by rule"
    )
    print(
        f"{'':<18} work rule | alone               | beside {options.neighbours} busy"
    )
    for name, samples, batch_size in fits(options.samples):
        if options.only and not name.startswith(tuple(options.only)):
            continue
        seconds: dict[tuple[int, int | None], list[float]] = {}
        for _ in range(options.rounds):
            for n_busy in (0, options.neighbours):
                for threads in (1, cores, None):
                    with neighbours(n_busy):
                        watch = timed(samples, batch_size, threads)
                    seconds.setdefault((n_busy, threads), []).append(watch.seconds)
        row = f"{name:<18} {watch.work / WORK_PER_THREAD:4.1f} {watch.threads:4d}"
        for n_busy in (0, options.neighbours):
            row += " |"
            for threads in (1, cores, None):
                row += f"{np.median(seconds[n_busy, threads]):7.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
