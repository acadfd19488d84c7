"""Measure the bare default and ``--best`` on test sets of six data sets, beside boosting.

    python benchmarks/quality.py [CASE ...] [--arms default boosting best command]
        [--seeds 3] [--n-seeds 1] [--folds 0 1 2 3 4] [--folder runs/quality] [--results FOLDER]

``default`` is ``MultiTaskEstimator()``, ``best`` is ``Ensemble(n_seeds=...)`` (the command ``fit
--best --n-seeds ...``, one process, no budget: what is fitted does not depend on how busy the
machine is) and ``boosting`` the study's baseline. ``command`` is the default again, but each seed
holds out validation samples of its own, as those of ``best`` do. Nothing is chosen here. Each fit
is a line of ``results.jsonl`` in the folder of results, with the commit of the code, so that an
interrupted run continues. The parts of each fit stay in ``--folder``: if a later commit chooses
other weights, ``--again`` measures them anew without training. Folds count as one test: their
metrics are averaged. The table shows mean and standard deviation over seeds, the seconds per fit,
and "*" where the goal of `best` is missed. A second table compares an arm with the best of its
parts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cases import CASES, Case
from kept_fits import fits_of_default, keep, kept, metrics_of, parts_of, rows_of_members
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
RESULTS = Path(__file__).parent / "results"
KEYS = ("case", "arm", "seed", "fold", "n_seeds")
SMALLER_IS_BETTER = (RMSE, LOSS)
Metrics = dict[str, float]  # by "task metric"


@dataclasses.dataclass(frozen=True)
class Job:
    """One fit: an arm on a fold of a case.

    Attributes
    ----------
    name, arm : str
        Of the case, and of the arm.
    fold, seed, n_seeds : int
        The fold, the seed, and the number of fits of each member of `best`.
    folder : path
        Where the parts of the fit are kept.
    """

    name: str
    arm: str
    fold: int
    seed: int
    n_seeds: int
    folder: Path

    @property
    def key(self) -> tuple[str, str, int, int, int | None]:
        """What tells the row of this fit from others."""
        n_seeds = self.n_seeds if self.arm == "best" else None
        return self.name, self.arm, self.seed, self.fold, n_seeds

    @property
    def place(self) -> Path:
        """Where its parts are kept."""
        return self.folder / f"{self.name}-{self.arm}-{self.seed}-{self.fold}"

    @property
    def is_kept(self) -> bool:
        """Whether it was fitted before, and can be weighted again."""
        if self.arm == "best":
            return self.rows.exists()
        return self.place.with_suffix(".pickle").exists()

    @property
    def rows(self) -> Path:
        """Where the predictions of the members of `best` are kept."""
        return self.folder / f"{self.place.name}-{self.n_seeds}.rows.pickle"


def default(case: Case, job: Job) -> Metrics:
    """Fit the bare default, or weight its kept parts again; measure also each part on its own."""
    split = case.splits[job.fold]
    test = case.samples[split.test]
    place = job.place.with_suffix(".pickle")
    if not place.exists():
        # As the command does; "auto" would leave validation samples that are given unseen.
        training = {"refit": "trees"}
        estimator = MultiTaskEstimator(
            case.tasks, training=training, random_state=job.seed, verbose=0
        )
        with fits_of_default() as fits:
            estimator.fit(
                case.samples[split.train], validation=case.samples[split.validation]
            )
        targets = {}
        for task in estimator.tasks_:
            targets[task.name] = estimator.targets_.target(task.name)
        keep((targets, parts_of(estimator, fits, test)), place)
    targets, parts = kept(place)
    found = as_metrics(metrics_of(targets, parts, test, job.seed))
    for part in parts:
        own = {name: target for name, target in targets.items() if name in part.test}
        of_part = as_metrics(metrics_of(own, [part], test, job.seed))
        for key, value in of_part.items():
            found[f"{part.name}: {key}"] = value
    return found


def best(case: Case, job: Job) -> Metrics:
    """Fit the default members of an ensemble, and measure also each member on its own.

    Each seed of a member holds out validation samples of its own, as the command does.
    """
    split = case.splits[job.fold]
    ensemble = Ensemble(
        base=MultiTaskEstimator(case.tasks),
        n_seeds=job.n_seeds,
        validation=case.rule,
        random_state=100 * job.seed,  # further apart than the seeds of one ensemble
        n_jobs=1,
        verbose=0,
    )
    with rows_of_members() as rows:
        ensemble.fit(
            case.samples[np.union1d(split.train, split.validation)], folder=job.place
        )
    keep(rows, job.rows)
    test = case.samples[split.test]
    found = as_metrics(ensemble.evaluate(test))
    for name, fits in ensemble.members_.items():
        of_fits = pd.DataFrame([as_metrics(fit.evaluate(test)) for fit in fits])
        for key, value in of_fits.mean().items():
            found[f"{name}: {key}"] = float(value)
    return found


def command(case: Case, job: Job) -> Metrics:
    """Fit the bare default with the validation samples that it holds out itself."""
    split = case.splits[job.fold]
    estimator = MultiTaskEstimator(
        case.tasks,
        validation=case.rule,
        random_state=100 * job.seed,  # as the first seed of `best`
        verbose=0,
    )
    estimator.fit(case.samples[np.union1d(split.train, split.validation)])
    return as_metrics(estimator.evaluate(case.samples[split.test]))


def boosting(case: Case, job: Job) -> Metrics:
    """Fit the study's baseline for each task."""
    split = case.splits[job.fold]
    found: Metrics = {}
    for task in case.tasks:
        rows = split.train
        target = task.fit_target(labels_of(case, task, rows))
        decoded, _ = Boosting().answer(case.samples, split, target)
        table = target.evaluate(case.samples[split.test], decoded)
        found |= as_metrics(table.assign(task=task.name))
    return found


ARMS: dict[str, Callable[[Case, Job], Metrics]] = {
    "default": default,
    "boosting": boosting,
    "best": best,
    "command": command,
}


def labels_of(case: Case, task: Task, rows: np.ndarray) -> pd.DataFrame:
    """Return the labels of some rows."""
    return case.samples.y[task.columns].iloc[rows].reset_index(drop=True)


def as_metrics(table: pd.DataFrame) -> Metrics:
    """Return a table of metrics as a dict."""
    names = table["task"] + " " + table["metric"]
    return dict(zip(names, table["value"].astype(float), strict=True))


def measure(job: Job, commit: str) -> dict[str, Any]:
    """Fit one arm on one fold of a case, and return its metrics and the seconds."""
    case = CASES[job.name]()
    started = time.perf_counter()
    metrics = ARMS[job.arm](case, job)
    seconds = time.perf_counter() - started
    return {
        "case": job.name,
        "arm": job.arm,
        "seed": job.seed,
        "fold": job.fold,
        "n_seeds": job.n_seeds if job.arm == "best" else None,
        "commit": commit,
        "metrics": {name: round(value, 5) for name, value in metrics.items()},
        "seconds": round(seconds, 1),
    }


def current_commit() -> str:
    """Return the commit of the code, with "+" if it was changed."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    where = Path(__file__).parent
    return subprocess.check_output(command, cwd=where, text=True).strip()


def of_tests(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row per case, arm and seed: the last row of each fold, averaged over folds."""
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in KEYS)
        # Weights that were chosen again took no time to train.
        before = latest.get(key, row)
        latest[key] = row | {"seconds": max(row["seconds"], before["seconds"])}
    tests: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for (name, arm, seed, _, n_seeds), row in latest.items():
        shown = arm if n_seeds is None else f"{arm}, {n_seeds} fits each"
        tests.setdefault((name, shown, seed), []).append(row)
    found = []
    for (name, arm, seed), folds in tests.items():
        commits = {fold["commit"] for fold in folds}
        found.append(
            {
                "case": name,
                "arm": arm,
                "seed": seed,
                "folds": len(folds),
                "commit": " ".join(sorted(commits)),
                "metrics": pd.DataFrame([fold["metrics"] for fold in folds])
                .mean()
                .to_dict(),
                "seconds": float(np.mean([fold["seconds"] for fold in folds])),
            }
        )
    return pd.DataFrame(found)


def table_of(name: str, done: pd.DataFrame) -> str:
    """Return the table of a case: an arm per row, a task and metric per column."""
    rows = []
    for arm, runs in done[done["case"] == name].groupby("arm", sort=False):
        row = {"arm": arm, "seeds": len(runs), "folds": runs["folds"].min()}
        for (task, metric), goal in JUDGED[name].items():
            values = [run[f"{task} {metric}"] for run in runs["metrics"]]
            mean = float(np.mean(values))
            row[f"{task} {metric}"] = (
                f"{mean:.3f} ± {np.std(values):.3f}{missed(mean, metric, goal)}"
            )
        row["seconds"] = round(runs["seconds"].mean())
        row["commit"] = " ".join(sorted(set(" ".join(runs["commit"]).split())))
        rows.append(row)
    return f"\n## {name}\n\n{markdown_table(pd.DataFrame(rows))}"


def members_table(name: str, done: pd.DataFrame) -> str:
    """Return how far an arm is from its best part, which the test set chooses, per metric.

    Positive differences are in favour of the ensemble. The standard error is over seeds.
    """
    has_parts = (done["arm"] != "boosting") & (done["case"] == name)
    tables = []
    for arm, runs in done[has_parts].groupby("arm", sort=False):
        wide = pd.DataFrame(list(runs["metrics"]))
        tables.append(f"\n{arm}:\n\n{_leads(name, wide)}")
    return "\n".join(tables)


def _leads(name: str, wide: pd.DataFrame) -> str:
    members = {key.split(": ")[0] for key in wide if ": " in key}
    if not members:  # rows of an earlier version
        return ""
    rows = []
    for task, metric in JUDGED[name]:
        sign = -1 if metric in SMALLER_IS_BETTER else 1
        key = f"{task} {metric}"
        leads = {}
        for member in sorted(members):
            if f"{member}: {key}" in wide:
                leads[member] = sign * (wide[key] - wide[f"{member}: {key}"])
        nearest = min(leads, key=lambda member: float(leads[member].mean()))
        lead = leads[nearest]
        rows.append(
            {
                "metric": key,
                "best part": f"{nearest}: {wide[f'{nearest}: {key}'].mean():.3f}",
                "difference": f"{lead.mean():+.3f}",
                "standard error": f"{lead.std() / len(lead) ** 0.5:.3f}",
            }
        )
    return markdown_table(pd.DataFrame(rows))


def missed(mean: float, metric: str, goal: float | None) -> str:
    """Return "*" if a goal is missed."""
    if goal is None:
        return ""
    if metric in SMALLER_IS_BETTER:
        return "*" if mean > goal else ""
    return "*" if mean < goal else ""


def jobs_of(arguments: argparse.Namespace) -> Iterator[Job]:
    """Yield the fits, one seed of all cases after the other."""
    for seed in range(arguments.seeds):
        for name in arguments.cases or CASES:
            folds = arguments.folds or range(len(CASES[name]().splits))
            for arm in arguments.arms:
                if arm == "boosting" and seed:  # the same for every seed
                    continue
                for fold in folds:
                    yield Job(
                        name, arm, fold, seed, arguments.n_seeds, arguments.folder
                    )


def main() -> None:
    """Measure what is not measured yet, and print a table per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument(
        "--arms", nargs="*", choices=ARMS, default=["default", "boosting", "best"]
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-seeds", type=int, default=1)
    parser.add_argument("--folds", nargs="+", type=int)
    parser.add_argument("--folder", type=Path, default=Path("runs/quality"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--again", action="store_true", help="weight kept parts again")
    arguments = parser.parse_args()
    results = Results(arguments.results)
    commit = current_commit()
    finished = results.values(*KEYS)
    if arguments.again:
        finished = set()
        for row in results.rows:
            if row["commit"] == commit:
                finished.add(tuple(row[name] for name in KEYS))
    for job in jobs_of(arguments):
        if job.key in finished or (arguments.again and not job.is_kept):
            continue
        row = measure(job, commit)
        results.add(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    done = of_tests(results.rows)
    for name in dict.fromkeys(done["case"]):
        print(table_of(name, done))
        print(members_table(name, done))


if __name__ == "__main__":
    main()
