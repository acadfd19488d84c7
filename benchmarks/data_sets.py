"""Learn two data sets of different shape in one fit, against a fit each, at equal budgets.

    python benchmarks/data_sets.py [rigs] [hydraulic] [--seeds 5] [--epochs 30] [--folder runs/data_sets]

`rigs`: 300 runs of the simulated rig, and 80 of another one with six of its sensors under other names and shorter
runs; all tasks are on both. `hydraulic`: 600 cycles of the hydraulic rig (``../shared/data``) with their five tasks,
and those 300 simulated runs with their four; no task is on both. Every network, a small FCN, takes the same number of
optimiser steps: a fit of one data set sees in each step as many of its rows as the joint fit by size. Each seed has
splits of its own; epochs and the way to share are chosen on the validation part, figures are of the test part, in units
of the loss of the best constant of the data set's own training labels. Each task of a fit is a line of
``results.jsonl`` in the folder, so that an interrupted run goes on where it stopped. One thread.
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
import torch

from multitide import MultiTaskEstimator, Regression, Samples, Split, Splitter, Training, load_config, simulate_rig
from multitide.backbones import FCN
from multitide.sharing import Hard
from multitide.tasks import Target, resolve_tasks

ROOT = Path(__file__).resolve().parents[1]
BATCH, LR = 32, 3e-3
ALONE = "alone"
ARMS: dict[str, tuple[Hard, Training]] = {
    "joint": (Hard(), Training(patience=None)),
    "joint, film": (Hard(conditioning="film"), Training(patience=None)),
    "joint, equal shares": (Hard(), Training(patience=None, mixing="equal")),
}
Given = dict[str, Samples]


# -- the data ---------------------------------------------------------------------------------------------------------


def large_rig() -> Samples:
    return simulate_rig(n_runs=300, random_state=0)


def rigs() -> Given:
    other = simulate_rig(n_runs=80, n_timepoints=(40, 60), random_state=1)
    values, names = np.ascontiguousarray(other.values[:, 1:7]), tuple(f"sensor{i}" for i in range(6))
    return {"large": large_rig(), "small": other.replace(values=values, channels=names)}


def hydraulic() -> Given:
    cycles = load_config(ROOT / "configs" / "hydraulic.toml").read()
    some = np.linspace(0, len(cycles) - 1, 600).round().astype(int)
    assert cycles.extra is not None
    return {"hydraulic": cycles[some].replace(series=cycles.extra["run"].to_numpy()[some]), "rig": large_rig()}


PAIRS: dict[str, Callable[[], Given]] = {"rigs": rigs, "hydraulic": hydraulic}


def cut(given: Given, seed: int) -> dict[str, Split]:
    """Cut whole runs of the hydraulic rig, and simulated ones at random."""
    rules = {name: "group" if name == "hydraulic" else "random" for name in given}
    return {
        name: Splitter(by=rules[name], test=0.25, random_state=seed).split(samples)  # type: ignore[arg-type]
        for name, samples in given.items()
    }


# -- one unit of work -------------------------------------------------------------------------------------------------


def measure(given: Given, arm: str, seed: int, epochs: int) -> list[dict[str, Any]]:
    """Return a row for each data set and task: what the fit or fits of an arm reach."""
    splits = cut(given, seed)
    n_rows = {name: len(split.train) for name, split in splits.items()}
    groups = [[name] for name in given] if arm == ALONE else [list(given)]
    sharing, training = ARMS["joint"] if arm == ALONE else ARMS[arm]
    rows: list[dict[str, Any]] = []
    for names in groups:
        estimator = MultiTaskEstimator(
            backbone=FCN(filters=(32, 32, 32)),
            sharing=sharing,
            training=training,
            max_epochs=epochs,
            batch_size=max(2, round(BATCH * sum(n_rows[name] for name in names) / sum(n_rows.values()))),
            lr=LR,
            random_state=seed,
            device="cpu",
            verbose=0,
        )
        started = time.process_time()
        estimator.fit(
            {name: given[name][splits[name].train] for name in names},
            validation={name: given[name][splits[name].validation] for name in names},
        )
        seconds = time.process_time() - started
        chosen = validation_losses(estimator)
        for name in names:
            losses = test_losses(estimator, name, given[name], splits[name])
            rows += [
                {"data": name, "task": task, "loss": loss, "validation": chosen[task], "seconds": seconds}
                for task, loss in losses.items()
            ]
    return rows


def validation_losses(estimator: MultiTaskEstimator) -> dict[str, float]:
    """Return each task's validation loss in the epoch that answers it."""
    history = estimator.history_[estimator.history_["side"] == "validation"]
    best = history[history["epoch"] == history["task"].map(estimator.best_epoch_)]
    return dict(zip(best["task"], best["loss"], strict=True))


def test_losses(estimator: MultiTaskEstimator, name: str, samples: Samples, split: Split) -> dict[str, float]:
    """Return each task's test loss in units of the trivial loss of the data set's own training labels."""
    train, test = samples[split.train], samples[split.test]
    numbers, classes = estimator.predict({name: test})[name], estimator.predict_proba({name: test})[name]
    losses = {}
    for task in resolve_tasks([task for task in estimator.tasks_ if task.name in numbers], samples.y):
        target: Target = task.fit_target(train.y[task.columns])
        if isinstance(task, Regression):
            decoded = numbers[task.name].to_numpy(dtype=float)
        else:
            decoded = classes[task.name].reindex(columns=target.classes, fill_value=0.0).to_numpy()
        losses[task.name] = float(np.nanmean(target.row_losses(test.y[task.columns], decoded)))
    return losses


# -- all of them ------------------------------------------------------------------------------------------------------


def results(pairs: list[str], n_seeds: int, epochs: int, folder: Path) -> pd.DataFrame:
    """Do what is not done yet, and return all rows."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.jsonl"
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    keys = {(row["pair"], row["arm"], row["seed"], row["epochs"]) for row in done}
    for pair in pairs:
        given = PAIRS[pair]()
        for seed in range(n_seeds):
            for arm in [ALONE, *ARMS]:
                key = {"pair": pair, "arm": arm, "seed": seed, "epochs": epochs}
                if tuple(key.values()) in keys:
                    continue
                rows = [key | row for row in measure(given, arm, seed, epochs)]
                with path.open("a") as file:
                    file.write("".join(json.dumps(row) + "\n" for row in rows))
                done += rows
                print(f"{pair}, seed {seed}: {arm}", file=sys.stderr)
    table = pd.DataFrame(done)
    return table[table["pair"].isin(pairs) & (table["epochs"] == epochs) & (table["seed"] < n_seeds)]


def with_choice(table: pd.DataFrame) -> pd.DataFrame:
    """Add for each seed the joint arm with the best mean validation loss, as an arm of its own."""
    joint = table[table["arm"] != ALONE]
    means = joint.groupby(["pair", "seed", "arm"])["validation"].mean().unstack()
    best = means.idxmin(axis=1)
    keys = list(zip(joint["pair"], joint["seed"], strict=True))
    chosen = joint[joint["arm"].to_numpy() == best.loc[keys].to_numpy()]
    return pd.concat([table, chosen.assign(arm="joint, chosen")])


def shown(table: pd.DataFrame, pair: str) -> str:
    """Return the Markdown table of a pair: the test loss alone, and the gain of each arm with its standard error."""
    table = table[table["pair"] == pair]
    wide = table.pivot_table(index=["data", "task", "seed"], columns="arm", values="loss", sort=False)
    arms = [arm for arm in wide if arm != ALONE]
    lines = ["| data set | task | alone | " + " | ".join(arms) + " |", "|---|---|---" + "|---" * len(arms) + "|"]
    groups = [*wide.groupby(level=["data", "task"], sort=False), (("mean", ""), wide.groupby(level="seed").mean())]
    for (data, task), rows in groups:
        gains = {arm: rows[ALONE] - rows[arm] for arm in arms}
        spread = {arm: f" ± {g.std() / np.sqrt(len(g)):.3f}" if len(g) > 1 else "" for arm, g in gains.items()}
        cells = [f"{gain.mean():+.3f}{spread[arm]}" for arm, gain in gains.items()]
        lines.append(f"| {data} | {task} | {rows[ALONE].mean():.3f} | " + " | ".join(cells) + " |")
    seconds = table.drop_duplicates(["arm", "seed", "seconds"]).groupby(["arm", "seed"])["seconds"].sum()
    spent = seconds.groupby(level="arm").mean()
    lines.append("| CPU seconds | | " + " | ".join(f"{spent[arm]:.1f}" for arm in [ALONE, *arms]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="*", choices=[[], *PAIRS], help="which pairs; all without it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path("runs/data_sets"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pairs = arguments.pairs or list(PAIRS)
    table = with_choice(results(pairs, arguments.seeds, arguments.epochs, arguments.folder))
    for pair in pairs:
        print(f"\n{pair}\n\n{shown(table, pair)}")


if __name__ == "__main__":
    main()
