"""Check what a GPU computes, and measure how fast: one script for one lent machine.

    python benchmarks/gpu.py [--device cuda] [--quick] [--skip checks steps study]
        [--rounds 7] [--samples 16384] [--jobs 4] [--study-samples 6000] [--study-epochs 16]

Checks: a line each with "ok", "FAILED" or "refused" (parts that do not go together, or a package
that is not installed) and a figure; see ``gpu_checks.py``. TF32, which torch uses for convolutions
and recurrent layers by default, is off in them, because it rounds to three digits.

Steps: steps per second of our loop with ordinary and with recorded steps, of a plain torch loop
with the same network and the data on the device, and of Lightning with a DataLoader. In each round,
each of them trains one epoch, in an order that rotates. Goal: recorded steps are at least 5 times
as fast as the plain loop at batch 64.

Study: 20 fits on the device, in one process and in `--jobs` processes, and on two CPU cores with a
process each. Starting the processes is included. Goal: at least 8 times as fast on the device.
"""

from __future__ import annotations

import argparse
import copy
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from gpu_checks import run_checks
from joblib.externals.loky import get_reusable_executor
from training_step import lightning_trainer, plain_loop

import multitide as mt
from multitide import Callback, MultiTaskEstimator, Samples

STEP_GOAL, STUDY_GOAL = 5.0, 8.0
ORDINARY, RECORDED = "multitide, graph=False", "multitide, graph=True"
PLAIN, LIGHTNING = "plain loop", "Lightning Trainer"


def make_samples(n_samples: int) -> Samples:
    """Return windows of 24 steps x 4 channels with a class and a number that they tell."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_samples, 4, 24)).astype(np.float32)
    level = x.mean(axis=2)
    labels = {"cbwd": level[:, 0] > 0, "pm2.5": level[:, 1] + level[:, 2] ** 2}
    labels["cbwd"] = np.where(labels["cbwd"], "north", "south")
    return Samples.from_arrays(x, pd.DataFrame(labels))


# -- steps -------------------------------------------------------------------------------------


class Stop(Exception):
    """Ends a fit whose trainer is wanted."""


class Take(Callback):
    """Takes the trainer out of a fit."""

    def on_train_begin(self, trainer: Any) -> None:
        self.trainer = trainer
        raise Stop


def our_trainer(
    samples: Samples, device: str, batch_size: int, graph: bool, rounds: int
) -> Any:
    """Return a trainer that has not trained yet."""
    take = Take()
    estimator = MultiTaskEstimator(
        ["cbwd", "pm2.5"],
        backbone="lstm_fcn",
        max_epochs=rounds + 3,
        batch_size=batch_size,
        validation=None,
        device=device,
        random_state=0,
        verbose=0,
        training={"graph": graph},
    )
    try:
        estimator.fit(samples, callbacks=[take])
    except Stop:
        return take.trainer
    raise RuntimeError("the fit did not begin")


def our_epoch(trainer: Any) -> Callable[[], None]:
    def epoch() -> None:
        trainer.epoch += 1
        trainer.train_epoch()

    return epoch


def contenders(
    samples: Samples, device: str, batch_size: int, rounds: int
) -> dict[str, Callable[[], Any]]:
    """Return what trains one epoch, by name."""
    trainer = our_trainer(samples, device, batch_size, False, rounds)
    made: dict[str, Callable[[], Any]] = {ORDINARY: our_epoch(trainer)}
    if torch.device(device).type == "cuda":
        made[RECORDED] = our_epoch(
            our_trainer(samples, device, batch_size, True, rounds)
        )
    x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
    codes = []
    for target in trainer.network.target_list:
        codes.append(torch.from_numpy(target.encode(samples.y[target.task.columns])))
    there = tuple(code.to(device) for code in codes)
    network = copy.deepcopy(trainer.network).to(device)
    made[PLAIN] = plain_loop(network, x.to(device), there, batch_size)
    accelerator = "gpu" if torch.device(device).type == "cuda" else "cpu"
    try:
        network = copy.deepcopy(trainer.network).cpu()
        made[LIGHTNING] = lightning_trainer(
            network, x, tuple(codes), batch_size, accelerator
        )
    except ImportError as error:
        print(f"{LIGHTNING}: skipped, {error.name} cannot be imported")
    return made


def seconds_of(epoch: Callable[[], Any], device: str) -> float:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    own = epoch()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    if isinstance(own, np.ndarray):  # without setting up the trainer
        return float(own[0])
    return time.perf_counter() - started


def measure_steps(device: str, batch_size: int, rounds: int, n_samples: int) -> None:
    """Print steps per second of each contender, and ratios to the plain loop."""
    samples = make_samples(n_samples)
    n_steps = -(-n_samples // batch_size)
    epochs = contenders(samples, device, batch_size, rounds)
    spent: dict[str, list[float]] = {name: [] for name in epochs}
    for i in range(rounds + 1):
        names = list(epochs)
        names = names[i % len(names) :] + names[: i % len(names)]
        for name in names:
            seconds = seconds_of(epochs[name], device)
            if i:  # the first round warms up
                spent[name].append(seconds)
    times = pd.DataFrame(spent)
    ratios = times.rdiv(times[PLAIN], axis=0)
    print(f"\nbatch {batch_size}, {n_steps} steps per epoch, {rounds} rounds")
    print(f"{'':<26}{'steps/s':>9}{'to plain':>10}   quartiles")
    for name in epochs:
        low, high = ratios[name].quantile([0.25, 0.75])
        ratio = times[PLAIN].median() / times[name].median()
        rate = n_steps / times[name].median()
        print(f"{name:<26}{rate:9.0f}{ratio:10.2f}   {low:.2f} to {high:.2f}")
    if RECORDED in epochs and batch_size == 64:
        ratio = times[PLAIN].median() / times[RECORDED].median()
        _judge("recorded steps to the plain loop at batch 64", ratio, STEP_GOAL)


def _judge(what: str, ratio: float, goal: float) -> None:
    word = "reached" if ratio >= goal else "MISSED"
    print(f"{what}: {ratio:.2f} (goal >= {goal:g}: {word})", flush=True)


# -- a study -----------------------------------------------------------------------------------


@contextmanager
def two_cores() -> Iterator[None]:
    """Use two cores within the block, in this process and those that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:2]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_study(options: argparse.Namespace, device: str, n_jobs: int) -> float:
    """Return the seconds of a study of four fits per seed."""
    samples = make_samples(options.study_samples)
    estimator = MultiTaskEstimator(
        ["cbwd", "pm2.5"],
        backbone="lstm_fcn",
        max_epochs=options.study_epochs,
        batch_size=64,
        device=device,
        random_state=0,
        verbose=0,
        training={"patience": None},
    )
    get_reusable_executor().shutdown(
        wait=True
    )  # a study that starts has no processes yet
    started = time.perf_counter()
    study = mt.compare(
        samples,
        estimator=estimator,
        arms={"hard": {}, "uncertainty": {"weighting": "uncertainty"}},
        n_seeds=options.seeds,
        n_jobs=n_jobs,
        verbose=0,
    )
    seconds = time.perf_counter() - started
    get_reusable_executor().shutdown(wait=True)
    n_fits = len(study.evidence.fits)
    print(
        f"{n_fits} fits on {device}, n_jobs={n_jobs}: {seconds:7.1f} s, "
        f"{n_fits / seconds:.2f} fits/s",
        flush=True,
    )
    return seconds


def measure_study(options: argparse.Namespace) -> None:
    """Print the seconds of the same study on the device and on two CPU cores."""
    rows = f"{options.study_samples} series, {options.study_epochs} epochs, batch 64"
    print(f"\nstudy: {rows}")
    seconds = []
    for n_jobs in sorted({1, options.jobs}):
        seconds.append(run_study(options, options.device, n_jobs))
    if torch.device(options.device).type != "cuda":
        return
    with two_cores():
        on_cpu = run_study(options, "cpu", 2)
    _judge("study on two CPU cores to the GPU", on_cpu / min(seconds), STUDY_GOAL)


# -- the script --------------------------------------------------------------------------------


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="the same in seconds")
    parts = ("checks", "steps", "study")
    parser.add_argument("--skip", nargs="*", choices=parts, default=[])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--samples", type=int, default=16_384)
    parser.add_argument("--batches", type=int, nargs="*", default=[64, 512])
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--study-samples", type=int, default=6000)
    parser.add_argument("--study-epochs", type=int, default=16)
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.samples, options.batches = 1, 128, [64]
        options.jobs, options.seeds = 1, 1
        options.study_samples, options.study_epochs = 96, 1
    return options


def machine(device: str) -> str:
    """Return the name of the card or of the processor's kind, and torch's version."""
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"{device}, torch {torch.__version__}"


@contextmanager
def without_tf32() -> Iterator[None]:
    """Compute in float32 within the block."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def main(arguments: list[str] | None = None) -> int:
    """Return the number of checks that failed."""
    options = parse(arguments)
    logging.getLogger("multitide").setLevel(logging.ERROR)
    started = time.perf_counter()
    print(machine(options.device), flush=True)
    n_failed = 0
    if "checks" not in options.skip:
        with without_tf32():
            n_failed = run_checks(options.device, options.quick)
        print(f"{n_failed} checks failed, {time.perf_counter() - started:.0f} s")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "steps" not in options.skip:
            for batch_size in options.batches:
                measure_steps(
                    options.device, batch_size, options.rounds, options.samples
                )
        if "study" not in options.skip:
            measure_study(options)
    print(f"{time.perf_counter() - started:.0f} s in all")
    return n_failed


if __name__ == "__main__":
    raise SystemExit(main())
