"""The study as users call it: once, with more and more seeds, or also twice as long."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from multitide._budget import parse_budget
from multitide._checks import as_path, check_fraction, check_positive_int, check_type
from multitide._estimator import MultiTaskEstimator
from multitide._known_arguments import known_arguments
from multitide._network_or_default import network_or_default
from multitide._silence import silent_on_request
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.study._comparison import Comparison
from multitide.study._run_study import run_study
from multitide.study._twice_as_long import is_due, with_longer
from multitide.study._until_conclusive import add_seeds
from multitide.study.design._arms import ALONE, ArmSpec
from multitide.study.design._study_data import TestGroups
from multitide.study.results._verdicts import MARGIN
from multitide.study.runs._workers import Listener
from multitide.tasks import Task

N_SEEDS = 5


@known_arguments
@silent_on_request
def compare(
    samples: Samples | Mapping[str, Samples],
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    arms: Sequence[str] | Mapping[str, ArmSpec] = (ALONE, "hard"),
    reference: str = ALONE,
    n_seeds: int = N_SEEDS,
    split: Splitter | Split | Mapping[str, Splitter | Split] | None = None,
    cv: int | Splitter | Mapping[str, int | Splitter] | None = None,
    groups: TestGroups | Mapping[str, TestGroups] = None,
    margin: float = MARGIN,
    confidence: float = 0.95,
    conditions: bool = False,
    until_conclusive: bool = False,
    robust: bool | None = None,
    budget: str | float | None = None,
    draws: Sequence[pd.DataFrame] | None = None,
    engine: str = "local",
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Comparison:
    """Train the tasks alone and together with several seeds, and judge which tasks gain.

    All arms have the same splits, seeds, number of optimiser steps, patience and rule for choosing
    the epoch. A task that is trained alone draws its batches from its own labelled samples, so it
    has shorter epochs, and more of them. The validation set is used for all choices, the test set
    only for the results. The same samples and seeds give the same result, bit by bit, for any
    number of processes.

    Parameters
    ----------
    samples : Samples or dict of str to Samples
        Series with labels, see :func:`multitide.read_table`. A dict of several data sets compares
        ways to train them together: each task is judged on each data set that has it, as
        "task @ data set". Then ``"alone"`` is one network for each of these, ``"hard"`` one network
        for all data sets, ``"per_data_set"`` one network per data set, and ``"per_task"`` one
        network per task, on all data sets that have it. ``groups`` of an arm may also be
        "per_data_set" or "per_task". `split`, `cv` and `groups` may be dicts by name.
    tasks : list of Task or str, optional
        Default: the tasks of the estimator, else every column of ``samples.y``.
    estimator : MultiTaskEstimator, optional
        Its parameters hold for every arm. ``random_state`` is the first seed. ``validation`` is not
        used, because `split` defines the validation set.
    arms : list of str, or dict of str to settings, default=("alone", "hard")
        What is compared. A list has names:

        - ``"alone"``: one network per task
        - a way of sharing such as ``"hard"``
        - ``"constant"``: the best constant
        - ``"boosting"``: gradient boosting per task
        - ``"finish"``: one network, of which each task then trains a copy further
          (``training.finish``)
        - ``"grouped"``: groups of tasks that are found first, without the test set, see
          :func:`multitide.group_tasks`
        - ``"pairs"``: one arm for every two tasks
        - ``"leave_one_out"``: for each task, one arm with all others

        A dict maps names of your own to settings: parameters of the estimator (``{"wide":
        {"backbone__hidden_size": 128}}``), ``groups`` of tasks that share a network (``{"pair":
        {"groups": [["a", "b"], ["c"]]}}``) or how to find them (``{"two": {"groups": "affinity",
        "max_groups": 2}}``, or "pairs", or "auto"), or a baseline with its parameters (``{"slow":
        {"baseline": "boosting", "learning_rate": 0.03}}``).
    reference : str, default="alone"
        The arm that all others are compared with; ``"alone"`` is added if it is missing.
    n_seeds : int, default=5
        Number of seeds per arm and split. Below 5 seeds x folds every verdict is "cannot tell".
    split : Splitter or Split, optional
        How to split into training, validation and test set. Default: the rule that suits the
        samples.
    cv : int or Splitter, optional
        Folds instead of one split.
    groups : str or sequence, optional
        Groups of correlated test samples, as a column of ``samples.extra`` or one entry per sample.
        Intervals hold for new groups. Default: the groups of a split by group, else the series,
        else blocks of time.
    margin : float, default=0.01
        Smaller gains count as none, in units of the trivial loss (the loss of the best constant).
    confidence : float, default=0.95
        Coverage of the intervals.
    conditions : bool, default=False
        Also check the conditions under which sharing is said to help (shared features, similar
        amounts of labels, a sufficient network size); see :func:`multitide.check_conditions`. This
        takes about three times as long.
    until_conclusive : bool, default=False
        Add seeds until every verdict is settled, or more seeds would settle none, or the budget
        ends: looks at 1, 1.6, 2.6 and 4 times `n_seeds`. The intervals of each look are wider, so
        that all looks together have the `confidence` (Pocock 1977).
    robust : bool, optional
        Afterwards train the networks with a verdict "cannot tell" or "hurts", and the reference,
        for twice the epochs, and report whether their verdicts stand. This takes up to twice as
        long again; without time for it in the budget it is left out. Default: if there is a
        budget, and it is expected to take less than half of it.
    budget : str or number, optional
        Time limit of the study (``"30m"``, ``"2h"``, or seconds). A fit starts only if it is
        expected to end in time, and a seed only if all its fits are. At most half of the budget is
        used to find groups. A running fit is always finished. See ``left_out`` of the result for
        what was skipped.
    draws : list of DataFrame, optional
        For each seed the labels that its networks see, like ``samples.y``, which is the first of
        them. The labels of the test set are the same in all. Used by
        :func:`multitide.label_curve`.
    engine : {"local", "ray"}, default="local"
        Where fits are computed: in processes of this machine, or on a Ray cluster, that of the
        variable ``RAY_ADDRESS``. The results are the same.
    n_jobs : int, optional
        Number of processes. Default: one per core, or a single one with a GPU. Several share the
        GPU, each with a context and data of its own.
    folder : path, optional
        Where finished runs and then the study are stored. Runs that are found there are not
        repeated.
    progress : callable, optional
        Called with a :class:`multitide.study.Progress` before the first fit and after every fit.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Comparison
        Print it, or read its ``gains``, ``figures``, ``runs`` and ``conditions``.

    Raises
    ------
    ParameterError
        If arguments are invalid, or the budget is too small for one seed of two arms.
    DataError
        If samples or split are invalid.
    StoreError
        If `folder` cannot be written.
    """
    started = time.perf_counter()
    check_fraction("confidence", confidence)
    check_fraction("margin", margin)
    check_type("conditions", conditions, bool)
    check_type("until_conclusive", until_conclusive, bool)
    seconds = parse_budget(budget)
    if robust is not None:
        check_type("robust", robust, bool)
    estimator = network_or_default(estimator, samples)
    place = None if folder is None else as_path("folder", folder)
    run = partial(
        run_study,
        samples,
        tasks,
        reference=reference,
        split=split,
        cv=cv,
        groups=groups,
        margin=margin,
        draws=draws,
        n_jobs=n_jobs,
        engine=engine,
        progress=progress,
        verbose=verbose,
    )
    first = partial(run, estimator=estimator, arms=arms, conditions=conditions)
    if until_conclusive:
        check_positive_int("n_seeds", n_seeds)
        comparison = add_seeds(first, n_seeds, confidence, seconds, place)
    else:
        comparison = first(
            n_seeds=n_seeds, confidence=confidence, seconds=seconds, folder=place
        )
    if not is_due(comparison, robust, seconds):
        return comparison
    left = seconds - (time.perf_counter() - started)
    return with_longer(comparison, run, estimator, arms, left, place)
