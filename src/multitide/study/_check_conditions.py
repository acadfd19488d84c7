"""Asking only whether the conditions of sharing hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multitide._estimator import MultiTaskEstimator
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.errors import ParameterError
from multitide.study._compare import compare
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._arms import ALONE, sharing_settings
from multitide.study.results._verdicts import MARGIN
from multitide.study.runs._workers import Listener
from multitide.tasks import Task


def check_conditions(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    n_seeds: int = 5,
    split: Splitter | Split | None = None,
    cv: int | Splitter | None = None,
    groups: str | Sequence[Any] | None = None,
    margin: float = MARGIN,
    confidence: float = 0.95,
    budget: str | float | None = None,
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Conditions:
    """Check on one's own data the conditions under which tasks are said to gain by sharing a network.

    Sharing is said to pay where tasks share low-level features, where they have similar amounts of
    labels, and where the network is big enough for all of them. Each is asked as a small study with
    the statistics of :func:`multitide.compare`, which does the same beside its own arms with
    ``conditions=True``.

    Parameters
    ----------
    samples, tasks, n_seeds, split, cv, groups, margin, confidence, budget, n_jobs, progress,
    verbose
        As in :func:`multitide.compare`.
    estimator : MultiTaskEstimator, optional
        The network that is asked about; hard sharing if its own sharing is "none".
    folder : path, optional
        Where runs are kept as they are finished; ``Comparison.load(folder).conditions`` reads the
        result again.

    Returns
    -------
    Conditions
        Print it, or read its ``features``, ``labels``, ``width`` and ``verdicts``.

    Raises
    ------
    ParameterError
        With what is wrong with the arguments; if there are fewer than two tasks.
    DataError
        With what is wrong with the samples or the split.
    StoreError
        If `folder` cannot be written.

    See Also
    --------
    label_curve : whether sharing gains more where labels are few.
    """
    estimator = MultiTaskEstimator() if estimator is None else estimator
    found = compare(
        samples,
        tasks,
        estimator=estimator,
        arms={ALONE: ALONE, "together": sharing_settings(estimator)},
        n_seeds=n_seeds,
        split=split,
        cv=cv,
        groups=groups,
        margin=margin,
        confidence=confidence,
        conditions=True,
        budget=budget,
        n_jobs=n_jobs,
        folder=folder,
        progress=progress,
        verbose=verbose,
    )
    if found.conditions is None:
        raise ParameterError(
            f"`budget` must be enough for a seed of every arm that asks; got {budget!r}."
        )
    return found.conditions
