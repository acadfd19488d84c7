"""The estimator of an arm: that of the study with settings of its own."""

from __future__ import annotations

from sklearn.base import clone

from multitide._checks import raise_problems, suggest
from multitide._estimator import MultiTaskEstimator
from multitide.errors import ParameterError
from multitide.fitting._recipe import make_recipe
from multitide.study.design._arms import Settings


def with_settings(
    name: str, estimator: MultiTaskEstimator, settings: Settings
) -> MultiTaskEstimator:
    """Return a copy of the estimator with the settings of an arm.

    Raises
    ------
    ParameterError
        With every setting that an arm cannot have, or that does not fit the others.
    """
    fixed = ("tasks", "validation", "verbose")
    known = []
    for each in estimator.get_params(deep=False):
        if each not in fixed:
            known.append(each)
    problems = []
    for key in settings:
        parameter = key.split("__")[0]
        if parameter not in known:
            near = suggest(parameter, [*known, "groups", "baseline", "members"])
            problems.append(f"`arms.{name}` has no setting {key!r}.{near}")
    raise_problems(problems)
    given = {}
    for key, value in settings.items():
        given[key] = _as_tuple(key, value)
    learner: MultiTaskEstimator = clone(estimator)
    try:
        learner.set_params(**given)
        make_recipe(learner.get_params(deep=False))
    except ParameterError as error:
        lines = []
        for line in str(error).splitlines():
            lines.append(f"`arms.{name}`: {line}")
        raise ParameterError("\n".join(lines)) from error
    return learner


def _as_tuple(key: str, value: object) -> object:
    """Return a list from a configuration file as the tuple that a part has."""
    if isinstance(value, list) and "__" in key:
        return tuple(value)
    return value
