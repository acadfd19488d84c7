"""Compare one fit of two data sets with one fit each, at equal budgets.

    python benchmarks/data_sets.py [rigs] [hydraulic] [hydraulic_few] [--arms ...] [--seeds 5]
    [--folder runs/data_sets]
    python benchmarks/data_sets.py --choose    # the validation losses that chose network and budget

`rigs`: 300 runs of the simulated rig for training and validation, and 80 shorter runs of another
rig, six of whose sensors have other names; both have all tasks. `hydraulic`: every fourth cycle of
the hydraulic rig (``../shared/data``) with its five tasks, and the 300 simulated runs with their
four; they have no task in common. `hydraulic_few`: the same cycles and the 80 runs.

All fits of a pair take the same number of optimiser steps. In each step, `alone` sees as many rows
of its data set as `joint`, and `alone, equal shares` as many as `joint, equal shares`. Each seed
has its own runs (simulated anew) or its own split (hydraulic, by run). Networks and budgets were
chosen by the validation losses of `alone`, with seeds that are in no table (--choose; every second
cycle). The way of sharing is chosen on the validation set, for each seed. Losses are on the test
set, in units of the loss of the best constant on the training labels of the data set.

Each fit or pair of fits writes one line per task to ``results.jsonl`` in the folder, so an
interrupted command can be resumed. One thread per process. Expected time: about ten minutes on two
idle cores (14 minutes of CPU time).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from results import Results
from scipy import stats

from multitide import (
    Inputs,
    MultiTaskEstimator,
    Regression,
    Samples,
    Split,
    Splitter,
    Training,
    load_config,
    simulate_rig,
)
from multitide.backbones import CNN1D, FCN, LSTMFCN, Backbone
from multitide.sharing import Hard
from multitide.study.results._adjusted_p_values import holm
from multitide.study.results._verdicts import MARGIN
from multitide.tasks import Target, resolve_tasks

ROOT = Path(__file__).resolve().parents[1]
BATCH = 32
TEST = 0.25  # of the hydraulic runs
TEST_RUNS = 400  # simulated runs cost nothing, and a test set of 80 runs is too noisy
SENSORS = ("pressure", "flow", "current", "vibration", "oil_temperature", "trim")
ALPHA = 0.05
CHOICE_SEEDS = (100, 101, 102)
MEAN = "mean of its tasks"
KEYS = ["pair", "data", "seed"]
ALONE, ALONE_EQUAL = "alone", "alone, equal shares"
FILM = "joint, film"
BEST_ALONE, BEST_JOINT = "chosen alone", "chosen: joint over alone"
SIZE, EQUAL = Training(patience=None), Training(patience=None, mixing="equal")
ARMS: dict[str, tuple[Hard, Training]] = {
    ALONE: (Hard(), SIZE),
    ALONE_EQUAL: (Hard(), EQUAL),
    "joint": (Hard(), SIZE),
    FILM: (Hard(conditioning="film"), SIZE),
    "joint, equal shares": (Hard(), EQUAL),
}
OVER = {arm: ALONE for arm in ARMS if arm != ALONE} | {BEST_JOINT: BEST_ALONE}
Parts = dict[str, tuple[Samples, Split]]


# -- the data --------------------------------------------------------------------------------------


def simulated(n_runs: int, seed: int, **options: Any) -> tuple[Samples, Split]:
    """Return new runs, of which n are for training and validation, and their split."""
    samples = simulate_rig(n_runs=n_runs + TEST_RUNS, random_state=seed, **options)
    share = TEST_RUNS / len(samples)
    return samples, Splitter(
        by="random", test=share, validation=0.25, random_state=seed
    ).split(samples)


def large_rig(seed: int) -> tuple[Samples, Split]:
    return simulated(300, 2 * seed)


def small_rig(seed: int) -> tuple[Samples, Split]:
    """Another rig: fewer and shorter runs, six sensors, one (``trim``) moved by the operator."""
    samples, split = simulated(80, 2 * seed + 1, n_timepoints=(40, 60))
    some = [samples.channels.index(name) for name in SENSORS]
    names = tuple(f"sensor{i}" for i in range(len(SENSORS)))
    return samples.replace(
        values=np.ascontiguousarray(samples.values[:, some]), channels=names
    ), split


@cache
def cycles() -> Samples:
    """Every fourth cycle, to save time. A series is a run."""
    every = load_config(ROOT / "configs" / "hydraulic.toml").read()
    assert every.extra is not None
    return every[::4].replace(series=every.extra["run"].to_numpy()[::4])


def hydraulic_rig(seed: int) -> tuple[Samples, Split]:
    splitter = Splitter(by="group", test=TEST, validation=0.25, random_state=seed)
    return cycles(), splitter.split(cycles())


PAIRS: dict[str, dict[str, Callable[[int], tuple[Samples, Split]]]] = {
    "rigs": {"large": large_rig, "small": small_rig},
    "hydraulic": {"hydraulic": hydraulic_rig, "rig": large_rig},
    "hydraulic_few": {"hydraulic": hydraulic_rig, "small": small_rig},
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A network and its budget."""

    backbone: Backbone
    encodings: tuple[str, ...]
    lr: float
    epochs: int


FLAT = CNN1D(flatten=True, dropout=0.5)  # as in configs/hydraulic.toml
SMALL_FCN = FCN(filters=(32, 32, 32))
STEPS = ("difference",)
CANDIDATES = {
    "fcn, 20 epochs": Setting(SMALL_FCN, (), 3e-3, 20),
    "fcn, 60 epochs": Setting(SMALL_FCN, (), 3e-3, 60),
    "fcn, lr 0.01, 60 epochs": Setting(SMALL_FCN, (), 1e-2, 60),
    "fcn, difference, 60 epochs": Setting(SMALL_FCN, STEPS, 3e-3, 60),
    "lstm_fcn, difference, 30 epochs": Setting(
        LSTMFCN(hidden_size=32, filters=(32, 32, 32)), STEPS, 3e-3, 30
    ),
    "cnn1d flat, difference, 20 epochs": Setting(FLAT, STEPS, 4e-3, 20),
    "cnn1d flat, difference, 40 epochs": Setting(FLAT, STEPS, 4e-3, 40),
    "cnn1d flat, difference, lr 0.01, 40 epochs": Setting(FLAT, STEPS, 1e-2, 40),
    "cnn1d flat, difference, 80 epochs": Setting(FLAT, STEPS, 4e-3, 80),
}
CHOSEN = dict.fromkeys(PAIRS, "fcn, difference, 60 epochs")


# -- one unit of work ------------------------------------------------------------------------------


def measure(
    pair: str, arm: str, seed: int, setting_name: str = ""
) -> list[dict[str, Any]]:
    """Return one row per data set and task: the test loss of the fit or fits of an arm."""
    torch.set_num_threads(1)
    setting = CANDIDATES[setting_name or CHOSEN[pair]]
    parts = {name: make(seed) for name, make in PAIRS[pair].items()}
    apart = arm in (ALONE, ALONE_EQUAL)
    rows: list[dict[str, Any]] = []
    for names in [[name] for name in parts] if apart else [list(parts)]:
        batch_size, epochs = budget(parts, names, ARMS[arm][1].mixing, setting.epochs)
        started = time.process_time()
        estimator = fit(
            {name: parts[name] for name in names},
            arm,
            setting,
            batch_size,
            epochs,
            seed,
        )
        seconds = time.process_time() - started
        for name in names:
            samples, split = parts[name]
            # Seeds of the cycles share rows; those of the simulated rigs have none in common.
            overlap = len(split.test) / len(split.train) if name == "hydraulic" else 0.0
            same = {"data": name, "seconds": seconds, "overlap": overlap}
            validation = losses(estimator, name, samples, split, split.validation)
            test = losses(estimator, name, samples, split, split.test)
            rows += [
                same
                | {"task": task, "validation": validation[task], "loss": test[task]}
                for task in test
            ]
    return rows


def budget(
    parts: Parts, names: Sequence[str], mixing: str, epochs: int
) -> tuple[int, int]:
    """Return rows per step and epochs, so that all fits of a pair take the same steps."""
    n_rows = {name: len(split.train) for name, (_, split) in parts.items()}
    total, own = sum(n_rows.values()), sum(n_rows[name] for name in names)
    share = len(names) / len(parts) if mixing == "equal" else own / total
    batch_size = max(2, round(BATCH * share))
    steps = epochs * np.ceil(total / BATCH)
    return batch_size, max(1, round(steps / np.ceil(own / batch_size)))


def fit(
    parts: Parts, arm: str, setting: Setting, batch_size: int, epochs: int, seed: int
) -> MultiTaskEstimator:
    sharing, training = ARMS[arm]
    estimator = MultiTaskEstimator(
        backbone=setting.backbone,
        inputs=Inputs(encodings=setting.encodings),
        sharing=sharing,
        training=training,
        max_epochs=epochs,
        batch_size=batch_size,
        lr=setting.lr,
        random_state=seed,
        device="cpu",
        verbose=0,
    )
    return estimator.fit(
        {name: samples[split.train] for name, (samples, split) in parts.items()},
        validation={
            name: samples[split.validation] for name, (samples, split) in parts.items()
        },
    )


def losses(
    estimator: MultiTaskEstimator,
    name: str,
    samples: Samples,
    split: Split,
    rows: np.ndarray,
) -> dict[str, float]:
    """Return the loss per task in units of the trivial loss of the data set's own labels."""
    train, some = samples[split.train], samples[rows]
    numbers, classes = (
        estimator.predict({name: some})[name],
        estimator.predict_proba({name: some})[name],
    )
    found = {}
    for task in resolve_tasks(
        [task for task in estimator.tasks_ if task.name in numbers], samples.y
    ):
        target: Target = task.fit_target(train.y[task.columns])
        if isinstance(task, Regression):
            decoded = numbers[task.name].to_numpy(dtype=float)
        else:
            decoded = (
                classes[task.name]
                .reindex(columns=target.classes, fill_value=0.0)
                .to_numpy()
            )
        found[task.name] = float(
            np.nanmean(target.row_losses(some.y[task.columns], decoded))
        )
    return found


# -- all of them -----------------------------------------------------------------------------------


def results(
    pairs: Sequence[str], arms: Sequence[str], n_seeds: int, n_jobs: int, folder: Path
) -> pd.DataFrame:
    """Run the missing fits, and return the rows of these pairs, arms and seeds."""
    kept = Results(folder)
    finished = kept.values("pair", "arm", "seed")
    wanted = [
        (pair, arm, seed)
        for seed in range(n_seeds)
        for pair in pairs
        for arm in arms_of(pair)
        if arm in arms
    ]
    for (pair, arm, seed), rows in in_parallel(
        [unit for unit in wanted if unit not in finished], n_jobs
    ):
        unit = {"pair": pair, "arm": arm, "seed": seed}
        kept.add(*(unit | row for row in rows))
        print(f"{pair}, seed {seed}: {arm}", file=sys.stderr)
    table = pd.DataFrame(kept.rows)
    return table[
        table["pair"].isin(pairs) & table["arm"].isin(arms) & (table["seed"] < n_seeds)
    ]


def arms_of(pair: str) -> list[str]:
    """Return the arms of a pair; FiLM only where the data sets have tasks in common."""
    return [arm for arm in ARMS if arm != FILM or pair == "rigs"]


def in_parallel(
    units: Sequence[tuple[Any, ...]], n_jobs: int
) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """Yield each unit, the arguments of `measure`, with its rows as soon as they are there."""
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(measure, *unit): unit for unit in units}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def choice(pairs: Sequence[str], n_jobs: int) -> str:
    """Return the mean validation losses of `alone` per candidate, with seeds of its own."""
    units = [
        (pair, ALONE, seed, name)
        for pair in pairs
        for name in CANDIDATES
        for seed in CHOICE_SEEDS
    ]
    found = [
        row | {"pair": unit[0], "setting": unit[3]}
        for unit, rows in in_parallel(units, n_jobs)
        for row in rows
    ]
    table = pd.DataFrame(found).pivot_table(
        index="setting", columns=["pair", "data"], values="validation", sort=False
    )
    lines = [
        "| | " + " | ".join(f"{pair}: {data}" for pair, data in table) + " |",
        "|---" * (table.shape[1] + 1) + "|",
    ]
    for name, losses_ in table.loc[list(CANDIDATES)].iterrows():
        lines.append(
            f"| {name} | " + " | ".join(f"{loss:.3f}" for loss in losses_) + " |"
        )
    return "\n".join(lines)


# -- tables ----------------------------------------------------------------------------------------


def with_means(table: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over the tasks of a data set, and the fits that validation chooses."""
    means = (
        table.groupby(["pair", "data", "seed", "arm"], sort=False)
        .mean(numeric_only=True)
        .reset_index()
    )
    table = pd.concat([table, means.assign(task=MEAN)], ignore_index=True)
    if means["arm"].nunique() == 2:  # nothing to choose from
        return table
    for name, arms in {
        BEST_ALONE: (ALONE, ALONE_EQUAL),
        BEST_JOINT: tuple(set(ARMS) - {ALONE, ALONE_EQUAL}),
    }.items():
        of_kind = means[means["arm"].isin(arms)]
        best = of_kind.loc[of_kind.groupby(KEYS)["validation"].idxmin(), [*KEYS, "arm"]]
        table = pd.concat(
            [table, table.merge(best, on=[*KEYS, "arm"]).assign(arm=name)],
            ignore_index=True,
        )
    return table


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per data set, task and arm: the gain, its interval, and Holm's p.

    Gains are over `alone`, and of what is chosen over what is chosen of the fits apart. Student's t
    over seeds; where seeds cut the same rows anew, with the variance of Nadeau & Bengio (2003).
    Tasks and means are a family each.
    """
    wide = table.pivot_table(
        index=["data", "task", "seed"], columns="arm", values="loss", sort=False
    )
    overlap = table.groupby("data")["overlap"].mean()
    rows = []
    for (data, task), seeds in wide.groupby(level=["data", "task"], sort=False):
        for arm, other in ((arm, other) for arm, other in OVER.items() if arm in seeds):
            gain, half, p = interval(
                (seeds[other] - seeds[arm]).to_numpy(), overlap[data]
            )
            rows.append(
                {
                    "data": data,
                    "task": task,
                    "arm": arm,
                    "gain": gain,
                    "half": half,
                    "p": p,
                }
            )
    found = pd.DataFrame(rows)
    found["p_holm"] = found.groupby(found["task"] == MEAN)["p"].transform(holm)
    return found.set_index(["data", "task", "arm"])


def interval(differences: np.ndarray, overlap: float) -> tuple[float, float, float]:
    """Return mean, half the width of the 95 % interval, and p, of paired differences."""
    n, mean = len(differences), float(differences.mean())
    if n < 2:
        return mean, float("nan"), float("nan")
    error = float(differences.std(ddof=1)) * np.sqrt(1 / n + overlap)
    return (
        mean,
        float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * error,
        float(2 * stats.t.sf(abs(mean) / error, n - 1)),
    )


def mark(gain: float, half: float, p: float) -> str:
    """Return the verdict, in the signs of docs/results/sharing.md."""
    if abs(gain) + half < MARGIN:
        return "="
    return "?" if not p < ALPHA else "▲" if gain > 0 else "▼"


def shown(table: pd.DataFrame, pair: str) -> str:
    """Return the Markdown table of a pair: the test loss alone, and the gain of each arm."""
    table = with_means(table[table["pair"] == pair])
    over = [arm for arm in OVER if arm in set(table["arm"])]
    found, alone = (
        gains(table),
        table[table["arm"] == ALONE]
        .groupby(["data", "task"])["loss"]
        .agg(["mean", "std"]),
    )
    lines = [
        "| data set | task | alone | " + " | ".join(over) + " |",
        "|---|---|---" + "|---" * len(over) + "|",
    ]
    for data, task in found.index.droplevel("arm").unique():
        cells = []
        for arm in over:
            gain, half, _, p = found.loc[(data, task, arm)]
            cells.append(f"{gain:+.3f} ± {half:.3f} {mark(gain, half, p)}")
        mean, spread = alone.loc[(data, task)]
        lines.append(
            f"| {data} | {task} | {mean:.3f} ± {spread:.3f} | "
            + " | ".join(cells)
            + " |"
        )
    spent = table[table["arm"].isin(ARMS)].drop_duplicates(["arm", "seed", "seconds"])
    spent = spent.groupby(["arm", "seed"])["seconds"].sum().groupby(level="arm").mean()
    seconds = [f"{spent[arm]:.0f}" if arm in spent else "" for arm in [ALONE, *over]]
    return "\n".join([*lines, "| CPU seconds | | " + " | ".join(seconds) + " |"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "pairs", nargs="*", choices=[[], *PAIRS], help="which pairs; all without it"
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help="print validation losses of all candidates instead",
    )
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=ARMS,
        default=list(ARMS),
        help="the reference and others",
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/data_sets"))
    arguments = parser.parse_args()
    pairs = arguments.pairs or list(PAIRS)
    if arguments.choose:
        print(choice(pairs, arguments.jobs))
        return
    table = results(
        pairs, arguments.arms, arguments.seeds, arguments.jobs, arguments.folder
    )
    for pair in pairs:
        print(f"\n{pair}\n\n{shown(table, pair)}")


if __name__ == "__main__":
    main()
