"""Arms: the named ways of answering the tasks that a study compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_to_config
from multitide.errors import ParameterError
from multitide.fitting._recipe import OPTIONAL, PART_PARAMETERS, make_part
from multitide.sharing import SHARINGS, NoSharing, Sharing
from multitide.study.design._baselines import BASELINES, Baseline
from multitide.study.design._mixture import Mixture
from multitide.study.design._probes import Probe

Settings: TypeAlias = dict[str, Any]  # plain JSON values
Groups: TypeAlias = tuple[tuple[str, ...], ...]
# What a user may write for one arm, and for all arms of a study.
ArmSpec: TypeAlias = str | Baseline | Mapping[str, object]
Arms: TypeAlias = Sequence[str] | Mapping[str, ArmSpec]

ALONE = "alone"
GROUP_METHODS = ("auto", "pairs", "affinity")
# To find groups, every subset of the tasks is scored; 16 tasks have 65,535.
MOST_TASKS = 16
NOT_SETTINGS = (
    "tasks",
    "validation",
    "random_state",
    "verbose",
)  # the study sets these


def _named_arms() -> dict[str, Settings]:
    arms: dict[str, Settings] = {ALONE: {"sharing": "none", "aggregator": None}}
    for sharing in SHARINGS:
        if sharing != "none":
            arms[sharing] = {"sharing": sharing}
    arms["finish"] = {"training__finish": "per_task"}
    arms["grouped"] = {"groups": "auto"}
    return arms


# The settings of arms that are written as a name only. Tasks that are alone have a network each,
# so that there are no gradients to aggregate.
BY_NAME = _named_arms()


@dataclass(frozen=True)
class Seek:
    """How to find the groups of an arm before it is trained.

    Attributes
    ----------
    method : {"pairs", "affinity"}
        Train every pair of tasks, or record look-ahead affinities in shared runs.
    max_groups : int or None
        The maximum number of networks.
    """

    method: str
    max_groups: int | None


@dataclass(frozen=True)
class Arm:
    """One way of answering the tasks.

    Attributes
    ----------
    name : str
    learner : MultiTaskEstimator, Baseline, Probe or Mixture
        Not fitted; its parameters are those of the arm.
    groups : tuple of tuples of str
        The tasks that are trained together; each group is a fit of its own. The arm does not answer
        tasks that are in no group.
    seek : Seek or None
        How to find the groups, if they are not given.
    record_every : int
        Number of steps between two records of the tasks' affinity; 0 records nothing.
    """

    name: str
    learner: MultiTaskEstimator | Baseline | Probe | Mixture
    groups: Groups
    seek: Seek | None = None
    record_every: int = 0

    @property
    def task_names(self) -> list[str]:
        """The tasks that it answers."""
        names: list[str] = []
        for group in self.groups:
            names.extend(group)
        return names

    @property
    def description(self) -> Settings:
        """Its groups and settings, as plain JSON values."""
        return {
            "groups": list(map(list, self.groups)),
            "settings": self.settings,
        }

    @property
    def settings(self) -> Settings:
        """Everything that decides its results except data and seed, as plain JSON values."""
        if isinstance(self.learner, Baseline):
            return {"baseline": part_to_config(BASELINES, self.learner)}
        if isinstance(self.learner, Probe):
            probe = {"source": self.learner.source}
            return {"probe": probe, **_settings_of(self.learner.estimator)}
        if isinstance(self.learner, Mixture):
            members = {}
            for name, estimator in self.learner.members.items():
                members[name] = {
                    **_settings_of(estimator),
                    "random_state": estimator.random_state,
                }
            return {"members": members}
        return _settings_of(self.learner)


def sharing_of(estimator: MultiTaskEstimator) -> Sharing:
    """Return the estimator's way of sharing."""
    return cast(Sharing, make_part("sharing", estimator.sharing))


def sharing_settings(estimator: MultiTaskEstimator) -> Settings:
    """Return settings that make the estimator share: hard sharing if it has none."""
    if isinstance(sharing_of(estimator), NoSharing):
        return {"sharing": "hard"}
    return {}


def _settings_of(estimator: MultiTaskEstimator) -> Settings:
    settings = {}
    for name, value in estimator.get_params(deep=False).items():
        if name not in NOT_SETTINGS:
            settings[name] = _plain_value(name, value)
    return settings


def _plain_value(name: str, value: object) -> object:
    """Return a parameter as plain values; a part of a user's own class as its repr."""
    if name not in PART_PARAMETERS or (value is None and name in OPTIONAL):
        return value
    part = make_part(name, value)
    try:
        return part_to_config(PART_PARAMETERS[name], part)
    except ParameterError:
        return repr(part)
