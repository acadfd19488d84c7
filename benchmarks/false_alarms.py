"""Count false alarms: how often does a study of two equal arms claim a difference?

    python benchmarks/false_alarms.py [--studies 200] [--seeds 5] [--runs 160] [--machines 40]
    [--first 0] [--jobs N] [--folder F]

Both arms are the same recipe (one small network for all tasks) with disjoint seeds, so the true
gain is zero. Every study simulates its own rig, with new training and test data. Half of the
machines are held out, and intervals are for new machines. Between 3 and 7 % of the 95 % intervals
should miss zero, and "helps" and "hurts" should be as rare. The last column is what a t-test over
seeds alone would have claimed from the same runs. `simulated_studies.py` simulates the gains
themselves, and tries other effects, test groups and numbers of gains. With a folder, finished
studies are kept there, and an interrupted run continues.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from results import Results
from scipy import stats

from multitide import MultiTaskEstimator, Splitter, simulate_rig
from multitide.backbones import FCN
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.study import compare

ARMS: dict[str, Any] = {
    "one": {"sharing": "hard"},
    "other": {"sharing": "hard", "random_state": 10_000},
}
GOAL = (0.03, 0.07)
# Of a study, with their defaults.
SETTINGS = {"seeds": 5, "runs": 160, "machines": 40, "epochs": 4}
KEPT = ["study", "task", "gain", "low", "high", "verdict", "n_groups", "p_naive"]


def study(number: int, options: argparse.Namespace) -> pd.DataFrame:
    """Return the gains of one study of two equal arms."""
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    samples = simulate_rig(
        options.runs,
        n_machines=options.machines,
        n_timepoints=(16, 24),
        random_state=number,
    )
    comparison = compare(
        samples,
        estimator=MultiTaskEstimator(
            backbone=FCN(filters=(8, 8, 8), kernel_sizes=(5, 3, 3)),
            max_epochs=options.epochs,
            lr=0.01,
            batch_size=16,
        ),
        arms=ARMS,
        reference="one",
        n_seeds=options.seeds,
        split=Splitter(by="group", test=0.5, validation=0.2, random_state=number),
        n_jobs=1,
        verbose=0,
    )
    naive = {task: p_over_seeds(comparison, task) for task in comparison.gains["task"]}
    return comparison.gains.assign(
        study=number, p_naive=comparison.gains["task"].map(naive)
    )


def p_over_seeds(comparison: Any, task: str) -> float:
    """Return the p value of a t-test over seeds, which ignores the choice of test rows."""
    evidence = comparison.evidence
    one, other = (
        [np.nanmean(evidence.losses(arm, task, s)) for s in evidence.seeds(arm, task)]
        for arm in ARMS
    )
    return float(stats.ttest_ind(one, other).pvalue)


def all_gains(options: argparse.Namespace) -> pd.DataFrame:
    """Return the gains of all studies; those in the folder are not run again."""
    wanted = range(options.first, options.first + options.studies)
    settings = {name: getattr(options, name) for name in SETTINGS}
    kept = None if options.folder is None else Results(options.folder)
    rows = [] if kept is None else kept.rows
    known = []
    for row in rows:
        if all(row[name] == value for name, value in settings.items()):
            known.append(row)
    done = {row["study"] for row in known}
    missing = [number for number in wanted if number not in done]
    finished = Parallel(
        n_jobs=options.jobs,
        inner_max_num_threads=1,
        backend="loky",
        return_as="generator_unordered",
    )(delayed(study)(number, options) for number in missing)
    for gains in finished:
        own = [row | settings for row in gains[KEPT].to_dict("records")]
        known += own
        if kept is not None:
            kept.add(*own)
    return pd.DataFrame([row for row in known if row["study"] in wanted])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = {"studies": 200, "first": 0} | SETTINGS
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    gains = all_gains(options)
    gains["alarm"] = (gains["low"] > 0) | (gains["high"] < 0)
    gains["claim"] = gains["verdict"].isin(["helps", "hurts"])
    gains["naive"] = gains["p_naive"] < 0.05
    table = gains.groupby("task", sort=False)[["alarm", "claim", "naive"]].mean()
    print(
        f"{options.studies} studies x {gains['task'].nunique()} tasks, {options.seeds} seeds, "
        f"{gains['n_groups'].mean():.1f} test machines, {time.perf_counter() - started:.0f} s"
    )
    print(
        table.rename(columns={"naive": "t-test over seeds"})
        .map("{:.1%}".format)
        .to_string()
    )
    share, n = gains["alarm"].mean(), len(gains)
    low, high = stats.binomtest(int(gains["alarm"].sum()), n).proportion_ci()
    inside = "as it should be" if GOAL[0] <= share <= GOAL[1] else "OUTSIDE"
    print(
        f"all: {share:.1%} of {n} intervals miss zero "
        f"({low:.1%} to {high:.1%}, tasks counted as independent); "
        f"goal {GOAL[0]:.0%} to {GOAL[1]:.0%}: {inside}"
    )


if __name__ == "__main__":
    main()
