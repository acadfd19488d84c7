"""Conducting a study: plan it, say what it will take, do what is not done yet, and keep the result."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from multitide._checks import check_fraction
from multitide._estimator import MultiTaskEstimator
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.fitting._data_sets import resolve_shared_tasks
from multitide.study._comparison import Comparison
from multitide.study._left_out import check_enough, left_out_in_words, what_is_left_out
from multitide.study.conditions._arms import check_askable, condition_arms
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._arms import ALONE, Arm, Arms
from multitide.study.design._protocol import (
    Protocol,
    make_protocol,
)
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.design._study_data import StudyData
from multitide.study.grouping._search import check_seekable, find_all_groups
from multitide.study.results._evidence import Evidence
from multitide.study.results._verdicts import MARGIN
from multitide.study.runs._jobs import versions
from multitide.study.runs._plan import check_trainable, make_plan
from multitide.study.runs._run_plan import make_run_resources, run_plan
from multitide.study.runs._timing import parse_budget
from multitide.study.runs._workers import Listener
from multitide.tasks import Task

SHARE_OF_SEEKING = 0.5  # of a budget, for arms whose groups are to be found first


def compare(
    samples: Samples | Mapping[str, Samples],
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    arms: Arms = (ALONE, "hard"),
    reference: str = ALONE,
    n_seeds: int = 5,
    split: Splitter | Split | Mapping[str, Splitter | Split] | None = None,
    cv: int | Splitter | Mapping[str, int | Splitter] | None = None,
    groups: str | Sequence[Any] | Mapping[str, Any] | None = None,
    margin: float = MARGIN,
    confidence: float = 0.95,
    conditions: bool = False,
    budget: str | float | None = None,
    draws: Sequence[pd.DataFrame] | None = None,
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Comparison:
    """Train the tasks alone and together, several times, and say which of them gains by it.

    All arms have the same splits, seeds, number of optimiser steps, patience and way of choosing
    the epoch: a task alone draws its batches from its own labelled rows, and so has shorter epochs
    and more of them. Choices fall on the validation part, figures on the test part. The same
    samples and seeds give the same result, bit by bit, however many processes work.

    Parameters
    ----------
    samples : Samples or dict of str to Samples
        Series with labels; see :func:`multitide.read_table`. Several data sets by name are asked
        whether they should be learned together: a task is judged on each data set that has it, as
        "task @ data set". Then ``"alone"`` is a network for each of these, ``"hard"`` one for all
        data sets, ``"per_data_set"`` one for each data set, and ``"per_task"`` one for each task on
        all data sets that have it; the last two are also what ``groups`` of an arm may be. `split`,
        `cv` and `groups` may be dicts by name, too.
    tasks : list of Task or str, optional
        The questions; those of the estimator, else every column of ``samples.y``.
    estimator : MultiTaskEstimator, optional
        Its parameters hold for every arm; ``random_state`` is the first seed. Its ``validation`` is
        not used: the split says what chooses the epoch.
    arms : list of str, or dict of str to settings, default=("alone", "hard")
        Names: ``"alone"`` (a network a task), a way of sharing such as ``"hard"``, ``"constant"``
        (the best constant), ``"boosting"`` (gradient boosting a task), ``"grouped"`` (groups that
        are found first, without the test part; see :func:`multitide.group_tasks`), ``"pairs"`` (an
        arm for every two tasks), ``"leave_one_out"`` (an arm for all tasks but one; what an arm
        leaves out it does not answer). In a dict, a name of your own with parameters of the
        estimator (``{"wide": {"backbone__hidden_size": 128}}``), with ``groups`` for tasks that
        share a network (``{"pair": {"groups": [["a", "b"], ["c"]]}}``) or how to find them
        (``{"two": {"groups": "affinity", "max_groups": 2}}``, or "pairs", or "auto"), or with a
        baseline and its parameters (``{"slow": {"baseline": "boosting", "learning_rate": 0.03}}``).
    reference : str, default="alone"
        The arm that the others are compared with; ``"alone"`` is added where it is missing.
    n_seeds : int, default=5
        Networks of every arm on every split; with fewer than 5 seeds x folds no verdict is given.
    split : Splitter or Split, optional
        What is learned from, what chooses the epoch, and what is tested; without it, the rule that
        fits the samples.
    cv : int or Splitter, optional
        Folds instead of one split.
    groups : str or sequence, optional
        Which samples belong together, as a column of ``samples.extra`` or an entry a sample:
        intervals are for new groups. Without it what a split by group keeps whole, else the series,
        else blocks of time.
    margin : float, default=0.01
        Gains smaller than this, in units of the trivial loss, count as none.
    confidence : float, default=0.95
        Coverage of the intervals.
    conditions : bool, default=False
        Whether to check also the conditions under which sharing is said to pay (shared features,
        similar amounts of labels, a network big enough); see :func:`multitide.check_conditions`. It
        takes about three times as long.
    budget : str or number, optional
        Time the study may take (``"30m"``, ``"2h"``, or seconds). No fit is begun that is not
        expected to end in time, and no further seed unless all of it is; half of it at most goes
        into finding groups. What was left out, `left_out` of the result says. A fit that has begun
        is finished.
    draws : list of DataFrame, optional
        For each seed the labels that its networks see, like ``samples.y``, which is the first of
        them; those of the test part are the same in all. :func:`multitide.label_curve` makes them.
    n_jobs : int, optional
        Processes; one a core when not given (a single one where a GPU does the work).
    folder : path, optional
        Where runs are kept as they are finished, and the study at its end. Runs found there are not
        repeated.
    progress : callable, optional
        Told of the :class:`multitide.study.Progress` before the first fit and after every one.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Comparison
        Print it, or read its ``gains``, ``figures`` and ``runs``; ``conditions`` if these were
        asked for.

    Raises
    ------
    ParameterError
        With what is wrong with the arguments; if the budget is too small for one seed of two arms.
    DataError
        With what is wrong with the samples or the split.
    StoreError
        If `folder` cannot be written.
    """
    started = time.perf_counter()
    estimator = MultiTaskEstimator() if estimator is None else estimator
    check_fraction("confidence", confidence)
    check_fraction("margin", margin)
    seconds = parse_budget(budget)
    given = DataSets(samples)
    if conditions:
        given = DataSets(given.only("`conditions`"))
    specs = resolve_shared_tasks(estimator.tasks if tasks is None else tasks, given)
    protocol = make_protocol(given, specs, split, cv, n_seeds, groups, draws)
    resolved = resolve_arms(arms, estimator, protocol.names, reference, protocol.divisions)
    asking = condition_arms(estimator, protocol.names) if conditions else []
    check_trainable(resolved, protocol)
    check_seekable(resolved, protocol)
    if conditions:
        check_askable(protocol)
    resources = make_run_resources(estimator, n_jobs, folder, progress, verbose)
    found = find_all_groups(resolved, protocol, given, resources, seconds * SHARE_OF_SEEKING)
    settled, groupings, known = found.arms, found.groupings, found.fits
    seconds -= time.perf_counter() - started
    asked = make_plan([*settled, *asking], protocol)
    plan, fits = run_plan(asked, protocol, given, resources, seconds, known)
    finished = [arm for arm in settled if arm.name in {name for name, _, _ in plan.runs}]
    names = [arm.name for arm in resolved]
    left_out = what_is_left_out(asked, plan, fits, names, resources.n_jobs)
    check_enough(names, [arm.name for arm in finished], left_out, folder is not None)
    asking = asking if all((arm.name, 0, 0) in plan.runs for arm in asking) else []
    tasks_of = {arm.name: arm.task_names for arm in [*finished, *asking]}
    evidence = Evidence(protocol, plan.runs, fits, tasks_of)
    parts = [
        (evidence.of([arm.name for arm in some]), _settings(some)) for some in (finished, asking)
    ]
    facts = _facts(given, protocol, resources.n_jobs, started)
    comparison = Comparison(
        *parts[0],
        margin=margin,
        confidence=confidence,
        facts=facts | {"left_out": left_out_in_words(left_out, conditions and not asking)},
        groupings={arm.name: groupings[arm.name] for arm in finished if arm.name in groupings},
        conditions=Conditions(*parts[1], margin=margin, confidence=confidence) if asking else None,
    )
    if folder is not None:
        comparison.save(folder)
    return comparison


def _settings(arms: Sequence[Arm]) -> dict[str, dict[str, Any]]:
    return {arm.name: arm.description for arm in arms}


def _facts(data_sets: DataSets, protocol: Protocol, n_jobs: int, started: float) -> dict[str, Any]:
    of_data = {data.name: _data_facts(data_sets[data.name], data) for data in protocol.data}
    return {
        "command": shlex.join(sys.argv),
        "versions": versions(),
        **(of_data[protocol.only.name] if len(of_data) == 1 else {"data": of_data}),
        "n_folds": protocol.n_folds,
        "n_jobs": n_jobs,
        "seconds": time.perf_counter() - started,
    }


def _data_facts(samples: Samples, data: StudyData) -> dict[str, Any]:
    return {
        "fingerprint": samples.fingerprint(),
        "n_samples": len(samples),
        "n_channels": samples.n_channels,
        "n_timepoints": samples.n_timepoints,
        "channels": list(samples.channels),
        "split": {} if data.rule is None else data.rule.get_params(),
    }
