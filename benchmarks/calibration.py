"""Measure calibrated probabilities, intervals and sets, one quick fit per data set.

    python benchmarks/calibration.py [hydraulic] [physionet] [rig] [beijing] [--trees 60]
        [--seeds 1]

Trees are grown per task. A quarter of the samples outside the test set calibrates them, cut by the
rule of the test set: hydraulic by runs, stays and simulated runs at random, Beijing by time. It
prints, for the test set, log loss and ECE (expected calibration error) before and after, and the
coverage and width of intervals and sets at 0.8, 0.9 and 0.95, for Beijing also the coverage in each
quarter of the test set. With several seeds, which draw other sets and grow other trees, it prints
their means and standard deviations. The data are in ../shared/data.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from multitide import (
    MultiTaskEstimator,
    Split,
    Splitter,
    load_config,
    simulate_rig,
)
from multitide.backbones import Trees
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.model._intervals import coverage_table, supported
from multitide.model._prediction import metric_table
from multitide.tasks import Task

CONFIGS = Path(__file__).parents[1] / "configs"
LEVELS = (0.8, 0.9, 0.95)
RULES = {
    "hydraulic": Splitter(by="group", column="run", test=0.3, calibration=0.35),
    "physionet": Splitter(by="random", test=0.3, calibration=0.35),
    "rig": Splitter(by="random", test=0.3, calibration=0.35),
    "beijing": Splitter(by="time", test=0.2, calibration=0.25),
}


def read(name: str) -> tuple[Samples, list[Task | str] | None]:
    """Return the samples of a data set, and its tasks."""
    if name == "rig":
        return simulate_rig(n_runs=1500, random_state=0), None
    files = {"physionet": "physionet2012", "beijing": "beijing_pm25_honest"}
    config = load_config(CONFIGS / f"{files.get(name, name)}.toml")
    samples = config.read()
    if name == "beijing":
        samples = samples[::4]
    return samples, list(config.tasks or ())


def measure(name: str, n_trees: int, n_seeds: int) -> None:
    """Fit once per seed, and print all tables."""
    samples, tasks = read(name)
    probabilities, coverages = [], []
    for seed in range(n_seeds):
        started = time.perf_counter()
        rule = replace(RULES[name], random_state=seed)
        split = rule.split(samples)
        model = _fitted(rule.with_unit(samples), tasks, split, n_trees, seed)
        test = DataSets(samples[split.test])
        probabilities.append(_probabilities(model, test))
        coverages.append(_coverage(model, test))
        seconds = time.perf_counter() - started
        print(f"\n{name}, seed {seed}: {split}, {seconds:.0f} s", flush=True)
        if rule.by == "time":
            seasons = _by_season(model, samples[split.test])
            print(seasons.to_string(float_format="%.3f"))
    _show(probabilities, ["task"])
    _show(coverages, ["task", "level"])


def _fitted(
    samples: Samples,
    tasks: list[Task | str] | None,
    split: Split,
    n_trees: int,
    seed: int,
) -> MultiTaskEstimator:
    model = MultiTaskEstimator(
        tasks,
        backbone=Trees(kind="extra_trees", n_trees=n_trees),
        random_state=seed,
        verbose=0,
    )
    return model.fit(
        samples[split.train],
        validation=samples[split.validation],
        calibration=samples[split.calibration],
    )


def _show(tables: list[pd.DataFrame], keys: list[str]) -> None:
    """Print the means over seeds, and their standard deviations if there are several."""
    numbers = pd.concat(tables).drop(columns="method", errors="ignore").groupby(keys)
    shown = numbers.mean()
    if len(tables) > 1:
        shown = shown.join(numbers.std(ddof=1).add_suffix(" sd"))
    for table in tables:
        if "method" in table:
            print("methods:", table.set_index("task")["method"].to_dict())
    print(shown.to_string(float_format="%.4g"))


def _coverage(model: MultiTaskEstimator, test: DataSets) -> pd.DataFrame:
    """Return coverage and width at all levels that enough samples support."""
    decoded = model.decode_data_sets(test)
    tables = []
    for level in LEVELS:
        scores = supported(level, model.scores_)
        tables.append(coverage_table(model.targets_, scores, test, decoded, level))
    return pd.concat(tables)


def _by_season(model: MultiTaskEstimator, test: Samples) -> pd.DataFrame:
    """Return the coverage at 0.9 in each quarter of the test set, which is in the order of time."""
    columns = {}
    for quarter in range(4):
        rows = slice(quarter * len(test) // 4, (quarter + 1) * len(test) // 4)
        table = model.evaluate_interval(test[rows], level=0.9)
        columns[f"quarter {quarter + 1}"] = table.set_index("task")["coverage"]
    return pd.DataFrame(columns)


def _probabilities(model: MultiTaskEstimator, test: DataSets) -> pd.DataFrame:
    """Return log loss and ECE of every task before and after calibration."""
    columns = {}
    for which, decoded in (
        ("before", model.decode_as_trained(test)),
        ("after", model.decode_data_sets(test)),
    ):
        metrics = metric_table(model.targets_, test, decoded)
        for metric in ("log_loss", "ece"):
            values = metrics[metrics["metric"] == metric].set_index("task")["value"]
            columns[f"{metric} {which}"] = values
    methods = model.calibration_.groupby("task", sort=False)["method"].first()
    columns["method"] = methods.reindex(columns["ece after"].index).fillna("-")
    return pd.DataFrame(columns).reset_index()


def main() -> None:
    """Measure the data sets that are named; all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(RULES))
    parser.add_argument("--trees", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    for name in options.names:
        measure(name, options.trees, options.seeds)


if __name__ == "__main__":
    main()
