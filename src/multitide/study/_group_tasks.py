"""Asking which tasks to train with which, without a study around it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from multitide._estimator import MultiTaskEstimator
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.study.design._protocol import make_protocol
from multitide.study.design._resolve_arms import make_seeking_arm
from multitide.study.grouping._grouping import Grouping
from multitide.study.grouping._search import SEEDS, check_seekable, find_groups
from multitide.study.runs._run_plan import make_run_resources
from multitide.study.runs._workers import Listener
from multitide.tasks import Task, resolve_tasks


def group_tasks(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    split: Splitter | Split | None = None,
    method: str = "auto",
    max_groups: int | None = None,
    n_seeds: int = SEEDS,
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Grouping:
    """Measure what the tasks do to each other, and find the groups that promise most if each is one network.

    The test part is never read. What comes out is a promise and no proof: ``compare(samples,
    arms=["hard", "grouped"])`` asks the same and then trains the groups, and says whether the
    promise is kept.

    Parameters
    ----------
    samples : Samples
        Series with labels.
    tasks : list of Task or str, optional
        The questions; those of the estimator, else every column of ``samples.y``.
    estimator : MultiTaskEstimator, optional
        How networks are trained; one that shares nothing shares ``"hard"`` here.
    split : Splitter or Split, optional
        What is learned from, what chooses, and what is set aside; without it, the rule that fits
        the samples.
    method : {"auto", "pairs", "affinity"}, default="auto"
        ``"pairs"`` trains every two tasks together and every task alone, and looks at the
        validation part: n (n + 1) / 2 networks a seed for n tasks (Standley et al. 2020).
        ``"affinity"`` trains all tasks in one network and looks ahead along every task's gradient
        at every tenth step: one network a seed (Fifty et al. 2021), which is judged on training
        batches. ``"auto"``: pairs for up to five tasks, and where no parameters are shared.
    max_groups : int, optional
        The most networks that the groups may be.
    n_seeds : int, default=3
        Networks of every kind.
    n_jobs : int, optional
        Processes; one a core when not given.
    folder : path, optional
        Where runs and what was found are kept; a study in the same folder uses them.
    progress : callable, optional
        Told of the progress.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Grouping
        Print it, or read its ``groups``, ``affinity`` and ``predicted``.

    Raises
    ------
    ParameterError
        With what is wrong with the arguments; if there are more than 16 tasks.
    DataError
        With what is wrong with the samples or the split.
    StoreError
        If `folder` cannot be written.
    """
    estimator = MultiTaskEstimator() if estimator is None else estimator
    data_sets = DataSets(samples)
    labels = data_sets.only("`samples` of `group_tasks`").y
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, labels)
    names = tuple(task.name for task in specs)
    arm = make_seeking_arm("grouped", method, {"max_groups": max_groups}, estimator, names)
    protocol = make_protocol(data_sets, specs, split, None, n_seeds)
    check_seekable([arm], protocol)
    resources = make_run_resources(estimator, n_jobs, folder, progress, verbose)
    grouping, _ = find_groups(arm, protocol, data_sets, resources)
    assert grouping is not None  # there is no budget
    return grouping
