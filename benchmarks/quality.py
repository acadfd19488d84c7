"""Measure the bare default and ``--best`` on test sets of six data sets, beside boosting.

    python benchmarks/quality.py [CASE ...] [--arms default boosting best] [--seeds 3]
        [--budget 10m] [--folder runs/quality]

``default`` is ``MultiTaskEstimator()``, ``best`` is ``Ensemble()`` (the command ``fit --best``) and
``boosting`` the study's baseline. Nothing is chosen here. Each fit is a line of ``results.jsonl``
in the folder, so that an interrupted run continues. Folds count as one test: their metrics are
averaged. The table shows mean and standard deviation over seeds, the seconds per fit, and "*" where
the goal of `best` is missed. A second table compares `best` with its best member.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cases import CASES, Case
from results import Results

from multitide import Ensemble, MultiTaskEstimator
from multitide.reports._pages import markdown_table
from multitide.study.design._baselines import Boosting
from multitide.tasks import Task

# The metric of each task, and the goals of `--best` where there are any.
ACCURACY, R2, RMSE = "accuracy", "r2", "rmse"
AREA, PRECISION, LOSS = "roc_auc", "average_precision", "loss"
JUDGED: dict[str, dict[tuple[str, str], float | None]] = {
    "beijing": {("cbwd", ACCURACY): 0.80, ("pm2.5", R2): 0.57},
    "hydraulic": {
        ("cooler", ACCURACY): 0.998,
        ("valve", ACCURACY): 1.0,
        ("pump", ACCURACY): 0.999,
        ("accumulator", ACCURACY): 0.909,
        ("stable", ACCURACY): 0.851,
    },
    "phalanx": {
        ("age_group", ACCURACY): 0.77,
        ("outline_correct", ACCURACY): 0.80,
        ("tw_stage", ACCURACY): 0.69,
    },
    "physionet": {
        ("death", AREA): 0.875,
        ("death", PRECISION): 0.54,
        ("length_of_stay", RMSE): 11.3,
        ("saps", RMSE): 2.55,
        ("sofa", RMSE): 1.60,
    },
    "icu": {
        ("death", AREA): None,
        ("creatinine_next_day", RMSE): None,
        ("sepsis", AREA): None,
        ("aki", AREA): None,
        ("hours_to_discharge", RMSE): None,
    },
    "rig": {
        ("fault", LOSS): 0.568,
        ("severity", LOSS): 0.689,
        ("remaining_life", LOSS): 0.617,
        ("operator", LOSS): 0.364,
    },
}
SMALLER_IS_BETTER = (RMSE, LOSS)
Metrics = dict[str, float]  # by "task metric"


def default(case: Case, fold: int, seed: int, budget: str | None) -> Metrics:
    """Fit the bare default."""
    split = case.splits[fold]
    estimator = MultiTaskEstimator(case.tasks, random_state=seed, verbose=0)
    estimator.fit(case.samples[split.train], validation=case.samples[split.validation])
    return as_metrics(estimator.evaluate(case.samples[split.test]))


def best(case: Case, fold: int, seed: int, budget: str | None) -> Metrics:
    """Fit the default members of an ensemble, and measure also each member on its own.

    Each seed of a member holds out validation samples of its own, as the command does.
    """
    split = case.splits[fold]
    base = MultiTaskEstimator(case.tasks)
    ensemble = Ensemble(
        base=base,
        budget=budget,
        validation=case.rule,
        random_state=100 * seed,  # further apart than the seeds of one ensemble
        verbose=0,
    )
    ensemble.fit(case.samples[np.union1d(split.train, split.validation)])
    test = case.samples[split.test]
    found = as_metrics(ensemble.evaluate(test))
    for name, fits in ensemble.members_.items():
        of_fits = pd.DataFrame([as_metrics(fit.evaluate(test)) for fit in fits])
        for key, value in of_fits.mean().items():
            found[f"{name}: {key}"] = float(value)
    return found


def boosting(case: Case, fold: int, seed: int, budget: str | None) -> Metrics:
    """Fit the study's baseline for each task."""
    split = case.splits[fold]
    found: Metrics = {}
    for task in case.tasks:
        rows = split.train
        target = task.fit_target(labels_of(case, task, rows))
        decoded, _ = Boosting().answer(case.samples, split, target)
        table = target.evaluate(case.samples[split.test], decoded)
        found |= as_metrics(table.assign(task=task.name))
    return found


ARMS: dict[str, Callable[[Case, int, int, str | None], Metrics]] = {
    "default": default,
    "boosting": boosting,
    "best": best,
}


def labels_of(case: Case, task: Task, rows: np.ndarray) -> pd.DataFrame:
    """Return the labels of some rows."""
    return case.samples.y[task.columns].iloc[rows].reset_index(drop=True)


def as_metrics(table: pd.DataFrame) -> Metrics:
    """Return a table of metrics as a dict."""
    names = table["task"] + " " + table["metric"]
    return dict(zip(names, table["value"].astype(float), strict=True))


def measure(name: str, arm: str, seed: int, budget: str | None) -> dict[str, Any]:
    """Fit one arm on all folds of a case, and return the mean metrics and the seconds."""
    case = CASES[name]()
    started = time.perf_counter()
    folds = []
    for fold in range(len(case.splits)):
        folds.append(ARMS[arm](case, fold, seed, budget))
    seconds = (time.perf_counter() - started) / len(folds)
    return {
        "case": name,
        "arm": arm,
        "seed": seed,
        "budget": budget if arm == "best" else None,
        "metrics": pd.DataFrame(folds).mean().round(5).to_dict(),
        "seconds": round(seconds, 1),
    }


def table_of(name: str, done: pd.DataFrame) -> str:
    """Return the table of a case: an arm per row, a task and metric per column."""
    rows = []
    for arm, runs in done[done["case"] == name].groupby("arm", sort=False):
        row = {"arm": arm, "seeds": len(runs)}
        for (task, metric), goal in JUDGED[name].items():
            values = [run[f"{task} {metric}"] for run in runs["metrics"]]
            mean = float(np.mean(values))
            row[f"{task} {metric}"] = (
                f"{mean:.3f} ± {np.std(values):.3f}{missed(mean, metric, goal)}"
            )
        row["seconds"] = round(runs["seconds"].mean())
        rows.append(row)
    return f"\n## {name}\n\n{markdown_table(pd.DataFrame(rows))}"


def members_table(name: str, done: pd.DataFrame) -> str:
    """Return how far `best` is from its best member, which the test set chooses, per metric.

    Positive differences are in favour of the ensemble. The standard error is over seeds.
    """
    runs = done[(done["case"] == name) & (done["arm"] == "best")]["metrics"]
    if not len(runs):
        return ""
    wide = pd.DataFrame(list(runs))
    members = {key.split(": ")[0] for key in wide if ": " in key}
    rows = []
    for task, metric in JUDGED[name]:
        sign = -1 if metric in SMALLER_IS_BETTER else 1
        key = f"{task} {metric}"
        leads = {}
        for member in sorted(members):
            leads[member] = sign * (wide[key] - wide[f"{member}: {key}"])
        nearest = min(leads, key=lambda member: float(leads[member].mean()))
        lead = leads[nearest]
        rows.append(
            {
                "metric": key,
                "best member": nearest,
                "difference": f"{lead.mean():+.3f}",
                "standard error": f"{lead.std() / len(lead) ** 0.5:.3f}",
            }
        )
    return f"\n{markdown_table(pd.DataFrame(rows))}"


def missed(mean: float, metric: str, goal: float | None) -> str:
    """Return "*" if a goal is missed."""
    if goal is None:
        return ""
    if metric in SMALLER_IS_BETTER:
        return "*" if mean > goal else ""
    return "*" if mean < goal else ""


def main() -> None:
    """Measure what is not measured yet, and print a table per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--folder", type=Path, default=Path("runs/quality"))
    arguments = parser.parse_args()
    results = Results(arguments.folder)
    finished = results.values("case", "arm", "seed")
    for seed in range(arguments.seeds):
        for name in arguments.cases or CASES:
            for arm in arguments.arms:
                # The baseline is the same for every seed.
                if (name, arm, seed) in finished or (arm == "boosting" and seed):
                    continue
                row = measure(name, arm, seed, arguments.budget)
                results.add(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    done = pd.DataFrame(results.rows)
    for name in dict.fromkeys(done["case"]):
        print(table_of(name, done))
        print(members_table(name, done))


if __name__ == "__main__":
    main()
