"""Run the studies of docs/results/what-we-learned.md, and write a report of each.

    python benchmarks/reports.py [rig] [hydraulic] [beijing] [physionet2012] [shares] [--seeds 5]
    [--folder F]

The networks for real data are those of ``configs/``, without their refit, which doubles the time;
nothing is chosen here for them. The simulated rig has few labels, and its true relations are known,
so verdicts can be checked; its settings were chosen after test results had been seen. ``shares`` is
hydraulic with 5, 20, 50 and 100 % of its labels. Each study has its own folder with report.html; an
interrupted study can be resumed. Prints the tables of the page. Takes about half an hour on two
cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from multitide import (
    MultiTaskEstimator,
    Samples,
    Splitter,
    Training,
    load_config,
    rig_truth,
    simulate_rig,
)
from multitide.backbones import FCN
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.reports import write_curve_report, write_study_report
from multitide.study import Comparison, compare, label_curve

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    "hydraulic": "hydraulic",
    "beijing": "beijing_pm25_honest",
    "physionet2012": "physionet2012",
}
SHARES = "shares"
ARMS = {
    "hard": "hard",
    "per_task": {"keep": "per_task"},
    "boosting": "boosting",
    "constant": "constant",
}


@dataclasses.dataclass(frozen=True)
class Study:
    """The data, the arms and the settings of a study."""

    samples: Samples
    estimator: MultiTaskEstimator
    split: Splitter
    arms: dict[str, Any]


def make_rig() -> Study:
    """A rig with a label on one run in five per task; the arm by_cause groups by the truth."""
    samples = simulate_rig(
        2000, n_machines=500, n_timepoints=(24, 36), label_share=0.2, random_state=0
    )
    estimator = MultiTaskEstimator(
        backbone=FCN(filters=(16, 16, 16), kernel_sizes=(5, 3, 3)),
        max_epochs=40,
        lr=0.01,
    )
    by_cause = {"groups": [["fault", "severity", "remaining_life"], ["operator"]]}
    return Study(
        samples,
        estimator,
        Splitter(by="group", test=0.7, validation=0.3),
        {**ARMS, "by_cause": by_cause},
    )


def make_real(name: str) -> Study:
    """A real data set, as its configuration says."""
    config = load_config(ROOT / "configs" / f"{CONFIGS[name]}.toml")
    samples = config.read()
    training = config.estimator.get("training") or Training()
    estimator = config.make_estimator(
        training=dataclasses.replace(training, refit=False)
    )
    return Study(samples, estimator, config.splitter(samples), ARMS)


def conduct(study: Study, folder: Path, options: argparse.Namespace) -> Comparison:
    """Run the study, or read a stored one, and write its report."""
    comparison = compare(
        study.samples,
        estimator=study.estimator,
        arms=study.arms,
        n_seeds=options.seeds,
        split=study.split,
        n_jobs=options.jobs,
        folder=folder,
        verbose=0,
    )
    command = f"python benchmarks/reports.py {folder.name}"
    page = write_study_report(
        comparison, folder, samples=study.samples, command=command
    )
    print(f"written: {page}", flush=True)
    return comparison


def gain_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per task and arm: loss of both, gain, interval and verdict."""
    losses = comparison.figures.query("metric == 'loss'").set_index(["task", "arm"])[
        "mean"
    ]
    gains = comparison.gains
    table = pd.DataFrame(
        {
            "task": gains["task"],
            "arm": gains["arm"],
            "loss alone": [
                f"{losses[task, comparison.reference]:.3f}" for task in gains["task"]
            ],
            "loss": [
                f"{losses[task, arm]:.3f}"
                for task, arm in zip(gains["task"], gains["arm"], strict=True)
            ],
            "gain": gains["gain"].map("{:+.3f}".format),
            "interval": [
                f"{low:+.3f} .. {high:+.3f}"
                for low, high in zip(gains["low"], gains["high"], strict=True)
            ],
            "verdict": gains["verdict"],
        }
    )
    return table[gains["arm"].to_numpy() != "constant"]


def trace(options: argparse.Namespace) -> None:
    """Compare on hydraulic with several shares of the labels, and print the gains."""
    study, folder = make_real("hydraulic"), options.folder / SHARES
    curve = label_curve(
        study.samples,
        estimator=study.estimator,
        arms={"hard": "hard"},
        n_seeds=options.seeds,
        split=study.split,
        n_jobs=options.jobs,
        folder=folder,
        verbose=0,
    )
    page = write_curve_report(
        curve, folder, command=f"python benchmarks/reports.py {SHARES}"
    )
    print(f"written: {page}", flush=True)
    for share, comparison in curve.comparisons.items():
        show(f"hydraulic, {share:.0%} of the labels", comparison)


def show(name: str, comparison: Comparison) -> None:
    """Print a study as a Markdown table."""
    groups = comparison.test["group"].nunique()
    n_test = len(comparison.test)
    print(
        f"\n**{name}: {comparison.evidence.protocol.n_seeds} seeds, "
        f"{n_test:,} test samples in {groups} groups**\n"
    )
    table = gain_table(comparison)
    print("| " + " | ".join(table) + " |")
    print("|" + "---|" * len(table.columns))
    for row in table.itertuples(index=False):
        print("| " + " | ".join(row) + " |")
    if name == "rig":
        related = ", ".join(" and ".join(pair) for pair in rig_truth().related)
        print(
            f"\ntruth: {related} share a hidden cause; "
            f"{', '.join(rig_truth().unrelated)} shares none with any other task"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = ["rig", *CONFIGS, SHARES]
    parser.add_argument("names", nargs="*", default=known, help=", ".join(known))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "reports")
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(
            f"names must be of {', '.join(known)}; got {', '.join(sorted(unknown))}"
        )
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    for name in options.names:
        if name == SHARES:
            trace(options)
            continue
        show(
            name,
            conduct(
                make_rig() if name == "rig" else make_real(name),
                options.folder / name,
                options,
            ),
        )


if __name__ == "__main__":
    main()
