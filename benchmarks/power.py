"""Measure power: how many seeds and test machines does a verdict need?

    python benchmarks/power.py [--seeds 50] [--runs 6000] [--machines 600] [--folder F] [--jobs N]
    [--figure power.svg]

One large study (alone, one network for all tasks, one per cause; 60 machines for training, 540 for
testing) gives the true gain of every task. Small studies are then drawn from its runs: some of the
seeds, some of the test machines. For each size, the table shows the fraction of right verdicts
("helps" where the large study says so, and so on) and the number of wrong ones. Tasks for which
even the large study cannot tell are left out, and named. With --folder, the large study is stored
and can be resumed. --figure draws the right verdicts over the number of seeds.
"""

from __future__ import annotations

import argparse
import logging
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from multitide import MultiTaskEstimator, Splitter, simulate_rig
from multitide.backbones import FCN
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.study import Comparison, compare
from multitide.study.results._statistics import estimate, row_table
from multitide.study.results._verdicts import CANNOT_TELL, judge

SEEDS, MACHINES, N_DRAWS = (5, 8, 12, 20), (40, 120, 360), 200
ARMS = {
    "hard": "hard",
    "by_cause": {"groups": [["fault", "severity", "remaining_life"], ["operator"]]},
}


def large_study(options: argparse.Namespace) -> Comparison:
    """Run the study that gives the true gains."""
    samples = simulate_rig(
        options.runs,
        n_machines=options.machines,
        n_timepoints=(24, 36),
        label_share=options.labels,
        random_state=0,
    )
    return compare(
        samples,
        estimator=MultiTaskEstimator(
            backbone=FCN(filters=(16, 16, 16), kernel_sizes=(5, 3, 3)),
            max_epochs=40,
            lr=0.01,
            device="cpu",
        ),
        arms=ARMS,
        n_seeds=options.seeds,
        split=Splitter(by="group", test=0.9, validation=0.3),
        n_jobs=options.jobs,
        folder=options.folder,
    )


def drawn(
    comparison: Comparison,
    arm: str,
    task: str,
    n_seeds: int,
    n_machines: int,
    rng: np.random.Generator,
) -> str:
    """Return the verdict of a small study, drawn from the runs of the large one."""
    evidence = comparison.evidence
    groups = evidence.protocol.only.test["group"].to_numpy()
    seeds = rng.choice(evidence.seeds(arm, task), n_seeds, replace=False)
    rows = np.isin(groups, rng.choice(np.unique(groups), n_machines, replace=False))
    differences = [
        (evidence.losses("alone", task, s) - evidence.losses(arm, task, s))[rows]
        for s in seeds
    ]
    return judge([estimate(row_table(np.stack(differences), groups[rows]))])[0].verdict


def measure(comparison: Comparison, rng: np.random.Generator) -> pd.DataFrame:
    """Return one row per task, arm and size: the shares of right, open and wrong verdicts."""
    rows = []
    for gain in comparison.gains.to_dict("records"):
        arm, task, truth = gain["arm"], gain["task"], gain["verdict"]
        half = (gain["high"] - gain["low"]) / 2
        name = f"{task}, {arm}: {gain['gain']:+.3f} ± {half:.3f}, {truth}"
        if truth == CANNOT_TELL:
            print(f"left out, as the large study cannot tell: {name}")
            continue
        if half == 0:  # the arm is the task alone
            continue
        for n_machines in MACHINES:
            for n_seeds in (n for n in SEEDS if n <= gain["n_seeds"]):
                found = [
                    drawn(comparison, arm, task, n_seeds, n_machines, rng)
                    for _ in range(N_DRAWS)
                ]
                right, open_ = (
                    float(np.mean([f == verdict for f in found]))
                    for verdict in (truth, CANNOT_TELL)
                )
                rows.append(
                    (
                        name,
                        n_machines,
                        n_seeds,
                        right,
                        open_,
                        max(0.0, 1 - right - open_),
                    )
                )
    return pd.DataFrame(
        rows,
        columns=["true gain", "machines", "seeds", "right", "cannot tell", "wrong"],
    )


def draw(table: pd.DataFrame, path: str) -> None:
    """Draw the share of right verdicts over seeds, one panel per number of machines."""
    figure, panels = plt.subplots(
        1, len(MACHINES), figsize=(11, 3.6), sharey=True, layout="constrained"
    )
    for panel, (n_machines, part) in zip(
        panels, table.groupby("machines"), strict=True
    ):
        for name, curve in part.groupby("true gain", sort=False):
            panel.plot(curve["seeds"], curve["right"], marker="o", label=name)
        panel.set(
            title=f"{n_machines} test machines",
            xlabel="seeds",
            xticks=sorted(part["seeds"].unique()),
            ylim=(-0.03, 1.03),
        )
    panels[0].set_ylabel("share of right verdicts")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        fontsize=8,
    )
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("seeds", 50), ("runs", 6000), ("machines", 600)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--labels", type=float, default=0.2)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--figure", default=None)
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    comparison = large_study(options)
    print(
        f"{options.seeds} seeds, {comparison.test['group'].nunique()} test machines; "
        f"{N_DRAWS} small studies each"
    )
    table = measure(comparison, np.random.default_rng(0))
    right = table.pivot(
        index="true gain", columns=["machines", "seeds"], values="right"
    )
    print(f"share of right verdicts:\n{right.map('{:.0%}'.format).to_string()}")
    print(
        f"wrong: {table['wrong'].mean():.1%} of all, at most {table['wrong'].max():.1%}; "
        "the others cannot tell"
    )
    if options.figure:
        draw(table, options.figure)


if __name__ == "__main__":
    main()
