"""The same arms on several data sets: one study per data set, and ranks over all."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Mapping
from pathlib import Path

from multitide._budget import parse_budget
from multitide._checks import as_path, check_fraction, gathering, raise_problems
from multitide._claim_folder import claim_folders
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import STUDIES_FORMAT
from multitide._one_process import one_process
from multitide._silence import silent_on_request
from multitide.data._samples import Samples
from multitide.errors import ParameterError
from multitide.study._compare import compare
from multitide.study._compare_options import StudyArguments, unknown_options
from multitide.study._comparison import Comparison
from multitide.study._comparisons import FOLDER_NAME, Comparisons
from multitide.study.design._arms import ALONE
from multitide.study.design._resolve_arms import resolve_arms
from multitide.tasks import resolve_tasks, task_names

ARGUMENTS = [name for name in StudyArguments.__annotations__ if name != "verbose"]
GIVEN_ONCE = ("folder", "budget", "verbose")  # to compare_many, for all data sets

logger = logging.getLogger("multitide")


@silent_on_request
def compare_many(
    data: Mapping[str, Comparison | StudyArguments],
    *,
    confidence: float = 0.95,
    budget: str | float | None = None,
    folder: str | Path | None = None,
    verbose: int = 1,
) -> Comparisons:
    """Compare the same arms on several data sets, and rank them over all.

    Parameters
    ----------
    data : dict of str to dict or Comparison
        For each data set, whose name is also that of its folder, the arguments of
        :func:`multitide.compare` (``{"samples": samples, "arms": [...], "n_seeds": 5}``), or a
        finished study. All must have the same arms and the same reference.
    confidence : float, default=0.95
        Of the tests over data sets; the intervals of the studies have their own.
    budget : str or number, optional
        Time limit for all studies. Each gets an equal share of the remaining time, and skips seeds
        to stay within it.
    folder : path, optional
        Where studies are stored, each in a folder of its name. Runs that are found there are not
        repeated.
    verbose : int, default=1
        0: silent; 1: one progress bar per study on a terminal.

    Returns
    -------
    Comparisons
        Print it, or read its ``losses``, ``standing``, ``test``, ``pairs`` and ``studies``.

    Raises
    ------
    ParameterError
        If any arguments are invalid, before anything is trained.
    DataError
        If samples or splits are invalid.
    StoreError
        If `folder` cannot be written.
    """
    check_fraction("confidence", confidence)
    deadline = time.perf_counter() + parse_budget(budget)
    _check(data)
    n_left = sum(not isinstance(given, Comparison) for given in data.values())
    place = None
    if folder is not None:
        place = as_path("folder", folder)
        claim_folders(place, STUDIES_FORMAT, data)
    with one_process(place):
        studies: dict[str, Comparison] = {}
        for number, (name, given) in enumerate(data.items(), start=1):
            if isinstance(given, Comparison):
                studies[name] = given
                continue
            logger.info("Data set %d of %d: %s.", number, len(data), name)
            limit = max((deadline - time.perf_counter()) / n_left, 1.0)
            n_left -= 1
            # The budget is for all data sets: what is left of one is for the next.
            arguments: StudyArguments = {"robust": False, **given, "verbose": verbose}
            studies[name] = compare(
                **arguments,
                budget=limit if math.isfinite(limit) else None,
                folder=None if place is None else place / name,
            )
        comparisons = Comparisons(studies, confidence)
        if place is not None:
            comparisons.save(place)
    return comparisons


def _check(data: Mapping[str, Comparison | StudyArguments]) -> None:
    """Raise with all problems that can be found before the first study."""
    if not isinstance(data, Mapping) or len(data) < 2:
        raise ParameterError(
            f"`data` must be a dict of at least two data sets; got {_briefly(data)}."
        )
    problems: list[str] = []
    arms: dict[str, list[str]] = {}
    for name, given in data.items():
        if not isinstance(name, str) or not re.fullmatch(FOLDER_NAME, name):
            problems.append(
                f"`data` must have names that can be folders; got {name!r}."
            )
        with gathering(problems):
            if isinstance(given, Comparison):
                arms[name] = given.arms
            else:
                arms[name] = _arm_names(name, given)
    problems += _different_arms(arms)
    raise_problems(problems)


def _different_arms(arms: Mapping[str, list[str]]) -> list[str]:
    """Return one problem per data set whose arms are not those of the first."""
    problems = []
    for name, names in arms.items():
        first, expected = next(iter(arms.items()))
        if names[0] != expected[0] or set(names) != set(expected):
            problems.append(
                "`data` must have the same arms "
                "everywhere, the reference first; "
                f"{first!r} has {expected}, {name!r} has {names}."
            )
    return problems


def _arm_names(name: str, given: object) -> list[str]:
    """Return the names of the arms that a study will have."""
    where = f"`data[{name!r}]`"
    if not isinstance(given, Mapping) or not isinstance(given.get("samples"), Samples):
        raise ParameterError(
            f"{where} must be a Comparison or arguments of "
            "compare with the `samples` of one data set; "
            f"got {_briefly(given)}."
        )
    raise_problems(_unknown_arguments(given, where))
    estimator = given.get("estimator") or MultiTaskEstimator()
    tasks = given.get("tasks")
    try:
        specs = resolve_tasks(
            estimator.tasks if tasks is None else tasks, given["samples"].y
        )
        arms, reference = (
            given.get("arms", (ALONE, "hard")),
            given.get("reference", ALONE),
        )
        made = resolve_arms(arms, estimator, task_names(specs), reference)
    except ParameterError as error:
        lines = []
        for line in str(error).splitlines():
            lines.append(f"{where}: {line}")
        raise ParameterError("\n".join(lines)) from error
    return [arm.name for arm in made]


def _unknown_arguments(given: Mapping[str, object], where: str) -> list[str]:
    problems = []
    others = dict(given)
    for name in GIVEN_ONCE:
        if name in others:
            del others[name]
            problems.append(
                f"{where} has no parameter {name!r}. Give it to compare_many instead."
            )
    return problems + unknown_options(others, where, ARGUMENTS)


def _briefly(value: object) -> str:
    if isinstance(value, Mapping):
        return repr(list(value))
    return type(value).__name__
