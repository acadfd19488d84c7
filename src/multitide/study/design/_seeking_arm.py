"""An arm whose groups of tasks are yet to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from multitide._checks import check_positive_int, one_of, suggest
from multitide._estimator import MultiTaskEstimator
from multitide.errors import ParameterError
from multitide.study.design._arms import (
    GROUP_METHODS,
    MOST_TASKS,
    Arm,
    Seek,
    Settings,
    sharing_of,
    sharing_settings,
)
from multitide.study.design._with_settings import with_settings

FEW_TASKS = 5  # up to this number, groups are found by training all pairs of tasks


def make_seeking_arm(
    name: str,
    method: str,
    settings: Mapping[str, object],
    estimator: MultiTaskEstimator,
    task_names: Sequence[str],
) -> Arm:
    """Return an arm whose groups are yet to be found.

    Parameters
    ----------
    name : str
    method : {"auto", "pairs", "affinity"}
    settings : dict
        Parameters of the estimator, and ``max_groups``.
    estimator : MultiTaskEstimator
    task_names : sequence of str

    Raises
    ------
    ParameterError
        If groups cannot be found in this way, or a setting is invalid.
    """
    _check_method(name, method, len(task_names))
    options: Settings = sharing_settings(estimator) | dict(settings)
    max_groups = options.pop("max_groups", None)
    if max_groups is not None:
        check_positive_int(f"arms.{name}.max_groups", max_groups)
    learner = with_settings(name, estimator, options)
    sharing = sharing_of(learner)
    if method == "affinity" and not sharing.gradients_meet:
        raise ParameterError(
            f"`arms.{name}.sharing` must have shared "
            "parameters to find groups by 'affinity'; "
            f"got {sharing!r}. Use groups='pairs'."
        )
    if method == "auto":
        by_pairs = len(task_names) <= FEW_TASKS or not sharing.gradients_meet
        method = "pairs" if by_pairs else "affinity"
    return Arm(name, learner, (), seek=Seek(method, max_groups))


def _check_method(name: str, method: object, n_tasks: int) -> None:
    """Raise unless groups of so many tasks can be found by this method."""
    where = f"`arms.{name}.groups`"
    if not isinstance(method, str) or method not in GROUP_METHODS:
        raise ParameterError(
            f"{where} must be lists of task names or a "
            f"method to find them, {one_of(GROUP_METHODS)}; "
            f"got {method!r}.{suggest(str(method), GROUP_METHODS)}"
        )
    if not 2 <= n_tasks <= MOST_TASKS:
        raise ParameterError(
            f"{where} must be lists of task names "
            f"unless there are 2 to {MOST_TASKS} tasks; "
            f"got {method!r} with {n_tasks} "
            f"task{'s' if n_tasks != 1 else ''}."
        )
