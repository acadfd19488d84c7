"""Time each way of learning until its validation loss is that of boosting.

    python benchmarks/time_to_quality.py [CASE ...] [--arms NAME ...] [--rounds 3] [--rows N]
        [--limit 60] [--folder runs/time_to_quality]

The goal of a case is the mean validation loss over tasks, in units of the trivial loss, of
scikit-learn's boosting on window statistics, times 1.01. It is measured first. Then each round fits
every arm once with the seed of the round, in an order that rotates, so that a busy machine slows
all alike. An arm ends when it has reached the goal, when its schedule ends, or after `--limit`
times the seconds of the processor that boosting took. Each fit is a line of ``results.jsonl`` in
the folder, so that an interrupted run continues. The table shows medians of the seconds of the
processor and of the wall from the start of `fit` to the first evaluation that reaches the goal, and
how often it did. Networks are evaluated after every epoch; the others give one model, at the end.

No test set is read. The validation set also chooses the number of trees, the weights of network
and trees, and the penalty and the scale of ridge, so that those arms look a little better.

Arms: ``default`` is ``MultiTaskEstimator()``; ``trees`` and ``linear`` are its boosted trees and
linear heads on MiniRocket features; ``boosting`` is the study's baseline; ``minirocket`` is aeon's
with ridge. ``reference`` is the recipe of the reference system on raw inputs
with its published loss, and ``reference, repaired`` the same recipe with ours. ``plain loop``,
``skorch`` and ``Lightning`` train the default LSTM-FCN with AdamW and a constant learning rate,
for as many epochs as our default. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from cases import CASES, Case
from results import Results
from time_to_quality_peers import PEERS

from multitide import Inputs, MultiTaskEstimator, Split
from multitide.fitting._auto_backbone import boosted_trees
from multitide.reports._pages import markdown_table
from multitide.study.design._baselines import Boosting
from multitide.training import Callback

SLACK = 1.01  # of the loss of boosting
LARGE = "beijing"


class Clock:
    """Measures a fit from its start, and ends it at the goal or at the limit.

    Parameters
    ----------
    goal : float
        Mean validation loss over tasks.
    limit : float
        Seconds of the processor.
    """

    def __init__(self, goal: float, limit: float) -> None:
        self.goal, self.limit = goal, limit
        self.curve: list[tuple[float, float, float]] = []
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def note(self, loss: float) -> bool:
        """Keep a validation loss with the seconds so far; return whether the fit is over."""
        wall = time.perf_counter() - self._wall
        cpu = time.process_time() - self._cpu
        self.curve.append((wall, cpu, loss))
        return loss <= self.goal or cpu > self.limit

    def row(self) -> dict[str, Any]:
        """Return what is kept of the fit: the seconds until the goal, or until the end."""
        wall, cpu, _ = self.curve[-1]
        return {
            "reached": self.curve[-1][2] <= self.goal,
            "wall": round(wall, 3),
            "cpu": round(cpu, 3),
            "loss": round(min(loss for _, _, loss in self.curve), 4),
            "evaluations": len(self.curve),
        }


class AtTheEnd(Callback):
    """Ends a fit that is late; its quality is that of the model it returns."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_end(self, trainer: Any, rows: list[dict[str, Any]]) -> None:
        now = time.process_time() - self.clock._cpu
        trainer.stop = trainer.stop or now > self.clock.limit


class EveryEpoch(Callback):
    """Notes the validation loss of every epoch, and ends the fit when it is over."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_end(self, trainer: Any, rows: list[dict[str, Any]]) -> None:
        losses = []
        for row in rows:
            if row["side"] == "validation":
                losses.append(row["loss"])
        if self.clock.note(float(np.mean(losses))):
            trainer.stop = True


def validation_loss(case: Case, estimator: MultiTaskEstimator) -> float:
    """Return the mean loss of the tasks on the validation set."""
    table = estimator.evaluate(case.samples[case.splits[0].validation])
    return float(table.loc[table["metric"] == "loss", "value"].mean())


def fit(case: Case, estimator: MultiTaskEstimator, callback: Callback) -> None:
    """Fit an estimator with the validation set of the case."""
    split = case.splits[0]
    estimator.fit(
        case.samples[split.train],
        validation=case.samples[split.validation],
        callbacks=[callback],
    )


def default(case: Case, seed: int, clock: Clock) -> None:
    """Fit the bare default; only the whole fit returns its mean of network and trees."""
    estimator = MultiTaskEstimator(case.tasks, random_state=seed, verbose=0)
    fit(case, estimator, AtTheEnd(clock))
    clock.note(validation_loss(case, estimator))


def trees(case: Case, seed: int, clock: Clock) -> None:
    """Fit the boosted trees of the default."""
    n_rows, n_channels = len(case.splits[0].train), case.samples.n_channels
    estimator = MultiTaskEstimator(
        case.tasks,
        backbone=boosted_trees(n_rows, n_channels),
        random_state=seed,
        verbose=0,
    )
    fit(case, estimator, AtTheEnd(clock))
    clock.note(validation_loss(case, estimator))


def linear(case: Case, seed: int, clock: Clock) -> None:
    """Fit linear heads on MiniRocket features."""
    estimator = MultiTaskEstimator(
        case.tasks,
        backbone="linear",
        inputs=Inputs(representation="minirocket"),
        random_state=seed,
        verbose=0,
    )
    fit(case, estimator, AtTheEnd(clock))
    clock.note(validation_loss(case, estimator))


def boosting(case: Case, seed: int, clock: Clock) -> None:
    """Fit the study's baseline for each task, and answer the validation set."""
    split = case.splits[0]
    judged = Split(split.train, split.validation, split.validation)
    losses = []
    for task in case.tasks:
        labels = case.samples.y[task.columns]
        own = labels.iloc[split.train].reset_index(drop=True)
        target = task.fit_target(own)
        decoded, _ = Boosting().answer(case.samples, judged, target)
        seen = labels.iloc[split.validation].reset_index(drop=True)
        losses.append(float(np.nanmean(target.row_losses(seen, decoded))))
    clock.note(float(np.mean(losses)))


def repaired(case: Case, seed: int, clock: Clock) -> None:
    """Train the recipe of the reference system with our losses, on scaled inputs."""
    estimator = MultiTaskEstimator(
        case.tasks,
        backbone={"name": "lstm_fcn", "lstm_dropout": 0.4},
        max_epochs=150,
        batch_size=64,
        lr=1e-4,
        training={"weight_decay": 0.0, "schedule": "constant", "patience": 150},
        random_state=seed,
        verbose=0,
    )
    fit(case, estimator, EveryEpoch(clock))


ARMS: dict[str, Callable[[Case, int, Clock], None]] = {
    "boosting": boosting,
    "trees": trees,
    "linear": linear,
    "default": default,
    "reference, repaired": repaired,
    **PEERS,
}


def read(name: str, n_rows: int | None) -> Case:
    """Return a case; of Beijing's training rows the last `n_rows`."""
    case = CASES[name]()
    if name != LARGE or n_rows is None:
        return case
    split = case.splits[0]
    fewer = dataclasses.replace(split, train=split.train[-n_rows:])
    return dataclasses.replace(case, splits=[fewer])


def measure(name: str, arm: str, seed: int, case: Case, goal: Clock) -> dict[str, Any]:
    """Fit one arm once."""
    clock = Clock(goal.goal, goal.limit)
    row = {"case": name, "arm": arm, "seed": seed, "error": None}
    try:
        ARMS[arm](case, seed, clock)
    except ImportError as error:
        return row | {"error": str(error)}
    return row | clock.row()


def goal_of(name: str, case: Case, results: Results, limit: float) -> Clock:
    """Return a clock with the goal of a case, which is measured once."""
    for row in results.rows:
        if row["case"] == name and row["arm"] == "goal":
            return Clock(row["loss"] * SLACK, row["cpu"] * limit)
    clock = Clock(-np.inf, np.inf)
    boosting(case, 0, clock)
    row = clock.row()
    results.add({"case": name, "arm": "goal", "seed": -1, "error": None, **row})
    return Clock(row["loss"] * SLACK, row["cpu"] * limit)


def shown(name: str, done: pd.DataFrame) -> str:
    """Return the table of a case: medians over rounds, and ratios to boosting."""
    own = done[(done["case"] == name) & (done["arm"] != "goal")]
    goal = done[(done["case"] == name) & (done["arm"] == "goal")]["loss"].iloc[0]
    base = own[own["arm"] == "boosting"]
    rows = []
    for arm, runs in own.groupby("arm", sort=False):
        measured = runs[runs["error"].isna()]
        if not len(measured):
            rows.append({"arm": arm, "reached": runs["error"].iloc[0]})
            continue
        ratio = measured["cpu"].to_numpy()[:, None] / base["cpu"].to_numpy()
        low, middle, high = np.quantile(ratio, [0.25, 0.5, 0.75])
        rows.append(
            {
                "arm": arm,
                "reached": f"{int(measured['reached'].sum())} of {len(measured)}",
                "best loss": f"{measured['loss'].median():.3f}",
                "cpu s": f"{measured['cpu'].median():.1f}",
                "wall s": f"{measured['wall'].median():.1f}",
                "cpu / boosting": f"{middle:.2f} ({low:.2f} to {high:.2f})",
            }
        )
    title = f"## {name}: validation loss of at most {goal * SLACK:.3f}"
    return f"\n{title}\n\n{markdown_table(pd.DataFrame(rows).fillna(''))}"


def main() -> None:
    """Measure what is not measured yet, and print a table per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="training rows of Beijing")
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/time_to_quality"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = Results(options.folder)
    names = options.cases or ["rig", "physionet", "beijing"]
    for name in names:
        case = read(name, options.rows)
        goal = goal_of(name, case, results, options.limit)
        finished = results.values("case", "arm", "seed")
        for seed in range(options.rounds):
            shift = seed % len(options.arms)
            for arm in options.arms[shift:] + options.arms[:shift]:
                if (name, arm, seed) in finished:
                    continue
                row = measure(name, arm, seed, case, goal)
                results.add(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    done = pd.DataFrame(results.rows)
    for name in names:
        print(shown(name, done))


if __name__ == "__main__":
    main()
