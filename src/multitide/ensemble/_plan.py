"""What an ensemble trains: each member once per seed, on the split of that seed."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide.data._split_data import SplitData
from multitide.errors import ParameterError
from multitide.fitting._recipe import make_recipe
from multitide.representations import Transformed
from multitide.tasks import Task

DEFAULT_NAME = "network"
BEST = "best"  # stands for the default members


@dataclass(frozen=True)
class MemberFit:
    """One fit of a member.

    Attributes
    ----------
    member : str
        Name of the member.
    number : int
        Number of the seed, from 0.
    estimator : MultiTaskEstimator
        Not fitted; its ``random_state`` is the seed.
    data : sequence of SplitData
        The data sets as this seed divides them.
    seconds : float
        The time for all fits of the ensemble.
    """

    member: str
    number: int
    estimator: MultiTaskEstimator
    data: Sequence[SplitData]
    seconds: float = math.inf

    @cached_property
    def key(self) -> str:
        """A name for the folder of the fit.

        Other parameters, data, rows or another budget, which may cut a fit short, lead to another
        one.
        """
        digest = hashlib.sha256(repr(self.seconds).encode())
        params = self.estimator.get_params(deep=False)
        digest.update(repr(sorted(params.items())).encode())
        for data in self.data:
            digest.update(f"{data.name} {data.samples.fingerprint()}".encode())
            digest.update(data.split.train.tobytes())
            digest.update(data.split.validation.tobytes())
            digest.update(data.split.calibration.tobytes())
        return f"{self.number}-{slug(self.member)}-{digest.hexdigest()[:12]}"


def slug(name: str) -> str:
    """Return a name as lower-case letters, digits and hyphens, at most 40 of them."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower())[:40]


def check_members(members: object) -> dict[str, MultiTaskEstimator]:
    """Return the members by name.

    Parameters
    ----------
    members : MultiTaskEstimator, mapping of str to MultiTaskEstimator, or "best"
        One estimator is a member named "network"; "best" has no members before the data are known.

    Raises
    ------
    ParameterError
        If it is anything else, or if a member has a wrong parameter.
    """
    if isinstance(members, str) and members == BEST:
        return {}
    if isinstance(members, MultiTaskEstimator):
        members = {DEFAULT_NAME: members}
    if not isinstance(members, Mapping) or not members:
        raise ParameterError(
            "`members` must be a MultiTaskEstimator, a dict of them by name, or 'best'; "
            f"got {members!r}."
        )
    problems: list[str] = []
    for name, member in members.items():
        problems += _problems(name, member)
    if problems:
        raise ParameterError("\n".join(problems))
    return dict(members)


def _problems(name: object, member: object) -> list[str]:
    where = f"`members.{name}`"
    if not isinstance(name, str) or not name.strip():
        return [f"`members` must have a text as the name of each member; got {name!r}."]
    if not isinstance(member, MultiTaskEstimator):
        return [f"{where} must be a MultiTaskEstimator; got {member!r}."]
    try:
        recipe = make_recipe(member.get_params(deep=False))
    except ParameterError as error:
        return [f"{where}: {line}" for line in str(error).splitlines()]
    if isinstance(recipe.inputs.representation, Transformed):
        return [
            f"{where} must have a representation that is saved with the model; got your own "
            "transformer."
        ]
    return []


def members_tasks(
    members: Mapping[str, MultiTaskEstimator],
) -> Sequence[str | Task] | None:
    """Return the tasks that the members declare; None if none does.

    Raises
    ------
    ParameterError
        If two members declare different tasks.
    """
    declared = {}
    for name, member in members.items():
        if member.tasks is not None:
            declared[name] = list(member.tasks)
    if not declared:
        return None
    first, *others = declared.items()
    for name, tasks in others:
        if tasks != first[1]:
            raise ParameterError(
                f"`members` must have the same `tasks`; those of {first[0]!r} and {name!r} differ."
            )
    return first[1]


def planned_fits(
    members: Mapping[str, MultiTaskEstimator],
    tasks: Sequence[Task],
    splits: Sequence[Sequence[SplitData]],
    seed: int,
    seconds: float = math.inf,
) -> Iterator[MemberFit]:
    """Yield the fits: all members with the first seed, then all with the second, and so on.

    Parameters
    ----------
    members : mapping of str to MultiTaskEstimator
        The members, in the order in which they are trained.
    tasks : sequence of Task
        The resolved tasks.
    splits : sequence of list of SplitData
        The data sets as each seed divides them.
    seed : int
        The first seed; the next ones follow it.
    seconds : float
        The time for all fits.
    """
    for number, data in enumerate(splits):
        for name, member in members.items():
            estimator = cast(MultiTaskEstimator, clone(member))
            estimator.set_params(
                tasks=list(tasks), random_state=(seed + number) % 2**32, verbose=0
            )
            yield MemberFit(name, number, estimator, data, seconds)
