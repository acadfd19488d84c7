"""Conducting a search: trial 0 is the user's own configuration, the others are what the sampler proposes."""

from __future__ import annotations

import dataclasses
import logging
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.base import clone

from multitide._checks import check_positive_int
from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_to_config
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.errors import DataError, MultitideError, ParameterError
from multitide.fitting._recipe import OPTIONAL, PART_PARAMETERS, make_part, make_recipe
from multitide.study.design._protocol import only_samples
from multitide.study.design._study_data import make_rule
from multitide.study.runs._fits import quiet, single_thread
from multitide.study.runs._jobs import versions
from multitide.study.runs._timing import parse_budget
from multitide.study.runs._workers import default_n_jobs
from multitide.tasks import Task, labelled, resolve_tasks, task_to_config
from multitide.tuning._execution import AT_ONCE, conduct_trials
from multitide.tuning._progress_bar import Listener, TuningBar
from multitide.tuning._result import START, TUNED, Tuning
from multitide.tuning._sampler import import_optuna
from multitide.tuning._search import Search
from multitide.tuning._settings import params_of
from multitide.tuning._space import make_space
from multitide.tuning._trial_store import open_folder, read_trials, write_trial
from multitide.tuning._trials import Data, Trial

logger = logging.getLogger("multitide")


def tune(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    split: Splitter | Split | None = None,
    space: Mapping[str, Any] | None = None,
    budget: str | float | None = "30m",
    n_trials: int | None = None,
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Tuning:
    """Search for settings with a low validation loss: backbone, sharing, weighting and how to learn.

    Every trial learns from the training part, and is judged by the mean validation loss over tasks,
    in units of the trivial loss; trials that lag are given up. The estimator as it is given is
    trial 0, so that the result is never worse on validation. The test part is not touched before
    the end, where the start and the best trial are measured on it once. The same samples and seed
    give the same trials in the same order, however many processes work and however often the search
    was killed and begun again; a budget in time decides only how many there are.

    Parameters
    ----------
    samples : Samples
        Series with labels; see :func:`multitide.read_table`.
    tasks : list of Task or str, optional
        The questions; those of the estimator, else every column of ``samples.y``.
    estimator : MultiTaskEstimator, optional
        Where the search starts, and what it leaves as it is. ``random_state`` is the seed of every
        trial and of the search. Its ``validation`` is not used: the split says what chooses.
    split : Splitter or Split, optional
        Training, validation and test part; without it, the rule that fits the samples.
    space : dict, optional
        What to search, beside the default ranges: a list of choices, ``{"low": 1e-4, "high": 0.1,
        "log": True}``, or ``False`` for what stays as it is; parts as ``{"backbone": ["fcn",
        "gru"]}`` (with default ranges) or ``{"backbone": {"gru": {"hidden_size": [32, 64]}}}``. The
        start's own values are always in it.
    budget : str, number or None, default="30m"
        Time for all of it (``"30m"``, ``"2h"``, or seconds), what earlier sessions took in `folder`
        included.
    n_trials : int, optional
        The most trials, the start and those of earlier sessions included.
    n_jobs : int, optional
        Processes; one a core when not given, at most 8 (a single one where a GPU does the work).
    folder : path, optional
        Where trials are kept as they are finished. Those found there are not repeated.
    progress : callable, optional
        Told of the :class:`multitide.tuning.Progress` at the start and after every trial.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Tuning
        Print it, or read its ``best``, ``settings``, ``table`` and ``metrics``.

    Raises
    ------
    ParameterError
        With what is wrong with the arguments.
    DataError
        With what is wrong with the samples or the split.
    StoreError
        If `folder` holds another search, or cannot be written.
    MissingDependencyError
        If Optuna is not installed.
    """
    import_optuna()
    seconds = parse_budget(budget)
    if n_trials is not None:
        check_positive_int("n_trials", n_trials)
    if n_trials is None and math.isinf(seconds):
        raise ParameterError(
            "`n_trials` or `budget` must be given; a search without either has no end."
        )
    start, specs = _start(samples, tasks, estimator)
    cut, data = _cut(
        samples.replace(y=samples.y[[c for task in specs for c in task.columns]]), split
    )
    space_ = make_space(space, len(specs))
    space_ = space_.with_start(params_of(start, space_))
    seed = int(start.random_state or 0)
    found: dict[int, Trial] = {}
    if folder is not None:
        identity = _identity(samples, cut, specs, start) | {"space": space_.plain, "seed": seed}
        open_folder(Path(folder), identity)
        found = read_trials(Path(folder))
    n_jobs = _check_n_jobs(n_jobs, start)
    listeners = [
        listener
        for listener in (progress, TuningBar() if verbose else None)
        if listener is not None
    ]
    search = Search(space_, start, data, len(specs), found, seed, n_trials or sys.maxsize, seconds)
    _conduct(search, data, n_jobs, None if folder is None else Path(folder), listeners)
    if 0 not in search.trials:  # its process died
        raise MultitideError(
            "The start of the search must train; its process died. Try `n_jobs=1`."
        )
    facts = _facts(samples, cut, specs, n_jobs, search.elapsed)
    tuning = Tuning(search.in_order(), space_, start, pd.DataFrame(), facts)
    tuning = dataclasses.replace(tuning, metrics=_measured(tuning, samples, cut))
    if folder is not None:
        tuning.save(folder)
    return tuning


def _conduct(
    search: Search, data: Data, n_jobs: int, folder: Path | None, listeners: Sequence[Listener]
) -> None:
    def tell() -> None:
        for listener in listeners:
            listener(search.progress())

    tell()
    try:
        for trial in conduct_trials(search.next_order, data, n_jobs):
            if trial is not None:
                trial = search.finished(trial)
                if folder is not None and trial.state != "failed":
                    write_trial(trial, folder)
            tell()
    finally:
        search.ended = True
        tell()


def _start(
    samples: Samples, tasks: Sequence[str | Task] | None, estimator: MultiTaskEstimator | None
) -> tuple[MultiTaskEstimator, list[Task]]:
    """Return the configuration that the search starts from, checked, with declared tasks and a seed."""
    samples = only_samples(samples, "tune")
    estimator = MultiTaskEstimator() if estimator is None else estimator
    make_recipe(estimator.get_params(deep=False))
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, samples.y)
    start = cast(MultiTaskEstimator, clone(estimator))
    seed = 0 if start.random_state is None else start.random_state
    start.set_params(tasks=specs, random_state=seed, verbose=0)
    return start, specs


def _cut(samples: Samples, split: Splitter | Split | None) -> tuple[Split, Data]:
    """Cut the samples; a search gets no others than those that teach and choose."""
    rule = make_rule(samples, split, None)
    cut = rule if isinstance(rule, Split) else rule.split(samples)
    counts = cut.counts(samples.y)
    problems = [
        f"`split` must leave labels of every task on every side; got none of {task!r} in {side}."
        for side in ("train", "validation", "test")
        for task in counts.index[counts[side] == 0]
    ]
    if problems:
        remedy = "Settings are chosen on the validation part: [split] validation = 0.15."
        raise DataError("\n".join([*problems, remedy]))
    learned = samples[np.concatenate([cut.train, cut.validation])]
    n_train = len(cut.train)
    return cut, Data(learned, np.arange(n_train), np.arange(n_train, len(learned)))


def _identity(
    samples: Samples, cut: Split, specs: Sequence[Task], start: MultiTaskEstimator
) -> dict[str, Any]:
    """Return what decides the trials, apart from space and seed."""
    left_out = ("tasks", "validation", "verbose", "random_state", "device")
    params = {
        name: value for name, value in start.get_params(deep=False).items() if name not in left_out
    }
    return {
        "data": samples.fingerprint(),
        "split": [np.asarray(side).tolist() for side in (cut.train, cut.validation, cut.test)],
        "tasks": [task_to_config(task) for task in specs],
        "start": {name: _plain(name, value) for name, value in params.items()},
        "versions": versions(),
    }


def _plain(name: str, value: Any) -> Any:
    if name not in PART_PARAMETERS or (value is None and name in OPTIONAL):
        return value
    try:
        return part_to_config(PART_PARAMETERS[name], make_part(name, value))
    except ParameterError:  # a part of the user's own, which has no name
        return repr(value)


def _measured(tuning: Tuning, samples: Samples, cut: Split) -> pd.DataFrame:
    """Train the start and the best trial once more, as they were trained, and measure them on the test part."""
    wanted = {START: tuning.start} | ({TUNED: tuning.estimator()} if tuning.best.number else {})
    tables = []
    for which, estimator in wanted.items():
        with single_thread(), quiet():
            estimator = cast(MultiTaskEstimator, clone(estimator))
            estimator.fit(samples[cut.train], validation=samples[cut.validation])
            tables.append(estimator.evaluate(samples[cut.test]).assign(which=which))
    table = pd.concat(tables, ignore_index=True)
    return table[["which", *(name for name in table if name != "which")]]


def _check_n_jobs(n_jobs: int | None, start: MultiTaskEstimator) -> int:
    if n_jobs is None:
        return min(AT_ONCE, default_n_jobs(start.device))
    check_positive_int("n_jobs", n_jobs)
    return min(AT_ONCE, n_jobs)


def _facts(
    samples: Samples, cut: Split, specs: Sequence[Task], n_jobs: int, seconds: float
) -> dict[str, Any]:
    counts = cut.counts(labelled(specs, samples.y))
    return {
        "command": shlex.join(sys.argv),
        "versions": versions(),
        "n_samples": len(samples),
        **{f"n_{side}": counts[side].astype(int).to_dict() for side in counts},
        "n_jobs": n_jobs,
        "seconds": seconds,
    }
