"""Arms: named ways of answering the tasks, compared with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sklearn.base import clone

from multitide.checks import one_of, suggest
from multitide.config import gathering, part_from_config, part_to_config, raise_problems
from multitide.errors import ParameterError
from multitide.estimator import MultiTaskEstimator
from multitide.recipe import OPTIONAL, PART_PARAMETERS, make_part, make_recipe
from multitide.sharing import SHARINGS
from multitide.study.baselines import BASELINES, Baseline

ALONE = "alone"
Arms = Sequence[str] | Mapping[str, Any]
Groups = tuple[tuple[str, ...], ...]

# What a user may call an arm without saying more; `alone` is a network a task, where no gradients meet.
BY_NAME: dict[str, dict[str, Any]] = {ALONE: {"sharing": "none", "aggregator": None}}
BY_NAME |= {name: {"sharing": name} for name in SHARINGS if name != "none"}
# What decides nothing about a result, or is the study's own to say.
NOT_SETTINGS = ("tasks", "validation", "random_state", "verbose")


@dataclass(frozen=True)
class Arm:
    """One way of answering the tasks.

    Attributes
    ----------
    name : str
    learner : MultiTaskEstimator or Baseline
        Not fitted; its parameters are the arm's.
    groups : tuple of tuples of str
        Which tasks are learned together; each group is a fit of its own. A task in no group is not answered.
    """

    name: str
    learner: MultiTaskEstimator | Baseline
    groups: Groups

    @property
    def task_names(self) -> list[str]:
        """The tasks that it answers."""
        return [name for group in self.groups for name in group]

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides its results, apart from data and seed, as plain JSON values."""
        if isinstance(self.learner, Baseline):
            return {"baseline": part_to_config(BASELINES, self.learner)}
        params = self.learner.get_params(deep=False)
        return {name: _plain(name, value) for name, value in params.items() if name not in NOT_SETTINGS}


def resolve_arms(
    arms: Arms, estimator: MultiTaskEstimator, task_names: Sequence[str], reference: str = ALONE
) -> list[Arm]:
    """Turn what the user wrote into arms, the reference first.

    Parameters
    ----------
    arms : sequence of str, or dict of str to settings
        A name is ``"alone"``, a way of sharing (``"hard"``) or a baseline (``"constant"``, ``"boosting"``). In a dict,
        settings are such a name, a baseline part, or a dict of parameters of the estimator (``{"lr": 0.01,
        "backbone__num_layers": 2}``), with ``groups`` (lists of task names) for tasks that are learned together and
        ``baseline`` for a baseline with parameters.
    estimator : MultiTaskEstimator
        What settings change.
    task_names : sequence of str
    reference : str
        The arm that others are compared with; ``"alone"`` is added where it is missing.

    Raises
    ------
    ParameterError
        With every problem of all arms.
    """
    if isinstance(arms, str) or not isinstance(arms, (Sequence, Mapping)):
        raise ParameterError(f"`arms` must be a list of names or a dict of settings; got {arms!r}.")
    named = dict(arms) if isinstance(arms, Mapping) else {str(name): name for name in arms}
    if reference == ALONE and ALONE not in named:
        named = {ALONE: ALONE, **named}
    problems: list[str] = []
    if reference not in named:
        problems.append(f"`reference` must be {one_of(named)}; got {reference!r}.{suggest(reference, named)}")
    if len(named) < 2:
        problems.append(f"`arms` must hold an arm beside {reference!r}; got none.")
    made = []
    for name, spec in named.items():
        with gathering(problems):
            made.append(_make_arm(str(name), spec, estimator, tuple(task_names)))
    raise_problems(problems)
    return sorted(made, key=lambda arm: arm.name != reference)


def _make_arm(name: str, spec: Any, estimator: MultiTaskEstimator, task_names: tuple[str, ...]) -> Arm:
    if isinstance(spec, str):
        known = [*BY_NAME, *BASELINES]
        if spec not in known:
            wanted = f"{one_of(known)} or a dict"
            raise ParameterError(f"`arms.{name}` must be {wanted}; got {spec!r}.{suggest(spec, known)}")
        spec = {"baseline": spec} if spec in BASELINES else BY_NAME[spec]
    if isinstance(spec, Baseline):
        spec = {"baseline": spec}
    if not isinstance(spec, Mapping):
        raise ParameterError(f"`arms.{name}` must be a name, a baseline or a dict of settings; got {spec!r}.")
    settings = dict(spec)
    if "baseline" in settings:
        return Arm(name, _make_baseline(name, settings), tuple((task,) for task in task_names))
    groups = _check_groups(name, settings.pop("groups", [task_names]), task_names)
    learner = _with_settings(name, estimator, settings)
    sharing = cast(Any, make_part("sharing", learner.sharing))
    return Arm(name, learner, tuple(tuple(g) for group in groups for g in sharing.groups(list(group))))


def _make_baseline(name: str, settings: dict[str, Any]) -> Baseline:
    baseline = settings.pop("baseline")
    if isinstance(baseline, str):
        baseline = {"name": baseline, **settings}
    part = part_from_config(BASELINES, baseline, f"arms.{name}")
    part.check(f"arms.{name}")
    assert isinstance(part, Baseline)
    return part


def _with_settings(name: str, estimator: MultiTaskEstimator, settings: dict[str, Any]) -> MultiTaskEstimator:
    known = [n for n in estimator.get_params(deep=False) if n not in ("tasks", "validation", "verbose")]
    problems = [
        f"`arms.{name}` has no setting {key!r}.{suggest(key.split('__')[0], [*known, 'groups', 'baseline'])}"
        for key in settings
        if key.split("__")[0] not in known
    ]
    raise_problems(problems)
    learner = clone(estimator)
    try:
        learner.set_params(**{key: _tupled(key, value) for key, value in settings.items()})
        make_recipe(learner.get_params(deep=False))
    except ParameterError as error:
        lines = str(error).splitlines()
        raise ParameterError("\n".join(f"`arms.{name}`: {line}" for line in lines)) from error
    return cast(MultiTaskEstimator, learner)


def _tupled(key: str, value: Any) -> Any:
    """Return the list that a configuration file writes as the tuple that a part holds."""
    return tuple(value) if isinstance(value, list) and "__" in key else value


def _check_groups(name: str, groups: Any, task_names: tuple[str, ...]) -> Groups:
    lists = isinstance(groups, (list, tuple)) and all(isinstance(group, (list, tuple)) and group for group in groups)
    if not lists or not groups:
        raise ParameterError(f"`arms.{name}.groups` must be lists of task names; got {groups!r}.")
    found = [task for group in groups for task in group]
    where = f"`arms.{name}.groups` must name"
    problems = [
        f"{where} tasks, {one_of(task_names)}; got {task!r}.{suggest(str(task), task_names)}"
        for task in found
        if task not in task_names
    ]
    problems += [f"{where} a task once; got {task!r} twice." for task in task_names if found.count(task) > 1]
    raise_problems(problems)
    return tuple(tuple(group) for group in groups)


def _plain(name: str, value: Any) -> Any:
    """Return a parameter as plain values; a part of the user's own, which has no name, as it prints itself."""
    if name not in PART_PARAMETERS or (value is None and name in OPTIONAL):
        return value
    part = make_part(name, value)
    try:
        return part_to_config(PART_PARAMETERS[name], part)
    except ParameterError:
        return repr(part)
