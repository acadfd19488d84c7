"""The data sets on which defaults and ensembles are chosen and measured.

Each case has samples, tasks and splits into training, validation and test set. Scripts that choose
something read the training and validation sets only. The data are described in
``../shared/data/README.md``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from multitide import Samples, Split, Splitter, load_config, simulate_rig
from multitide.study.design._hidden_labels import keep_share
from multitide.tasks import Task, resolve_tasks

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
LABELS = ("death", "creatinine_next_day", "sepsis", "aki", "hours_to_discharge")
ADMISSION_HOURS = 25  # hours 0 to 24; the labels are those of hour 24


@dataclasses.dataclass(frozen=True)
class Case:
    """A data set with its tasks and splits; more than one split are the folds of a test.

    Attributes
    ----------
    samples : Samples
        All samples.
    tasks : list of Task
        The tasks.
    splits : list of Split
        Training, validation and test rows.
    rule : Splitter
        By which the validation rows are held out.
    """

    samples: Samples
    tasks: list[Task]
    splits: list[Split]
    rule: Splitter


def beijing() -> Case:
    """Protocol (a): the last fifth is the test set, the last 15 % of the rest validate."""
    config = load_config(ROOT / "configs" / "beijing_pm25.toml")
    samples = config.read()
    rule = config.splitter(samples)
    return _case(samples, config.tasks, [rule.split(samples)], rule)


def hydraulic() -> Case:
    """Five folds of runs, all 17 sensors at 1 Hz."""
    config = load_config(ROOT / "configs" / "hydraulic.toml")
    samples = config.read()
    rule = config.splitter(samples)
    return _case(samples, config.tasks, rule.folds(samples), rule)


def phalanx() -> Case:
    """The leak-free joint rows: a sample of any task's test set is in no training set.

    Each task has a test set of its own in the archive. The test rows here are those of all tasks;
    the labels of rows that are not in a task's own test set are hidden.
    """
    config = load_config(ROOT / "configs" / "phalanx.toml")
    samples = config.read()
    if samples.extra is None:
        raise ValueError(
            "phalanx.toml must read the columns with the archive's splits."
        )
    is_test = (samples.extra == "test").set_axis(list(samples.y), axis=1)
    known = np.flatnonzero(~is_test.any(axis=1))
    test = np.flatnonzero(is_test.any(axis=1))
    rule = Splitter(by="random")
    train, validation = rule.hold_out(samples[known], rule.validation)
    labels = samples.y.copy()
    for task in labels:
        other = test[~is_test[task].to_numpy()[test]]
        labels.loc[labels.index[other], task] = None
    split = Split(known[train], known[validation], test)
    return _case(samples.replace(y=labels), config.tasks, [split], rule)


def physionet() -> Case:
    """A random fifth of the stays is the test set, stratified by death."""
    config = load_config(ROOT / "configs" / "physionet2012.toml")
    samples = config.read()
    rule = config.splitter(samples)
    return _case(samples, config.tasks, [rule.split(samples)], rule)


def icu() -> Case:
    """The first 24 hours of eICU stays; labels of hour 24, most of them missing."""
    samples = icu_stays("eicu")
    rule = Splitter(by="random", test=0.2, random_state=0)
    return _case(samples, None, [rule.split(samples)], rule)


def icu_stays(hospital: str) -> Samples:
    """Return the first 24 hours of the stays of "eicu" or "mimic", with the labels of hour 24."""
    table = pd.read_parquet(DATA / "icu_demo" / f"{hospital}.parquet")
    table = table[table["hour"] < ADMISSION_HOURS]
    hours = table.groupby("stay_id")["hour"].transform("size")
    table = table[hours == ADMISSION_HOURS].sort_values(["stay_id", "hour"])
    last = table[table["hour"] == ADMISSION_HOURS - 1].set_index("stay_id")
    statics = [name for name in table if name.startswith("static_")]
    channels = []
    for name in table:
        if name not in ("stay_id", "hour", *LABELS, *statics):
            channels.append(name)
    values = table[channels].to_numpy(np.float32)
    series = values.reshape(len(last), ADMISSION_HOURS, -1).transpose(0, 2, 1)
    return Samples.from_arrays(
        np.ascontiguousarray(series),
        last[list(LABELS)].reset_index(drop=True),
        static=last[statics].reset_index(drop=True),
        series=last.index.to_numpy(),
        channels=channels,
    )


def rig() -> Case:
    """The simulated rig with a fifth of the labels; machines held out."""
    samples = simulate_rig(2000, n_machines=500, n_timepoints=(24, 36), random_state=0)
    rule = Splitter(by="group", test=0.7, validation=0.3)
    split = rule.split(samples)
    tasks = resolve_tasks(None, samples.y)
    few = samples.replace(y=keep_share(samples, tasks, split, 0.2))
    return Case(few, tasks, [split], rule)


CASES: dict[str, Callable[[], Case]] = {
    "rig": rig,
    "phalanx": phalanx,
    "hydraulic": hydraulic,
    "icu": icu,
    "physionet": physionet,
    "beijing": beijing,
}


def _case(
    samples: Samples,
    tasks: list[str | Task] | None,
    splits: list[Split],
    rule: Splitter,
) -> Case:
    return Case(samples, resolve_tasks(tasks, samples.y), splits, rule)
