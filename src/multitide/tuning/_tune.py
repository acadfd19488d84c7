"""Search for settings; trial 0 is the user's own configuration."""

from __future__ import annotations

import dataclasses
import math
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from sklearn.base import clone

from multitide._budget import parse_budget
from multitide._checks import as_path, check_positive_int
from multitide._estimator import MultiTaskEstimator
from multitide._forgotten_fits import forgotten
from multitide._installed_versions import installed_versions
from multitide._interrupts import interrupts_end_all
from multitide._known_arguments import known_arguments
from multitide._network_or_default import network_or_default
from multitide._plan_fit import plan_fit
from multitide._quiet import quiet
from multitide._registries import part_to_config
from multitide._silence import silent_on_request
from multitide._threads import single_thread
from multitide._uncalibrated import uncalibrated
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.engines._engine import Engine
from multitide.engines._make_engine import make_engine
from multitide.errors import DataError, MultitideError, ParameterError
from multitide.fitting._recipe import OPTIONAL, PART_PARAMETERS, make_part, make_recipe
from multitide.fitting._training_length import resolve_max_epochs
from multitide.study.design._study_data import make_rule
from multitide.tasks import Task, label_names, labelled, resolve_tasks, task_to_config
from multitide.tasks._declared_kinds import with_declared_kinds
from multitide.tuning._make_space import make_space
from multitide.tuning._progress_bar import Listener, TuningBar
from multitide.tuning._result import START, TUNED, Tuning
from multitide.tuning._sampler import require_optuna
from multitide.tuning._settings import params_of
from multitide.tuning._trials import Data

if TYPE_CHECKING:
    from multitide.tuning._search import Search

MAX_DEFAULT_JOBS = 8
# Parameters of the estimator that do not decide a trial, or that the search's record has elsewhere.
NOT_IN_IDENTITY = ("tasks", "validation", "verbose", "random_state", "device")


@known_arguments
@silent_on_request
def tune(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    split: Splitter | Split | None = None,
    space: Mapping[str, object] | None = None,
    budget: str | float | None = "30m",
    n_trials: int | None = None,
    engine: str = "local",
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Tuning:
    """Search for settings with a low validation loss: backbone, sharing, weighting, learning rate.

    Every trial is trained on the training set and judged by its validation loss: the mean over
    tasks, in units of the trivial loss (that of a constant prediction). Trials that lag behind are
    pruned. The estimator itself is trial 0, so the result is never worse on the validation set. The
    test set is used once, at the end, to measure the start and the best trial.

    A search in a `folder` can be killed and resumed, and several calls can work in one folder at
    the same time. With one process, the same samples and seed give the same trials, resumed or
    not. With several processes they differ, because a trial depends on those finished before it.

    Parameters
    ----------
    samples : Samples
        Series with labels; see :func:`multitide.read_table`.
    tasks : list of Task or str, optional
        Default: those of the estimator, else every column of ``samples.y``.
    estimator : MultiTaskEstimator, optional
        The start of the search; parameters that are not searched stay as they are. Its
        ``random_state`` is the seed of every trial and of the search. Its ``validation`` is not
        used, since `split` defines the validation set.
    split : Splitter or Split, optional
        Training, validation and test set. Default: the rule that fits the samples.
    space : dict, optional
        Changes to the default space: a list of choices, ``{"low": 1e-4, "high": 0.1, "log":
        True}``, or ``False`` to leave a parameter unchanged; parts as ``{"backbone": ["fcn",
        "gru"]}`` (with default ranges) or ``{"backbone": {"gru": {"hidden_size": [32, 64]}}}``. The
        start's own values always belong to the space.
    budget : str, number or None, default="30m"
        Total time (``"30m"``, ``"2h"``, or seconds), including earlier sessions in `folder`.
    n_trials : int, optional
        Maximum number of trials, including the start and those of earlier sessions.
    engine : {"local", "ray"}, default="local"
        Where trials are trained: on this machine, or on the Ray cluster of ``RAY_ADDRESS``.
    n_jobs : int, optional
        Number of processes. Default: one per core, at most 8; one if a GPU is used.
    folder : path, optional
        Where the search is kept. A search in it is continued.
    progress : callable, optional
        Called with a :class:`multitide.tuning.Progress` at the start and after every trial.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Tuning
        Print it, or read its ``best``, ``settings``, ``table`` and ``metrics``.

    Raises
    ------
    ParameterError
        If an argument is wrong.
    DataError
        If the samples or the split are.
    StoreError
        If `folder` holds another search or a damaged one, or cannot be written.
    MissingDependencyError
        If Optuna is not installed.
    """
    require_optuna()
    from multitide.tuning._journal import open_folder
    from multitide.tuning._search import Plan, Search

    seconds = parse_budget(budget)
    if n_trials is not None:
        check_positive_int("n_trials", n_trials)
    elif math.isinf(seconds):
        raise ParameterError(
            "`n_trials` or `budget` must be given; otherwise the search never ends."
        )
    samples = DataSets(samples).only("`samples` of `tune`")
    start, specs = _start(samples, tasks, estimator)
    labels = samples.y[label_names(specs)]
    cut, data = _cut(samples.replace(y=labels), specs, split)
    _set_epochs(start, labels.iloc[data.train])
    full_space = make_space(space, len(specs))
    full_space = full_space.with_start(params_of(start, full_space))
    seed = int(start.random_state or 0)
    computing = make_engine(engine, n_jobs, [start.device], MAX_DEFAULT_JOBS)
    _check_memory(start, data, computing.n_places if computing.shares_disk else 1)
    with _search_folder(folder) as place:
        identity = _identity(samples, cut, specs, start)
        open_folder(place, {**identity, "space": full_space.plain, "seed": seed})
        search = Search(
            Plan(
                place,
                full_space,
                start,
                data,
                len(specs),
                seed,
                n_trials or sys.maxsize,
                seconds,
            )
        )
        search.resume()
        _run(search, computing, _listeners(progress, verbose))
        trials = search.finished()
    if not trials or trials[0].number:
        raise MultitideError(
            "The start of the search must train; its process died. Try `n_jobs=1`."
        )
    facts = _facts(samples, cut, specs, computing.n_places, search.elapsed)
    tuning = Tuning(trials, full_space, start, pd.DataFrame(), facts)
    tuning = dataclasses.replace(tuning, metrics=_measure(tuning, samples, cut))
    if folder is not None:
        tuning.save(folder)
    return tuning


def _check_memory(start: MultiTaskEstimator, data: Data, n_jobs: int) -> None:
    """Raise unless as many trials like the start as run at the same time fit into memory."""
    plan = plan_fit(
        start.get_params(deep=False),
        DataSets(data.samples[data.train]),
        DataSets(data.samples[data.validation]),
    )
    plan.check_memory(n_jobs)


def _set_epochs(start: MultiTaskEstimator, labels: pd.DataFrame) -> None:
    """Set the number of epochs of all trials, so that they can be compared at the same epoch."""
    n_rows = int(labels.notna().any(axis=1).sum())
    epochs = resolve_max_epochs(start.max_epochs, start.batch_size, n_rows)
    start.set_params(max_epochs=epochs)


def _run(search: Search, engine: Engine, listeners: Sequence[Listener]) -> None:
    from multitide.tuning._search import run_search
    from multitide.tuning._search_on_engine import search_on_engine

    def tell(ended: bool) -> None:
        for listener in listeners:
            listener(search.progress(ended))

    tell(ended=False)
    try:
        if engine.shares_disk:
            steps = run_search(search, engine.n_places)
        else:
            steps = search_on_engine(search, engine)
        for _ in steps:
            tell(ended=False)
    finally:
        tell(ended=True)


def _listeners(progress: Listener | None, verbose: int) -> list[Listener]:
    listeners: list[Listener] = []
    if progress is not None:
        listeners.append(progress)
    if verbose:
        listeners.append(TuningBar())
    return listeners


@contextmanager
def _search_folder(folder: str | Path | None) -> Iterator[Path]:
    """Yield the folder of the search; without one, a folder that is removed afterwards."""
    if folder is not None:
        yield as_path("folder", folder)
        return
    with tempfile.TemporaryDirectory(prefix="multitide-tune-") as temporary:
        yield Path(temporary)


def _start(
    samples: Samples,
    tasks: Sequence[str | Task] | None,
    estimator: MultiTaskEstimator | None,
) -> tuple[MultiTaskEstimator, list[Task]]:
    """Return the checked start of the search, with declared tasks and a seed, and the tasks."""
    estimator = network_or_default(estimator, samples)
    make_recipe(estimator.get_params(deep=False))
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, samples.y)
    start = cast(MultiTaskEstimator, clone(estimator))
    if start.random_state is None:
        seed = 0
    else:
        seed = start.random_state
    start.set_params(tasks=specs, random_state=seed, verbose=0)
    return start, specs


def _cut(
    samples: Samples, tasks: Sequence[Task], split: Splitter | Split | None
) -> tuple[Split, Data]:
    """Split the samples, and return the data of the trials without the test set."""
    rule = make_rule(samples, split, None)
    if isinstance(rule, Split):
        cut = rule
    else:
        cut = rule.split(with_declared_kinds(samples, tasks))
    counts = cut.counts(samples.y)
    problems = []
    for side in ("train", "validation", "test"):
        for task in counts.index[counts[side] == 0]:
            problems.append(
                "`split` must leave labels "
                "of every task in every set; "
                f"got none of {task!r} in {side}."
            )
    if problems:
        remedy = "Settings are chosen on the validation set: [split] validation = 0.15."
        raise DataError("\n".join([*problems, remedy]))
    seen = samples[np.concatenate([cut.train, cut.validation])]
    n_train = len(cut.train)
    return cut, Data(seen, np.arange(n_train), np.arange(n_train, len(seen)))


def _identity(
    samples: Samples, cut: Split, specs: Sequence[Task], start: MultiTaskEstimator
) -> dict[str, object]:
    """Return everything that decides the trials, apart from space and seed."""
    params = {}
    for name, value in start.get_params(deep=False).items():
        if name not in NOT_IN_IDENTITY:
            params[name] = _plain(name, value)
    return {
        "data": samples.fingerprint(),
        "split": [cut.train.tolist(), cut.validation.tolist(), cut.test.tolist()],
        "tasks": list(map(task_to_config, specs)),
        "start": params,
        "versions": installed_versions(),
    }


def _plain(name: str, value: object) -> object:
    if name not in PART_PARAMETERS or (value is None and name in OPTIONAL):
        return value
    try:
        return part_to_config(PART_PARAMETERS[name], make_part(name, value))
    except ParameterError:  # a user's own part has no name in the registry
        return repr(value)


def _measure(tuning: Tuning, samples: Samples, cut: Split) -> pd.DataFrame:
    """Train the start and the best trial once more, and measure them on the test set."""
    estimators = {START: tuning.start}
    if tuning.best.number:
        estimators[TUNED] = tuning.estimator()
    tables = []
    for which, estimator in estimators.items():
        with interrupts_end_all(), forgotten(), single_thread(), quiet():
            estimator = uncalibrated(estimator)
            estimator.fit(samples[cut.train], validation=samples[cut.validation])
            table = estimator.evaluate(samples[cut.test])
        table.insert(0, "which", which)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _facts(
    samples: Samples, cut: Split, specs: Sequence[Task], n_jobs: int, seconds: float
) -> dict[str, object]:
    counts = cut.counts(labelled(specs, samples.y))
    facts: dict[str, object] = {
        "command": shlex.join(sys.argv),
        "versions": installed_versions(),
        "n_samples": len(samples),
        "n_jobs": n_jobs,
        "seconds": seconds,
    }
    for side in counts:
        facts[f"n_{side}"] = counts[side].astype(int).to_dict()
    return facts
