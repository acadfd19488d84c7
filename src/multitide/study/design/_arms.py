"""Arms: named ways of answering the tasks, compared with one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any, cast

from sklearn.base import clone

from multitide._checks import check_positive_int, gathering, one_of, raise_problems, suggest
from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_from_config, part_to_config
from multitide.errors import ParameterError
from multitide.fitting._recipe import OPTIONAL, PART_PARAMETERS, make_part, make_recipe
from multitide.sharing import SHARINGS, NoSharing
from multitide.study.design._baselines import BASELINES, Baseline
from multitide.study.design._probes import Probe

ALONE = "alone"
MOST_TASKS = 16  # every subset of the tasks is scored; of 16 there are 65,535
Arms = Sequence[str] | Mapping[str, Any]
Groups = tuple[tuple[str, ...], ...]

# What a user may call an arm without saying more; `alone` is a network a task, where no gradients
# meet.
BY_NAME: dict[str, dict[str, Any]] = {ALONE: {"sharing": "none", "aggregator": None}}
BY_NAME |= {name: {"sharing": name} for name in SHARINGS if name != "none"}
BY_NAME["grouped"] = {"groups": "auto"}
METHODS = ("auto", "pairs", "affinity")
FEW_TASKS = 5  # as many may be trained in all pairs


@dataclass(frozen=True)
class Seek:
    """How the groups of an arm are to be found, before it is trained.

    Attributes
    ----------
    method : {"pairs", "affinity"}
        Every pair trained on its own, or look-ahead affinity in shared runs.
    max_groups : int or None
        The most networks that the groups may be.
    """

    method: str
    max_groups: int | None


# What decides nothing about a result, or is the study's own to say.
NOT_SETTINGS = ("tasks", "validation", "random_state", "verbose")


@dataclass(frozen=True)
class Arm:
    """One way of answering the tasks.

    Attributes
    ----------
    name : str
    learner : MultiTaskEstimator, Baseline or Probe
        Not fitted; its parameters are the arm's.
    groups : tuple of tuples of str
        Which tasks are learned together; each group is a fit of its own. A task in no group is not
        answered.
    seek : Seek or None
        How its groups are to be found, if they are not given.
    record_every : int
        Steps from one record of the tasks' affinity to the next; 0: none is kept.
    """

    name: str
    learner: MultiTaskEstimator | Baseline | Probe
    groups: Groups
    seek: Seek | None = None
    record_every: int = 0

    @property
    def task_names(self) -> list[str]:
        """The tasks that it answers."""
        return [name for group in self.groups for name in group]

    @property
    def description(self) -> dict[str, Any]:
        """Its groups and settings, as plain JSON values."""
        return {"groups": [list(group) for group in self.groups], "settings": self.settings}

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides its results, apart from data and seed, as plain JSON values."""
        if isinstance(self.learner, Baseline):
            return {"baseline": part_to_config(BASELINES, self.learner)}
        if isinstance(self.learner, Probe):
            return {"probe": {"source": self.learner.source}} | _settings(self.learner.estimator)
        return _settings(self.learner)


def resolve_arms(
    arms: Arms,
    estimator: MultiTaskEstimator,
    task_names: Sequence[str],
    reference: str = ALONE,
    divisions: Mapping[str, Groups] = MappingProxyType({}),
) -> list[Arm]:
    """Turn what the user wrote into arms, the reference first.

    Parameters
    ----------
    arms : sequence of str, or dict of str to settings
        A name is ``"alone"``, a way of sharing (``"hard"``), a baseline (``"constant"``,
        ``"boosting"``), ``"grouped"`` (groups that are found on the validation part), or, for
        several arms at once, ``"pairs"`` or ``"leave_one_out"``. In a dict, settings are such a
        name, a baseline part, or a dict of parameters of the estimator (``{"lr": 0.01,
        "backbone__num_layers": 2}``), with ``groups`` (lists of task names, or how to find them:
        "auto", "pairs", "affinity", with ``max_groups``) for tasks that are learned together,
        and
        ``baseline`` for a baseline with parameters.
    estimator : MultiTaskEstimator
        What settings change.
    task_names : sequence of str
        What is asked; of several data sets "task @ data set".
    reference : str
        The arm that others are compared with; ``"alone"`` is added where it is missing.
    divisions : dict of str to groups
        Groups that go by a name, as an arm and as ``groups``.

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
    named = _expanded(named, estimator, tuple(task_names))
    problems: list[str] = []
    if reference not in named:
        problems.append(
            f"`reference` must be {one_of(named)}; got {reference!r}.{suggest(reference, named)}"
        )
    if len(named) < 2:
        problems.append(f"`arms` must hold an arm beside {reference!r}; got none.")
    made = []
    for name, spec in named.items():
        with gathering(problems):
            made.append(_make_arm(str(name), spec, estimator, tuple(task_names), divisions))
    raise_problems(problems)
    return sorted(made, key=lambda arm: arm.name != reference)


def _make_arm(
    name: str,
    spec: Any,
    estimator: MultiTaskEstimator,
    task_names: tuple[str, ...],
    divisions: Mapping[str, Groups],
) -> Arm:
    if isinstance(spec, str):
        by_name = BY_NAME | {
            part: {"groups": part, **sharing_settings(estimator)} for part in divisions
        }
        known = [*by_name, *BASELINES, *SETS]
        if spec not in known:
            wanted = f"{one_of(known)} or a dict"
            raise ParameterError(
                f"`arms.{name}` must be {wanted}; got {spec!r}.{suggest(spec, known)}"
            )
        spec = {"baseline": spec} if spec in BASELINES else by_name[spec]
    if isinstance(spec, Baseline):
        spec = {"baseline": spec}
    if not isinstance(spec, Mapping):
        raise ParameterError(
            f"`arms.{name}` must be a name, a baseline or a dict of settings; got {spec!r}."
        )
    settings = dict(spec)
    if "baseline" in settings:
        return Arm(name, _make_baseline(name, settings), tuple((task,) for task in task_names))
    groups = _named_groups(name, settings.pop("groups", [task_names]), divisions)
    if isinstance(groups, str):
        return sought_arm(name, groups, settings, estimator, task_names)
    checked = _check_groups(name, groups, task_names)
    learner = _with_settings(name, estimator, settings)
    sharing = cast(Any, make_part("sharing", learner.sharing))
    trained: list[tuple[str, ...]] = []
    for group in checked:
        trained += [tuple(part) for part in sharing.groups(list(group))]
    return Arm(name, learner, tuple(trained))


def _named_groups(name: str, groups: Any, divisions: Mapping[str, Groups]) -> Any:
    """Return the groups that a name stands for; lists, and ways to find groups, as they are."""
    if not isinstance(groups, str) or not divisions:
        return groups
    if groups not in (*divisions, *METHODS):
        wanted = f"lists of questions, or {one_of(divisions)}"
        raise ParameterError(
            f"`arms.{name}.groups` must be {wanted}; got {groups!r}.{suggest(groups, divisions)}"
        )
    return divisions.get(groups, groups)


def sought_arm(
    name: str,
    method: str,
    settings: dict[str, Any],
    estimator: MultiTaskEstimator,
    task_names: tuple[str, ...],
) -> Arm:
    """Return an arm whose groups are not known yet."""
    if method not in METHODS:
        wanted = f"lists of task names or how to find them, {one_of(METHODS)}"
        raise ParameterError(
            f"`arms.{name}.groups` must be {wanted}; got {method!r}.{suggest(method, METHODS)}"
        )
    if not 2 <= len(task_names) <= MOST_TASKS:
        raise ParameterError(
            f"`arms.{name}.groups` must be found among 2 to {MOST_TASKS} tasks; got {len(task_names)}. Give lists."
        )
    max_groups = settings.pop("max_groups", None)
    if max_groups is not None:
        check_positive_int(f"arms.{name}.max_groups", max_groups)
    learner = _with_settings(name, estimator, sharing_settings(estimator) | settings)
    sharing = cast(Any, make_part("sharing", learner.sharing))
    if method == "affinity" and not sharing.gradients_meet:
        raise ParameterError(
            f"`arms.{name}.sharing` must have shared parameters for groups to be found by 'affinity'; got {sharing!r}. "
            "Use groups='pairs'."
        )
    by_pairs = len(task_names) <= FEW_TASKS or not sharing.gradients_meet
    return Arm(
        name,
        learner,
        (),
        seek=Seek(method if method != "auto" else "pairs" if by_pairs else "affinity", max_groups),
    )


def _expanded(
    named: Mapping[str, Any], estimator: MultiTaskEstimator, task_names: tuple[str, ...]
) -> dict[str, Any]:
    """Put the arms that a name of several arms stands for in its place."""
    found: list[tuple[str, Any]] = []
    for name, spec in named.items():
        if isinstance(spec, str) and spec in SETS:
            sharing = sharing_settings(estimator)
            found += [
                (label, {"groups": [group], **sharing})
                for label, group in SETS[spec](task_names).items()
            ]
        else:
            found.append((name, spec))
    names = [name for name, _ in found]
    raise_problems(
        [f"`arms` must have different names; got {name!r} twice." for name in _repeated(names)]
    )
    return dict(found)


def _pairs(task_names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return every two tasks."""
    return {"+".join(pair): pair for pair in combinations(task_names, 2)}


def _leave_one_out(task_names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return all tasks but one, for each one."""
    if len(task_names) < 3:
        raise ParameterError(
            f"`arms` must not hold 'leave_one_out' with {len(task_names)} tasks; it needs 3 or more."
        )
    return {
        f"without {name}": tuple(task for task in task_names if task != name) for name in task_names
    }


SETS: dict[str, Callable[[tuple[str, ...]], dict[str, tuple[str, ...]]]] = {
    "pairs": _pairs,
    "leave_one_out": _leave_one_out,
}


def sharing_settings(estimator: MultiTaskEstimator) -> dict[str, Any]:
    """Return what makes the estimator's network a shared one: nothing, if it is one already."""
    return (
        {"sharing": "hard"}
        if isinstance(make_part("sharing", estimator.sharing), NoSharing)
        else {}
    )


def _repeated(names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _make_baseline(name: str, settings: dict[str, Any]) -> Baseline:
    baseline = settings.pop("baseline")
    if isinstance(baseline, str):
        baseline = {"name": baseline, **settings}
    part = part_from_config(BASELINES, baseline, f"arms.{name}")
    part.check(f"arms.{name}")
    assert isinstance(part, Baseline)
    return part


def _with_settings(
    name: str, estimator: MultiTaskEstimator, settings: dict[str, Any]
) -> MultiTaskEstimator:
    known = [
        n for n in estimator.get_params(deep=False) if n not in ("tasks", "validation", "verbose")
    ]
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
    where = f"`arms.{name}.groups` must name"
    found = _lists(f"arms.{name}.groups", groups)
    named = [task for group in found for task in group]
    problems = [
        f"{where} tasks, {one_of(task_names)}; got {task!r}.{suggest(str(task), task_names)}"
        for task in dict.fromkeys(named)
        if task not in task_names
    ]
    problems += [f"{where} a task once; got {task!r} twice." for task in _repeated(named)]
    raise_problems(problems)
    return found


def _lists(name: str, value: Any) -> Groups:
    lists = isinstance(value, (list, tuple)) and all(
        isinstance(group, (list, tuple)) and group for group in value
    )
    if not lists or not value:
        raise ParameterError(f"`{name}` must be lists of task names; got {value!r}.")
    return tuple(tuple(group) for group in value)


def _settings(estimator: MultiTaskEstimator) -> dict[str, Any]:
    params = estimator.get_params(deep=False)
    return {name: _plain(name, value) for name, value in params.items() if name not in NOT_SETTINGS}


def _plain(name: str, value: Any) -> Any:
    """Return a parameter as plain values; a part of the user's own, which has no name, as it prints itself."""
    if name not in PART_PARAMETERS or (value is None and name in OPTIONAL):
        return value
    part = make_part(name, value)
    try:
        return part_to_config(PART_PARAMETERS[name], part)
    except ParameterError:
        return repr(part)
