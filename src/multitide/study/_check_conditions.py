"""Only whether the conditions of sharing hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from multitide._checks import raise_problems
from multitide._estimator import MultiTaskEstimator
from multitide._network_or_default import network_or_default
from multitide._silence import silent_on_request
from multitide.data._samples import Samples
from multitide.errors import ParameterError
from multitide.study._compare import compare
from multitide.study._compare_options import ConditionOptions, unknown_options
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._arms import ALONE, sharing_settings
from multitide.tasks import Task


@silent_on_request
def check_conditions(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    *,
    estimator: MultiTaskEstimator | None = None,
    folder: str | Path | None = None,
    **options: Unpack[ConditionOptions],
) -> Conditions:
    """Check on your data the conditions under which sharing a network is said to help.

    Sharing is said to help if tasks share low-level features, if they have similar amounts of
    labels, and if the network is big enough for all of them. Each condition is checked by a small
    study with the statistics of :func:`multitide.compare`, which can do the same for its own arms
    with ``conditions=True``.

    Parameters
    ----------
    samples, tasks
        As in :func:`multitide.compare`.
    estimator : MultiTaskEstimator, optional
        The network to check, with hard sharing if its own sharing is "none".
    folder : path, optional
        Where finished runs are stored. ``Comparison.load(folder).conditions`` reads the result
        again.
    **options
        ``n_seeds``, ``split``, ``cv``, ``groups``, ``margin``, ``confidence``, ``budget``,
        ``n_jobs``, ``progress`` and ``verbose`` of :func:`multitide.compare`.

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
    known = ConditionOptions.__annotations__
    raise_problems(unknown_options(options, "`check_conditions`", list(known)))
    estimator = network_or_default(estimator, samples)
    comparison = compare(
        samples,
        tasks,
        estimator=estimator,
        arms={ALONE: ALONE, "together": sharing_settings(estimator)},
        conditions=True,
        robust=False,
        folder=folder,
        **options,
    )
    if comparison.conditions is None:
        raise ParameterError(
            "`budget` must be enough for one seed "
            "of every arm of the conditions; "
            f"got {options.get('budget')!r}."
        )
    return comparison.conditions
