"""Only whether the conditions of sharing hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from multitide._estimator import MultiTaskEstimator
from multitide._network_or_default import network_or_default
from multitide._silence import silent_on_request
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.errors import ParameterError
from multitide.study._compare import compare
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._arms import ALONE, sharing_settings
from multitide.study.results._verdicts import MARGIN
from multitide.study.runs._workers import Listener
from multitide.tasks import Task


@silent_on_request
def check_conditions(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    n_seeds: int = 5,
    split: Splitter | Split | None = None,
    cv: int | Splitter | None = None,
    groups: str | Sequence[object] | None = None,
    margin: float = MARGIN,
    confidence: float = 0.95,
    budget: str | float | None = None,
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    progress: Listener | None = None,
    verbose: int = 1,
) -> Conditions:
    """Check on your data the conditions under which sharing a network is said to help.

    Sharing is said to help if tasks share low-level features, if they have similar amounts of
    labels, and if the network is big enough for all of them. Each condition is checked by a small
    study with the statistics of :func:`multitide.compare`, which can do the same for its own arms
    with ``conditions=True``.

    Parameters
    ----------
    samples, tasks, n_seeds, split, cv, groups, margin, confidence, budget, n_jobs, progress,
    verbose
        As in :func:`multitide.compare`.
    estimator : MultiTaskEstimator, optional
        The network to check, with hard sharing if its own sharing is "none".
    folder : path, optional
        Where finished runs are stored. ``Comparison.load(folder).conditions`` reads the result
        again.

    Returns
    -------
    Conditions
        Print it, or read its ``features``, ``labels``, ``width`` and ``verdicts``.

    Raises
    ------
    ParameterError
        If arguments are invalid, or there are fewer than two tasks.
    DataError
        If samples or split are invalid.
    StoreError
        If `folder` cannot be written.

    See Also
    --------
    label_curve : whether sharing gains more with few labels.
    """
    estimator = network_or_default(estimator, samples)
    comparison = compare(
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
    if comparison.conditions is None:
        raise ParameterError(
            "`budget` must be enough for one seed "
            "of every arm of the conditions; "
            f"got {budget!r}."
        )
    return comparison.conditions
