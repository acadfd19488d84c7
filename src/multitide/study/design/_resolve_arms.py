"""Turning what the user writes for `arms` into arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import TypeGuard

from multitide._checks import (
    check_type,
    gathering,
    one_of,
    raise_problems,
    suggest,
)
from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_from_config
from multitide.errors import ParameterError
from multitide.sharing._sharing import check_named_tasks
from multitide.study.design._arms import (
    ALONE,
    BY_NAME,
    GROUP_METHODS,
    Arm,
    Arms,
    ArmSpec,
    Groups,
    Settings,
    sharing_of,
    sharing_settings,
)
from multitide.study.design._baselines import BASELINES, Baseline
from multitide.study.design._mixture import Mixture
from multitide.study.design._seeking_arm import make_seeking_arm
from multitide.study.design._with_settings import with_settings

PAIRS = "pairs"
LEAVE_ONE_OUT = "leave_one_out"
NO_DIVISIONS: Mapping[str, Groups] = MappingProxyType({})


def resolve_arms(
    arms: Arms,
    estimator: MultiTaskEstimator,
    task_names: Sequence[str],
    reference: str = ALONE,
    divisions: Mapping[str, Groups] = NO_DIVISIONS,
) -> list[Arm]:
    """Turn what the user wrote into arms, the reference first.

    Parameters
    ----------
    arms : sequence of str, or dict of str to settings
        A name is ``"alone"``, a way of sharing (``"hard"``), a baseline (``"constant"``,
        ``"boosting"``), ``"grouped"`` (groups that are found on the validation set), or, for
        several arms at once, ``"pairs"`` or ``"leave_one_out"``. In a dict, settings are such a
        name, a baseline, or a dict of parameters of the estimator (``{"lr": 0.01,
        "backbone__num_layers": 2}``). The dict may also contain ``groups`` (lists of task names
        that are trained together, or how to find them: "auto", "pairs" or "affinity", with
        ``max_groups``) and ``baseline`` for a baseline with parameters. ``members`` makes the arm
        an ensemble: a dict of settings by name, one for each model; their predictions are averaged
        with weights that the validation set chooses per task.
    estimator : MultiTaskEstimator
        The settings change copies of it.
    task_names : sequence of str
        The tasks; with several data sets "task @ data set".
    reference : str
        The arm that the others are compared with; ``"alone"`` is added if it is missing.
    divisions : dict of str to groups
        Groups with a name, which is an arm and a value of ``groups``.

    Raises
    ------
    ParameterError
        With every problem of all arms.
    """
    resolver = _Resolver(estimator, tuple(task_names), divisions)
    check_type("reference", reference, str, "Give the name of an arm.")
    specs = resolver.expand(_specs_by_name(arms, reference))
    problems: list[str] = []
    if reference not in specs:
        problems.append(
            f"`reference` must be {one_of(specs)}; "
            f"got {reference!r}.{suggest(reference, specs)}"
        )
    if len(specs) < 2:
        problems.append(f"`arms` must have an arm besides {reference!r}; got none.")
    resolved = []
    for name, spec in specs.items():
        with gathering(problems):
            resolved.append(resolver.resolve(name, spec))
    raise_problems(problems)
    return sorted(resolved, key=lambda arm: arm.name != reference)


class _Resolver:
    """Turns what the user wrote for one arm into the arm."""

    def __init__(
        self,
        estimator: MultiTaskEstimator,
        task_names: tuple[str, ...],
        divisions: Mapping[str, Groups],
    ) -> None:
        self._estimator = estimator
        self._task_names = task_names
        self._divisions = divisions

    def expand(self, specs: Mapping[str, ArmSpec]) -> dict[str, ArmSpec]:
        """Replace names of several arms, such as "pairs", by these arms."""
        expanded: dict[str, ArmSpec] = {}
        repeated = []
        for name, spec in specs.items():
            for label, own in self._expand_one(name, spec).items():
                if label in expanded:
                    repeated.append(label)
                expanded[label] = own
        problems = []
        for name in dict.fromkeys(repeated):
            problems.append(f"`arms` must have different names; got {name!r} twice.")
        raise_problems(problems)
        return expanded

    def resolve(self, name: str, spec: ArmSpec) -> Arm:
        """Return the arm."""
        settings = self._settings(name, spec)
        if "baseline" in settings:
            groups = tuple((task,) for task in self._task_names)
            return Arm(name, _make_baseline(name, settings), groups)
        if "members" in settings:
            return Arm(name, self._mixture(name, settings), (self._task_names,))
        given = self._named_groups(name, settings.pop("groups", [self._task_names]))
        if isinstance(given, str):
            return make_seeking_arm(
                name, given, settings, self._estimator, self._task_names
            )
        checked = _check_groups(name, given, self._task_names)
        learner = with_settings(name, self._estimator, settings)
        sharing = sharing_of(learner)
        check_named_tasks(sharing, self._task_names)
        networks: list[tuple[str, ...]] = []
        for group in checked:
            networks.extend(map(tuple, sharing.networks(list(group))))
        if sharing.named_tasks:
            learner.set_params(sharing=sharing.of_one_network())
        return Arm(name, learner, tuple(networks))

    def _mixture(self, name: str, settings: Settings) -> Mixture:
        """Return the members of an arm that is an ensemble, each with settings of its own."""
        given = settings.pop("members")
        where = f"arms.{name}.members"
        if not isinstance(given, Mapping) or not given:
            raise ParameterError(
                f"`{where}` must be settings by name, such as "
                '{"network": {}, "trees": {"backbone": "trees"}}; '
                f"got {given!r}."
            )
        if settings:
            raise ParameterError(
                f"`arms.{name}` must have no setting beside `members`; "
                f"got {list(settings)}. Give each member its own settings."
            )
        members = {}
        for member, spec in given.items():
            own = self._settings(f"{name}.members.{member}", spec)
            members[str(member)] = with_settings(
                f"{name}.members.{member}", self._estimator, own
            )
        return Mixture(members)

    def _expand_one(self, name: str, spec: ArmSpec) -> dict[str, ArmSpec]:
        groups: dict[str, tuple[str, ...]]
        if spec == PAIRS:
            groups = {}
            for pair in combinations(self._task_names, 2):
                groups["+".join(pair)] = pair
        elif spec == LEAVE_ONE_OUT:
            groups = _all_but_one(self._task_names)
        else:
            return {name: spec}
        sharing = sharing_settings(self._estimator)
        arms: dict[str, ArmSpec] = {}
        for label, group in groups.items():
            arms[label] = {"groups": [group], **sharing}
        return arms

    def _settings(self, name: str, spec: ArmSpec) -> Settings:
        """Return the settings of an arm as a dict of its own."""
        if isinstance(spec, Baseline):
            return {"baseline": spec}
        if isinstance(spec, Mapping):
            return dict(spec)
        if not isinstance(spec, str):
            raise ParameterError(
                f"`arms.{name}` must be a name, a "
                "baseline or a dict of settings; "
                f"got {spec!r}."
            )
        if spec in BASELINES:
            return {"baseline": spec}
        if spec in self._divisions:
            return {"groups": spec, **sharing_settings(self._estimator)}
        if spec in BY_NAME:
            return dict(BY_NAME[spec])
        known = [*BY_NAME, *self._divisions, *BASELINES, PAIRS, LEAVE_ONE_OUT]
        raise ParameterError(
            f"`arms.{name}` must be {one_of(known)}, or a dict; "
            f"got {spec!r}.{suggest(spec, known)}"
        )

    def _named_groups(self, name: str, groups: object) -> object:
        """Return the groups that a name stands for; lists and methods as they are."""
        if (
            not isinstance(groups, str)
            or not self._divisions
            or groups in GROUP_METHODS
        ):
            return groups
        if groups not in self._divisions:
            raise ParameterError(
                f"`arms.{name}.groups` must be lists of "
                f"tasks, or {one_of(self._divisions)}; "
                f"got {groups!r}.{suggest(groups, self._divisions)}"
            )
        return self._divisions[groups]


def _specs_by_name(arms: Arms, reference: str) -> dict[str, ArmSpec]:
    """Return the arms by name, "alone" among them if it is the reference."""
    if isinstance(arms, str) or not isinstance(arms, (Sequence, Mapping)):
        raise ParameterError(
            f"`arms` must be a list of names or a dict of settings; got {arms!r}."
        )
    specs: dict[str, ArmSpec] = {}
    if isinstance(arms, Mapping):
        for name, spec in arms.items():
            specs[str(name)] = spec
    else:
        for name in arms:
            specs[str(name)] = name
    if reference == ALONE and ALONE not in specs:
        specs = {ALONE: ALONE, **specs}
    return specs


def _all_but_one(task_names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if len(task_names) < 3:
        raise ParameterError(
            f"`arms` must not contain {LEAVE_ONE_OUT!r} "
            f"with {len(task_names)} tasks; "
            "it needs 3 or more."
        )
    groups = {}
    for left_out in task_names:
        others = tuple(task for task in task_names if task != left_out)
        groups[f"without {left_out}"] = others
    return groups


def _make_baseline(name: str, settings: Settings) -> Baseline:
    baseline = settings.pop("baseline")
    if isinstance(baseline, str):
        baseline = {"name": baseline, **settings}
    part = part_from_config(BASELINES, baseline, f"arms.{name}")
    part.check(f"arms.{name}")
    assert isinstance(part, Baseline)
    return part


def _check_groups(name: str, groups: object, task_names: Sequence[str]) -> Groups:
    """Return groups as tuples, or raise unless they are lists of different tasks."""
    where = f"`arms.{name}.groups`"
    if not _are_lists(groups):
        raise ParameterError(f"{where} must be lists of task names; got {groups!r}.")
    checked: Groups = tuple(map(tuple, groups))
    named: list[str] = []
    for group in checked:
        named.extend(group)
    problems = []
    for task in dict.fromkeys(named):
        if task not in task_names:
            near = suggest(str(task), task_names)
            problems.append(
                f"{where} must name tasks, {one_of(task_names)}; got {task!r}.{near}"
            )
        if named.count(task) > 1:
            problems.append(f"{where} must name a task once; got {task!r} twice.")
    raise_problems(problems)
    return checked


def _are_lists(groups: object) -> TypeGuard[Sequence[Sequence[str]]]:
    """Say whether groups are a list of lists, none of which is empty."""
    if not isinstance(groups, (list, tuple)) or not groups:
        return False
    return all(isinstance(group, (list, tuple)) and group for group in groups)
