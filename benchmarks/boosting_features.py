"""Among how many features should boosting choose each split?

    python benchmarks/boosting_features.py [CASE ...] [--shares 1 0.5 0.2 0.1] [--seeds 2]
        [--leaf ROWS] [--levels N] [--folder runs/boosting_features]

No test set is read. The validation rows of each case stand in for one. The boosted trees of the
default hold out validation rows among the training rows, which choose the number of trees, and are
grown again on all of them. The table shows the mean loss of the tasks on the outer rows, in units
of the trivial loss, and the seconds of the processor per fit. ``--leaf`` sets the fewest rows of a
leaf; the default's second trees for few labels have 20. ``--levels 0`` leaves the quantiles out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from cases import CASES
from results import Results

from multitide import MultiTaskEstimator
from multitide.fitting._auto_backbone import boosted_trees
from multitide.reports._pages import markdown_table

KEYS = ("case", "share", "seed", "leaf", "levels")


def measure(
    name: str, share: float, seed: int, leaf: int | None, levels: int | None
) -> dict[str, Any]:
    """Fit once, and return the loss of each task on the outer rows."""
    case = CASES[name]()
    split = case.splits[0]
    trees = boosted_trees(len(split.train), case.samples.n_channels)
    trees = dataclasses.replace(trees, max_features=share, min_samples_leaf=leaf)
    if levels is not None:
        trees = dataclasses.replace(trees, n_levels=levels)
    estimator = MultiTaskEstimator(
        case.tasks,
        backbone=trees,
        training={"refit": True},
        validation=case.rule,
        random_state=seed,
        verbose=0,
    )
    started = time.process_time()
    estimator.fit(case.samples[split.train])
    seconds = time.process_time() - started
    table = estimator.evaluate(case.samples[split.validation])
    losses = table[table["metric"] == "loss"].set_index("task")["value"]
    return {
        "case": name,
        "share": share,
        "seed": seed,
        "leaf": leaf,
        "levels": levels,
        "loss": round(float(losses.mean()), 4),
        "losses": losses.round(4).to_dict(),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0, 0.5, 0.2, 0.1])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--leaf", type=int)
    parser.add_argument("--levels", type=int)
    parser.add_argument("--folder", type=Path, default=Path("runs/boosting_features"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.folder)
    finished = results.values(*KEYS)
    for name in arguments.cases or CASES:
        for share in arguments.shares:
            for seed in range(arguments.seeds):
                fit = (name, share, seed, arguments.leaf, arguments.levels)
                if fit in finished:
                    continue
                row = measure(*fit)
                results.add(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    done = pd.DataFrame(results.rows)
    for setting in ("leaf", "levels"):
        done[setting] = (
            done[setting].astype(object).where(done[setting].notna(), "auto")
        )
    for value in ("loss", "seconds"):
        rows = ["leaf", "levels", "share"]
        wide = done.pivot_table(value, rows, "case", sort=False)
        print(f"\n{value}\n\n{markdown_table(wide.round(3).reset_index())}")


if __name__ == "__main__":
    main()
