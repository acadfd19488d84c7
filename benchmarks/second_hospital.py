"""Measure whether a second hospital in the same fit improves the predictions for the first.

    python benchmarks/second_hospital.py [--arms ...] [--seeds 3] [--folder runs/second_hospital]

eICU and MIMIC have the same channels and labels. All arms are validated and tested on the same
eICU stays. "eicu" trains a network on eICU alone, "two data sets" one network on both, with an
input layer and batch norms for each, and "one table" a network on eICU's training stays and all of
MIMIC as if they were one data set. The "default" arms add boosted trees, which one fit of two data
sets does not have. A seed draws the split of eICU, the weights and the batches. Losses are in units
of the best constant of eICU's training labels. The table shows each arm's mean loss, and its
difference to the arm on eICU alone with the standard error over seeds; negative is better. Each fit
is a line of ``results.jsonl`` in the folder, so that an interrupted run continues. One thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from cases import icu_stays
from results import Results

from multitide import MultiTaskEstimator, Samples, Splitter
from multitide.reports._pages import markdown_table
from multitide.tasks import Task, resolve_tasks

FIRST, SECOND = "eicu", "mimic"
NETWORK = "lstm_fcn"
# By arm: the backbone, and the arm on eICU alone that it is compared with.
ARMS: dict[str, tuple[str, str]] = {
    "eicu": (NETWORK, "eicu"),
    "two data sets": (NETWORK, "eicu"),
    "one table": (NETWORK, "eicu"),
    "default": ("auto", "default"),
    "default, one table": ("auto", "default"),
}


def losses_of(
    tasks: list[Task],
    train: Samples,
    samples: Samples,
    decoded: dict[str, np.ndarray],
) -> dict[str, float]:
    """Return each task's mean loss, in units of the best constant of the training labels."""
    losses = {}
    for task in tasks:
        target = task.fit_target(train.y[task.columns])
        rows = target.row_losses(samples.y[task.columns], decoded[task.name])
        losses[task.name] = round(float(np.nanmean(rows)), 5)
    return losses


def measure(arm: str, first: Samples, second: Samples, seed: int) -> dict[str, Any]:
    """Fit one arm, and return its losses on eICU's validation and test set."""
    split = Splitter(by="random", test=0.2, random_state=seed).split(first)
    train, validation = first[split.train], first[split.validation]
    test = first[split.test]
    tasks = resolve_tasks(None, first.y)
    estimator = MultiTaskEstimator(
        tasks, backbone=ARMS[arm][0], random_state=seed, device="cpu", verbose=0
    )
    started = time.process_time()
    if arm == "two data sets":
        estimator.fit({FIRST: train, SECOND: second}, validation={FIRST: validation})
    elif arm.endswith("one table"):
        estimator.fit(train.joined(second), validation=validation)
    else:
        estimator.fit(train, validation=validation)
    row: dict[str, Any] = {"arm": arm, "seed": seed}
    row["seconds"] = round(time.process_time() - started, 1)
    for side, samples in {"validation": validation, "test": test}.items():
        if arm == "two data sets":
            decoded = estimator.decode({FIRST: samples})[FIRST]
        else:
            decoded = estimator.decode(samples)
        row[side] = losses_of(tasks, train, samples, decoded)
    return row


def table_of(done: pd.DataFrame, side: str) -> str:
    """Return the table of one set: an arm per row, the mean and each task per column."""
    losses = pd.json_normalize(done[side].tolist()).set_index(done.index)
    losses.insert(0, "mean", losses.mean(axis=1))
    losses = losses.set_index([done["arm"], done["seed"]])
    rows = []
    for arm in dict.fromkeys(done["arm"]):
        row: dict[str, object] = {"arm": arm}
        row["loss"] = f"{losses.loc[arm]['mean'].mean():.3f}"
        difference = (losses.loc[arm] - losses.loc[ARMS[arm][1]]).dropna()
        row["seeds"] = len(difference)
        for column in difference:
            values = difference[column]
            error = values.std() / np.sqrt(len(values))
            row[column] = f"{values.mean():+.3f} ± {error:.3f}"
        row["seconds"] = round(done.loc[done["arm"] == arm, "seconds"].mean())
        rows.append(row)
    return f"\n## {side}\n\n{markdown_table(pd.DataFrame(rows))}"


def main() -> None:
    """Measure what is not measured yet, and print a table per set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/second_hospital"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.folder)
    finished = results.values("arm", "seed")
    first, second = icu_stays(FIRST), icu_stays(SECOND)
    for seed, arm in itertools.product(range(arguments.seeds), arguments.arms):
        if (arm, seed) in finished:
            continue
        row = measure(arm, first, second, seed)
        results.add(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    done = pd.DataFrame(results.rows)
    for side in ("validation", "test"):
        print(table_of(done, side))


if __name__ == "__main__":
    main()
