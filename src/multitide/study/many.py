"""The same arms compared on several data sets, one study after the other."""

from __future__ import annotations

import inspect
import logging
import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multitide.checks import check_fraction, suggest
from multitide.config import gathering, raise_problems
from multitide.errors import ParameterError
from multitide.estimator import MultiTaskEstimator
from multitide.samples import Samples
from multitide.study.arms import ALONE, resolve_arms
from multitide.study.comparison import Comparison
from multitide.study.comparisons import Comparisons
from multitide.study.conduct import compare
from multitide.study.cost import parse_budget
from multitide.tasks import resolve_tasks

logger = logging.getLogger("multitide")

OF_ALL = ("folder", "budget", "verbose")  # arguments that are said once, for all data sets


def compare_many(
    data: Mapping[str, Comparison | Mapping[str, Any]],
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
        By name of the data set, which is also that of its folder: the arguments of :func:`multitide.compare`
        (``{"samples": samples, "arms": [...], "n_seeds": 5}``), or a study that was made before. All must have arms of
        the same names, with the same reference.
    confidence : float, default=0.95
        Of the tests over data sets; a study's intervals have their own.
    budget : str or number, optional
        Time for all studies; each gets an equal share of what is left, and leaves out seeds until it fits.
    folder : path, optional
        Where studies are kept, each in a folder of its name. Runs found there are not repeated.
    verbose : int, default=1
        0: silent; 1: a progress bar a study on a terminal.

    Returns
    -------
    Comparisons
        Print it, or read its ``losses``, ``standing``, ``test``, ``pairs`` and ``studies``.

    Raises
    ------
    ParameterError
        With what is wrong with all arguments, before anything is trained.
    DataError
        With what is wrong with samples or splits.
    StoreError
        If `folder` cannot be written.
    """
    check_fraction("confidence", confidence)
    deadline = time.perf_counter() + parse_budget(budget)
    _check(data)
    studies: dict[str, Comparison] = {}
    for number, (name, given) in enumerate(data.items()):
        if isinstance(given, Comparison):
            studies[name] = given
            continue
        logger.info("Data set %d of %d: %s.", number + 1, len(data), name)
        n_left = sum(not isinstance(other, Comparison) for other in list(data.values())[number:])
        share = max((deadline - time.perf_counter()) / n_left, 1.0)
        place = None if folder is None else Path(folder) / name
        limit = share if math.isfinite(share) else None
        studies[name] = compare(**given, budget=limit, folder=place, verbose=verbose)
    comparisons = Comparisons(studies, confidence)
    if folder is not None:
        comparisons.save(folder)
    return comparisons


def _check(data: Mapping[str, Comparison | Mapping[str, Any]]) -> None:
    """Raise with everything that can be known to be wrong before the first study."""
    if not isinstance(data, Mapping) or len(data) < 2:
        raise ParameterError(f"`data` must be a dict of two data sets or more; got {_shown(data)}.")
    problems: list[str] = []
    arms: dict[str, list[str]] = {}
    for name, given in data.items():
        if not isinstance(name, str) or not re.fullmatch(r"[\w][\w .+-]*", name):
            problems.append(f"`data` must have names that can be folders; got {name!r}.")
        with gathering(problems):
            arms[name] = given.arms if isinstance(given, Comparison) else _arms(name, given)
    first, *others = arms.items() if arms else [("", [])]
    problems += [
        f"`data` must have the same arms everywhere, the reference first; {first[0]!r} has {first[1]}, "
        f"{name!r} has {names}."
        for name, names in others
        if names[0] != first[1][0] or set(names) != set(first[1])
    ]
    raise_problems(problems)


def _arms(name: str, given: Any) -> list[str]:
    """Return the names of the arms that a study will have."""
    where = f"`data[{name!r}]`"
    if not isinstance(given, Mapping) or not isinstance(given.get("samples"), Samples):
        wanted = "a Comparison or arguments of compare with the `samples` of one data set"
        raise ParameterError(f"{where} must be {wanted}; got {_shown(given)}.")
    known = [argument for argument in inspect.signature(compare).parameters if argument not in OF_ALL]
    raise_problems([f"{where} has no argument {key!r}.{_home(key, known)}" for key in given if key not in known])
    estimator = given.get("estimator") or MultiTaskEstimator()
    tasks = given.get("tasks")
    try:
        specs = resolve_tasks(estimator.tasks if tasks is None else tasks, given["samples"].y)
        names = [task.name for task in specs]
        made = resolve_arms(given.get("arms", (ALONE, "hard")), estimator, names, given.get("reference", ALONE))
    except ParameterError as error:
        raise ParameterError("\n".join(f"{where}: {line}" for line in str(error).splitlines())) from error
    return [arm.name for arm in made]


def _home(key: str, known: list[str]) -> str:
    return f" Give `{key}` to compare_many, once for all." if key in OF_ALL else suggest(key, known)


def _shown(value: Any) -> str:
    return repr(list(value)) if isinstance(value, Mapping) else type(value).__name__
