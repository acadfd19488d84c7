"""Which fits a study needs: every arm with every seed on every fold, and nothing twice."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from multitide._checks import gathering, one_of, raise_problems
from multitide._estimator import MultiTaskEstimator
from multitide.fitting._fit_model import check_several
from multitide.fitting._recipe import make_recipe
from multitide.study.design._arms import Arm
from multitide.study.design._protocol import Protocol
from multitide.study.runs._jobs import Job, make_job

RunName = tuple[str, int, int]


@dataclass(frozen=True)
class Plan:
    """The fits of a study.

    Attributes
    ----------
    jobs : dict of str to Job
        By key, one seed after the other, so that what is finished when time runs out is a whole
        study of fewer seeds.
    runs : dict of (arm, seed, fold) to list of str
        The keys of the fits that answer each run: one a group of tasks. Arms may share fits (a task
        alone is the same in every arm that leaves it alone).
    """

    jobs: dict[str, Job]
    runs: dict[RunName, list[str]]

    def whole(self, keys: Collection[str]) -> Plan:
        """Return the plan of the arms whose first seed is among `keys`, with the seeds that all of them have there."""
        missing = self._missing(keys)
        if not missing:
            return self
        gone = {arm for arm, seed, _ in missing if seed == 0}
        n_seeds = next((seed for arm, seed, _ in missing if arm not in gone), math.inf)
        runs = {
            name: needed
            for name, needed in self.runs.items()
            if name[0] not in gone and name[1] < n_seeds
        }
        kept = {key for needed in runs.values() for key in needed}
        return Plan({key: job for key, job in self.jobs.items() if key in kept}, runs)

    def _missing(self, keys: Collection[str]) -> list[RunName]:
        """Return the runs that lack a fit, seed after seed."""
        return [
            name for name, needed in self.runs.items() if not all(key in keys for key in needed)
        ]


def check_learnable(arms: Sequence[Arm], protocol: Protocol) -> None:
    """Raise unless every network of every arm can learn of the data sets that it is to learn of.

    Raises
    ------
    ParameterError
        With every arm that cannot.
    """
    problems = [f"`arms.{arm.name}`: {line}" for arm in arms for line in _problems(arm, protocol)]
    raise_problems(problems)


def _problems(arm: Arm, protocol: Protocol) -> list[str]:
    """Return what keeps an arm from learning of several data sets."""
    if arm.seek is not None and len(protocol.data) > 1:
        return [
            f"`groups` must be lists of questions, or {one_of(protocol.divisions)}, with several data sets; they "
            f"cannot be found by {arm.seek.method!r}, which is for tasks of the same series."
        ]
    n_data = max((len(protocol.by_data(group)) for group in arm.groups), default=1)
    problems: list[str] = []
    if n_data > 1 and isinstance(arm.learner, MultiTaskEstimator):
        with gathering(problems):
            check_several(make_recipe(arm.learner.get_params(deep=False)), n_data)
    return [f"{line} With groups='per_data_set' every network learns of one." for line in problems]


def make_plan(arms: Sequence[Arm], protocol: Protocol) -> Plan:
    """List the fits of all arms."""
    jobs: dict[str, Job] = {}
    runs: dict[RunName, list[str]] = {}
    for seed in range(protocol.n_seeds):
        for arm in arms:
            for fold in range(protocol.n_folds):
                made = [make_job(arm, group, protocol, seed, fold) for group in arm.groups]
                runs[arm.name, seed, fold] = [job.key for job in made]
                jobs |= {job.key: job for job in made if job.key not in jobs}
    return Plan(jobs, runs)
