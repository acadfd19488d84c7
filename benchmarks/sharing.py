"""Compare every sharing, every weighting and two aggregators with one network per task.

    python benchmarks/sharing.py [--only rig ...] [--arms hard pcgrad ...] [--seeds S] [--budget
    55m] [--jobs N]

Data: Beijing (every fourth window, split by time), the hydraulic rig by runs with all labels and
with a fifth of the training and validation labels, and the simulated rig with a fifth of them,
split by machine. Networks are small, and the same for all arms of a data set; `compare` gives all
arms the same splits, seeds and number of optimiser steps. Nothing is chosen by these results.
`none` is the reference. Weightings and aggregators (at the parameters) share by `hard`; `uniform`
is the row `hard`. `fixed` is left out, because it needs weights set by hand; `search` finds them,
at the cost of its trials.

Every run is stored as soon as it is finished (--folder, by default runs/sharing), so the same
command resumes. --budget is the time for the whole command: seeds that do not fit are left for the
next call, and a table says how many seeds it has. --arms runs some of the arms; the full table then
repeats no run. Prints all tables in Markdown; NAME.md in the folder has them too, with accuracies
and errors.

Expected time: five to six minutes per data set on two cores, and about half an hour for the rig
with its 20 seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from multitide import (
    Comparison,
    MultiTaskEstimator,
    Samples,
    Split,
    Splitter,
    Training,
    compare,
    load_config,
    rig_truth,
    simulate_rig,
)
from multitide._budget import parse_budget
from multitide.backbones import CNN1D, FCN, LSTMFCN
from multitide.balancing import WEIGHTINGS
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.reports._pages import markdown_table
from multitide.reports.study._sentences import MARKS
from multitide.sharing import SHARINGS
from multitide.study.design._arms import ALONE
from multitide.study.design._hidden_labels import keep_share
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS, SAME
from multitide.tasks import resolve_tasks

ROOT = Path(__file__).resolve().parents[1]
HEADLINES = {"classification": "accuracy", "regression": "rmse"}
VERDICT_TITLES, MOST_NAMED = {HELPS: "better ▲", HURTS: "worse ▼"}, 6
AGGREGATORS = ("pcgrad", "upgrad")
LAST = 60  # seconds below which no further data set is begun
# Of the labels. With a tenth, 19 labels validate a task of the simulated rig, and joint training
# kept its first epoch.
FEW = 0.2

Case = tuple[Samples, Split, MultiTaskEstimator]
# 20 on the rig, whose truth is known: with 5, seeds were most of the variance of a gain, and every
# verdict was "cannot tell".
N_SEEDS, SEEDS = 5, {"rig": 20}
GROUPS = {
    "hydraulic": "run",
    "hydraulic_few": "run",
}  # what intervals are for; without it series or blocks of time


# -- what is measured ------------------------------------------------------------------------------


def all_arms() -> dict[str, dict[str, Any]]:
    """Return all arms but the reference: the sharings, then the weightings and aggregators."""
    arms: dict[str, dict[str, Any]] = {
        name: {"sharing": name} for name in SHARINGS if name != "none"
    }
    balanced = [name for name in WEIGHTINGS if name not in ("uniform", "fixed")]
    arms |= {name: {"sharing": "hard", "weighting": name} for name in balanced}
    return arms | {
        name: {"sharing": "hard", "aggregator": name} for name in AGGREGATORS
    }


def read_config(
    name: str, **changes: Any
) -> tuple[Samples, Splitter, MultiTaskEstimator]:
    """Return the data, the split and a smaller network of a configuration, without refit."""
    config = load_config(ROOT / "configs" / f"{name}.toml")
    samples = config.read()
    training = dataclasses.replace(
        config.estimator.get("training") or Training(), refit=False
    )
    return (
        samples,
        config.splitter(samples),
        config.make_estimator(**{"training": training, "verbose": 0, **changes}),
    )


def beijing() -> Case:
    """Every fourth window."""
    backbone = LSTMFCN(hidden_size=16, filters=(16, 16, 8))
    samples, splitter, estimator = read_config("beijing_pm25_honest", backbone=backbone)
    samples = samples[::4]
    return samples, splitter.split(samples), estimator


def hydraulic() -> Case:
    """All labels."""
    backbone = CNN1D(flatten=True, dropout=0.5)
    samples, splitter, estimator = read_config(
        "hydraulic", backbone=backbone, max_epochs=12
    )
    return samples, splitter.split(samples), estimator


def with_few_labels(case: Case, share: float) -> Case:
    """Hide all but a fraction of the training and validation labels of each task."""
    samples, split, estimator = case
    tasks = resolve_tasks(estimator.tasks, samples.y)
    return samples.replace(y=keep_share(samples, tasks, split, share)), split, estimator


def rig(draw: int = 0) -> Case:
    """Three related tasks and one unrelated; 60 machines for training, 540 for the test.

    As many runs learn as in power.py, which says what a verdict takes here; only predicting more
    test runs is dearer.
    """
    samples = simulate_rig(
        6000, n_machines=600, n_timepoints=(24, 36), random_state=draw
    )
    backbone = FCN(filters=(16, 16, 16), kernel_sizes=(5, 3, 3))
    estimator = MultiTaskEstimator(
        backbone=backbone, max_epochs=40, lr=0.01, random_state=100 * draw, verbose=0
    )
    split = Splitter(by="group", test=0.9, validation=0.3).split(samples)
    return with_few_labels((samples, split, estimator), FEW)


TITLES = {
    "rig": "The simulated rig, a fifth of the labels, machines held out",
    "beijing": "Beijing, every fourth window, by time",
    "hydraulic_few": "Hydraulic test rig by run, a fifth of the labels",
    "hydraulic": "Hydraulic test rig by run, all labels",
}
CASES: dict[str, Callable[[], Case]] = {
    "rig": rig,
    "beijing": beijing,
    "hydraulic_few": lambda: with_few_labels(hydraulic(), FEW),
    "hydraulic": hydraulic,
}


# -- tables ----------------------------------------------------------------------------------------


def table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per arm: the gain per task and the mean, seconds, parameters.

    A gain is in units of the trivial loss, plus = better than the reference, with its interval over
    seeds and test groups; the mark is its verdict, of p values that are adjusted for the number of
    arms.
    """
    runs = comparison.runs[comparison.runs["status"] == "done"]
    spent = (
        runs.groupby(["arm", "seed", "fold"])[["seconds", "n_parameters"]]
        .sum()
        .groupby("arm")
        .mean()
    )
    rows = []
    for arm in comparison.arms:
        row: dict[str, Any] = {"arm": _written(arm)}
        row |= {
            task.name: _gain(comparison.gains, arm=arm, task=task.name)
            for task in comparison.tasks
        }
        row["mean gain"] = _gain(comparison.mean_gains, arm=arm)
        known = arm in spent.index
        row["seconds"] = f"{spent['seconds'][arm]:.1f}" if known else None
        row["parameters"] = f"{spent['n_parameters'][arm]:,.0f}" if known else None
        rows.append(row)
    return pd.DataFrame(rows)


def figures_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per arm: accuracy or error of each task, mean and spread over seeds."""
    rows = []
    for arm in comparison.arms:
        row: dict[str, Any] = {"arm": _written(arm)}
        for task in comparison.tasks:
            metric = HEADLINES[task.kind]
            row[f"{task.name}: {metric}"] = _figure(comparison, arm, task.name, metric)
        rows.append(row)
    return pd.DataFrame(rows)


def verdict_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per task and for the mean: the arms that differ from the reference."""
    rows = []
    tables = [
        *comparison.gains.groupby("task", sort=False),
        ("mean gain", comparison.mean_gains),
    ]
    for task, gains in tables:
        row = {"task": task}
        for verdict, title in VERDICT_TITLES.items():
            found = gains[gains["verdict"] == verdict].sort_values(
                "gain", ascending=verdict == HURTS
            )
            row[title] = (
                ", ".join(
                    _arm_and_gain(*pair)
                    for pair in zip(found["arm"], found["gain"], strict=True)
                )
                or None
            )
        same = [_written(arm) for arm in gains.loc[gains["verdict"] == SAME, "arm"]]
        row["the same ="] = (
            ", ".join(same) if 0 < len(same) <= MOST_NAMED else len(same) or None
        )
        rows.append(
            row
            | {"cannot tell ?": int((gains["verdict"] == CANNOT_TELL).sum()) or None}
        )
    return pd.DataFrame(rows)


def overview(comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """Return one row per arm, one column per data set: the mean gain and two verdicts."""
    columns = {}
    for name, comparison in comparisons.items():
        gains, against = (
            comparison.mean_gains,
            comparison.against("hard").mean_gains.set_index("arm")["verdict"],
        )
        cells = {}
        for row in gains.itertuples():
            marks = f"{MARKS[row.verdict]} {MARKS.get(against.get(row.arm), '')}"
            cells[_written(row.arm)] = f"{row.gain:+.3f} {marks}".rstrip()
        columns[TITLES[name]] = cells
    return pd.DataFrame(columns).rename_axis("arm").reset_index()


def _arm_and_gain(arm: str, gain: float) -> str:
    return f"{_written(arm)} {gain:+.3f}"


def _written(arm: str) -> str:
    return "none" if arm == ALONE else arm


def relatives(task: str) -> list[str]:
    """Return the tasks of the simulated rig that share a hidden cause with this one."""
    return sorted(
        {name for pair in rig_truth().related if task in pair for name in pair} - {task}
    )


def truth_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per task of the simulated rig: the truth, and the verdict per sharing.

    A related task should gain, and the unrelated one should not; "cannot tell" agrees
    with neither.
    """
    rows = []
    for task in comparison.tasks:
        kin = relatives(task.name)
        row: dict[str, Any] = {
            "task": task.name,
            "related to": ", ".join(kin) or "none",
        }
        row["expected"] = HELPS if kin else f"not {HELPS}"
        for arm in comparison.arms:
            if arm in SHARINGS:
                row[arm] = _against_truth(comparison.gains, arm, task.name, bool(kin))
        rows.append(row)
    return pd.DataFrame(rows)


def _against_truth(gains: pd.DataFrame, arm: str, task: str, related: bool) -> str:
    found = gains[(gains["arm"] == arm) & (gains["task"] == task)]
    verdict = "failed" if found.empty else str(found["verdict"].iloc[0])
    if verdict in (CANNOT_TELL, "failed"):
        return verdict
    return f"{verdict}: {'as expected' if (verdict == HELPS) == related else 'NOT as expected'}"


def _figure(comparison: Comparison, arm: str, task: str, metric: str) -> str | None:
    figures = comparison.figures
    found = figures[
        (figures["arm"] == arm)
        & (figures["task"] == task)
        & (figures["metric"] == metric)
    ]
    return (
        None
        if found.empty
        else f"{found['mean'].iloc[0]:.3g} ± {found['sd'].iloc[0]:.2g}"
    )


def _gain(gains: pd.DataFrame, **where: str) -> str | None:
    for column, value in where.items():
        gains = gains[gains[column] == value]
    if gains.empty:
        return None
    gain, low, high, verdict = gains[["gain", "low", "high", "verdict"]].iloc[0]
    return f"{gain:+.3f} [{low:+.3f}, {high:+.3f}] {MARKS[verdict]}"


def page(name: str, comparison: Comparison) -> str:
    """Return the tables of one data set as the docs show them, in Markdown."""
    runs = comparison.runs
    seeds = runs[runs["status"] == "done"].groupby("arm")["seed"].nunique()
    failed = int((runs["status"] != "done").sum())
    parts = [
        f"### {TITLES[name]}",
        f"{seeds.min() if len(seeds) else 0} seeds, "
        f"{comparison.test['group'].nunique()} test groups"
        + (f"; {failed} fits failed or were left out." if failed else "."),
        markdown_table(table(comparison)),
    ]
    if name == "rig":
        parts += [
            "What is known of the rig, beside what was found:",
            markdown_table(truth_table(comparison)),
        ]
    if "hard" in comparison.arms:
        parts += [
            "Arms that differ from `hard`, and their gains over it:",
            markdown_table(verdict_table(comparison.against("hard"))),
        ]
    return "\n\n".join(parts) + "\n"


# -- the command -----------------------------------------------------------------------------------


def measure(
    name: str, arms: Mapping[str, Any], options: argparse.Namespace, seconds: float
) -> Comparison:
    """Run or resume the study of one data set."""
    samples, split, estimator = CASES[name]()
    return compare(
        samples,
        estimator=estimator,
        arms=arms,
        n_seeds=options.seeds or SEEDS.get(name, N_SEEDS),
        split=split,
        groups=GROUPS.get(name),
        budget=seconds,
        n_jobs=options.jobs,
        folder=options.folder / name,
    )


def choose_arms(names: Sequence[str] | None) -> dict[str, Any]:
    """Return the arms of these names; all arms if there are no names."""
    arms = all_arms()
    unknown = sorted(set(names or ()) - set(arms))
    if unknown:
        raise SystemExit(
            f"`--arms` must be of {', '.join(arms)}; got {', '.join(unknown)}."
        )
    return {
        name: settings for name, settings in arms.items() if not names or name in names
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", choices=CASES, default=list(CASES), metavar="DATASET"
    )
    parser.add_argument(
        "--arms", nargs="+", help="without the reference, which is always there"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        help=f"of every data set; by default {N_SEEDS}, but 20 of the rig",
    )
    parser.add_argument("--budget", default="55m", help="of the whole command")
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "sharing")
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    arms, ends = (
        choose_arms(options.arms),
        time.perf_counter() + parse_budget(options.budget),
    )
    comparisons: dict[str, Comparison] = {}
    for name in options.only:
        left = ends - time.perf_counter()
        if left < LAST:
            print(f"{name}: no time of --budget is left; the same command resumes.")
            continue
        comparisons[name] = measure(name, arms, options, left)
        text, figures = (
            page(name, comparisons[name]),
            markdown_table(figures_table(comparisons[name])),
        )
        (options.folder / f"{name}.md").write_text(
            f"{text}\n{figures}\n", encoding="utf-8"
        )
        print(text, flush=True)
    if "hard" in arms:
        print(
            "Mean gains; verdicts against `none`, then against `hard`:\n\n"
            f"{markdown_table(overview(comparisons))}"
        )


if __name__ == "__main__":
    main()
