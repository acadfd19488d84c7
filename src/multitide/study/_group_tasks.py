"""Which tasks to train together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from multitide._estimator import MultiTaskEstimator
from multitide._known_arguments import known_arguments
from multitide._network_or_default import network_or_default
from multitide._silence import silent_on_request
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.engines._make_engine import make_engine
from multitide.fitting._weighed import weighed_sets
from multitide.study.design._protocol import make_protocol
from multitide.study.design._seeking_arm import make_seeking_arm
from multitide.study.grouping._grouping import Grouping
from multitide.study.grouping._search import SEEDS, check_seekable, find_groups
from multitide.study.runs._run_plan import run_resources
from multitide.study.runs._workers import Listener
from multitide.tasks import Task, resolve_tasks, task_names


@known_arguments
@silent_on_request
def group_tasks(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    split: Splitter | Split | None = None,
    method: str = "auto",
    max_groups: int | None = None,
    n_seeds: int = SEEDS,
    engine: str = "local",
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Grouping:
    """Measure the effects of the tasks on each other, and find the best groups to train together.

    The test set is never read. The result is a prediction, not a proof: ``compare(samples,
    arms=["hard", "grouped"])`` finds the same groups, trains them, and judges them on the test set.

    Parameters
    ----------
    samples : Samples
        Series with labels.
    tasks : list of Task or str, optional
        Default: the tasks of the estimator, else every column of ``samples.y``.
    estimator : MultiTaskEstimator, optional
        How networks are trained, with ``"hard"`` sharing if its own sharing is "none".
    split : Splitter or Split, optional
        How to split into training, validation and test set. Default: the rule that suits the
        samples.
    method : {"auto", "pairs", "affinity"}, default="auto"
        ``"pairs"`` trains every two tasks together and every task alone, and compares their losses
        on the validation set: n (n + 1) / 2 networks per seed for n tasks (Standley et al. 2020).
        ``"affinity"`` trains all tasks in one network and looks ahead along each task's gradient at
        every tenth step: one network per seed (Fifty et al. 2021), judged on training batches.
        ``"auto"`` is "pairs" for up to five tasks, or if no parameters are shared.
    max_groups : int, optional
        The largest number of groups, i.e. of networks.
    n_seeds : int, default=3
        Number of networks of each kind.
    engine : {"local", "ray"}, default="local"
        Where fits are computed: in processes of this machine, or on a Ray cluster, that of the
        variable ``RAY_ADDRESS``. The results are the same.
    n_jobs : int, optional
        Number of processes. Default: one per core, or a single one with a GPU.
    folder : path, optional
        Where runs and the groups are stored. A study in the same folder uses them.
    progress : callable, optional
        Called with a :class:`multitide.study.Progress` before the first fit and after every fit.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Grouping
        Print it, or read its ``groups``, ``affinity`` and ``predicted``.

    Raises
    ------
    ParameterError
        If arguments are invalid, or there are more than 16 tasks.
    DataError
        If samples or split are invalid.
    StoreError
        If `folder` cannot be written.
    """
    estimator = network_or_default(estimator, samples)
    data_sets = DataSets(samples)
    labels = data_sets.only("`samples` of `group_tasks`").y
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, labels)
    data_sets = weighed_sets(data_sets, specs)
    names = tuple(task_names(specs))
    arm = make_seeking_arm(
        "grouped", method, {"max_groups": max_groups}, estimator, names
    )
    protocol = make_protocol(data_sets, specs, split, None, n_seeds)
    check_seekable([arm], protocol)
    computing = make_engine(engine, n_jobs, [estimator.device])
    with run_resources(computing, folder, progress, verbose) as resources:
        grouping, _ = find_groups(arm, protocol, data_sets, resources)
    assert grouping is not None  # without a budget
    return grouping
