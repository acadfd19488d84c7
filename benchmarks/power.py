"""Measure power: how many seeds and test machines does a verdict need, on a rig whose true gain is known?

    python benchmarks/power.py [--seeds 50] [--runs 1200] [--machines 240] [--labels 0.2] [--folder F] [--jobs N]

One large study (alone against hard sharing, most machines held out) gives the true gain of every task. Then small
studies are drawn from its runs: some of the seeds, some of the held-out machines. Printed for each size is the share of
verdicts that are right ("helps" where the truth is a gain above the margin, and so on), that cannot tell, and that are
wrong. With --folder the large study is kept and taken up again.
"""

from __future__ import annotations

import argparse
import logging
import warnings

import numpy as np
import pandas as pd

from multitide import MultiTaskEstimator, Splitter, simulate_rig
from multitide.backbones import FCN
from multitide.statistics import estimate, row_table
from multitide.study import Comparison, compare
from multitide.study.execution import default_n_jobs
from multitide.study.verdicts import CANNOT_TELL, HELPS, HURTS, MARGIN, SAME, judge

SEEDS, MACHINES, N_DRAWS = (5, 8, 12, 20), (20, 60), 200


def large_study(options: argparse.Namespace) -> Comparison:
    """Conduct the study that the truth is read from."""
    samples = simulate_rig(
        options.runs,
        n_machines=options.machines,
        n_timepoints=(24, 36),
        label_share=options.labels,
        random_state=0,
    )
    estimator = MultiTaskEstimator(
        backbone=FCN(filters=(16, 16, 16), kernel_sizes=(5, 3, 3)), max_epochs=15, lr=0.01, device="cpu"
    )
    return compare(
        samples,
        estimator=estimator,
        n_seeds=options.seeds,
        split=Splitter(by="group", test=0.6, validation=0.3),
        n_jobs=options.jobs,
        folder=options.folder,
    )


def drawn(comparison: Comparison, task: str, n_seeds: int, n_machines: int, rng: np.random.Generator) -> str:
    """Return the verdict of a small study, drawn from the runs of the large one."""
    evidence = comparison.evidence
    groups = evidence.protocol.test["group"].to_numpy()
    seeds = rng.choice(evidence.seeds("hard", task), n_seeds, replace=False)
    rows = np.isin(groups, rng.choice(np.unique(groups), min(n_machines, len(np.unique(groups))), replace=False))
    differences = [(evidence.losses("alone", task, s) - evidence.losses("hard", task, s))[rows] for s in seeds]
    return judge([estimate(row_table(np.stack(differences), groups[rows]))])[0].verdict


def true_verdict(gain: float) -> str:
    """Return what a study with seeds and machines without end would say."""
    return SAME if abs(gain) < MARGIN else HELPS if gain > 0 else HURTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("seeds", 50), ("runs", 1200), ("machines", 240)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--labels", type=float, default=0.2)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    comparison = large_study(options)
    rng = np.random.default_rng(0)
    rows = []
    for gain in comparison.gains.to_dict("records"):
        truth = true_verdict(gain["gain"])
        name = f"{gain['task']} ({gain['gain']:+.3f} ± {(gain['high'] - gain['low']) / 2:.3f}: {truth})"
        for n_machines in MACHINES:
            for n_seeds in (n for n in SEEDS if n <= options.seeds):
                found = pd.Series([drawn(comparison, gain["task"], n_seeds, n_machines, rng) for _ in range(N_DRAWS)])
                right, open_ = (found == truth).mean(), (found == CANNOT_TELL).mean()
                rows.append((name, n_machines, n_seeds, f"{right:.0%}", f"{open_:.0%}", f"{1 - right - open_:.0%}"))
    table = pd.DataFrame(rows, columns=["task (true gain)", "machines", "seeds", "right", "cannot tell", "wrong"])
    print(f"{options.seeds} seeds, {comparison.test['group'].nunique()} test machines; {N_DRAWS} small studies each")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
