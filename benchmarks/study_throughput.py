"""Time one study run in three ways: in sequence with all threads or one, and in parallel.

    python benchmarks/study_throughput.py [--seeds 4] [--runs 400] [--epochs 16] [--jobs N]
    [--rounds 1]

One process per core with one thread each must give the same bits as one process with one thread. On
two cores it must take at most 1 / 1.5 of the time of one process with two threads (which rounds
differently: the difference is printed).
"""

from __future__ import annotations

import argparse
import logging
import os
import time
import warnings
from contextlib import nullcontext
from unittest import mock

import numpy as np
import torch

from multitide import MultiTaskEstimator, Splitter, simulate_rig
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.study import Comparison, compare
from multitide.study.runs import _run_job

GOAL = 1.5


def study(options: argparse.Namespace, n_jobs: int) -> tuple[Comparison, float]:
    """Return a study and its seconds."""
    samples = simulate_rig(options.runs, n_machines=40, random_state=0)
    estimator = MultiTaskEstimator(max_epochs=options.epochs, device="cpu")
    started = time.perf_counter()
    comparison = compare(
        samples,
        estimator=estimator,
        n_seeds=options.seeds,
        split=Splitter(by="group", test=0.3),
        n_jobs=n_jobs,
        verbose=0,
    )
    return comparison, time.perf_counter() - started


def difference(one: Comparison, other: Comparison) -> float:
    """Return the largest difference of predictions, relative to the largest of the task."""
    differences = [0.0]
    for key, fit in one.evidence.fits.items():
        for task, values in fit.answers.items():
            theirs = other.evidence.fits[key].answers[task]
            differences.append(
                float(np.abs(values - theirs).max() / np.abs(values).max())
            )
    return max(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("seeds", 4), ("runs", 400), ("epochs", 16), ("rounds", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.jobs)
    seconds: dict[str, list[float]] = {"threads": [], "one": [], "processes": []}
    for _ in range(options.rounds):
        with (
            mock.patch.object(_run_job, "single_thread", nullcontext),
            mock.patch.dict(os.environ, OMP_NUM_THREADS=str(options.jobs)),
        ):
            threads, took = study(options, 1)
        seconds["threads"].append(took)
        one, took = study(options, 1)
        seconds["one"].append(took)
        processes, took = study(options, options.jobs)
        seconds["processes"].append(took)
    medians = {name: float(np.median(times)) for name, times in seconds.items()}
    n_fits = len(one.evidence.fits)
    print(f"{n_fits} fits, {options.jobs} cores")
    print(f"one after another, {options.jobs} threads  {medians['threads']:7.1f} s")
    print(f"one after another, 1 thread   {medians['one']:7.1f} s")
    print(f"a process a core, 1 thread    {medians['processes']:7.1f} s")
    ratio = medians["threads"] / medians["processes"]
    print(
        f"ratio of the first to the last: {ratio:.2f} "
        f"(goal >= {GOAL}: {'reached' if ratio >= GOAL else 'MISSED'})"
    )
    same = difference(one, processes) == 0
    print(f"processes and one thread: {'the same bits' if same else 'DIFFERENT'}")
    print(
        f"processes and {options.jobs} threads: "
        f"answers differ by at most {difference(threads, processes):.1e}"
    )


if __name__ == "__main__":
    main()
