"""Plans: the fits that a study needs, each of them once."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
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
        By key, ordered by seed, so that the fits that are finished when time runs out are a
        complete study with fewer seeds.
    runs : dict of (arm, seed, fold) to list of str
        The keys of the fits of each run, one per group of tasks. Arms may share fits: a task alone
        is the same in every arm that trains it alone.
    """

    jobs: dict[str, Job]
    runs: dict[RunName, list[str]]

    def complete_part(self, keys: Collection[str]) -> Plan:
        """Return the part of the plan whose fits are all among `keys`.

        It has the arms whose first seed is complete, and the seeds that are complete for all of
        these arms.
        """
        incomplete = self._incomplete_runs(keys)
        if not incomplete:
            return self
        missing_arms = set()
        for arm, seed, _ in incomplete:
            if seed == 0:
                missing_arms.add(arm)
        later = []
        for arm, seed, _ in incomplete:
            if arm not in missing_arms:
                later.append(seed)
        n_seeds = min(later, default=math.inf)
        runs = {}
        for (arm, seed, fold), needed in self.runs.items():
            if arm not in missing_arms and seed < n_seeds:
                runs[arm, seed, fold] = needed
        return Plan(self._jobs_of(runs), runs)

    def _jobs_of(self, runs: Mapping[RunName, list[str]]) -> dict[str, Job]:
        keys: set[str] = set()
        keys.update(*runs.values())
        jobs = {}
        for key, job in self.jobs.items():
            if key in keys:
                jobs[key] = job
        return jobs

    def _incomplete_runs(self, keys: Collection[str]) -> list[RunName]:
        incomplete = []
        for name, needed in self.runs.items():
            if not all(key in keys for key in needed):
                incomplete.append(name)
        return incomplete


def check_trainable(arms: Sequence[Arm], protocol: Protocol) -> None:
    """Raise unless every network of every arm can be trained on its data sets.

    Raises
    ------
    ParameterError
        With every arm that cannot.
    """
    problems: list[str] = []
    for arm in arms:
        for line in _problems(arm, protocol):
            problems.append(f"`arms.{arm.name}`: {line}")
    raise_problems(problems)


def make_plan(arms: Sequence[Arm], protocol: Protocol) -> Plan:
    """List the fits of all arms."""
    jobs: dict[str, Job] = {}
    runs: dict[RunName, list[str]] = {}
    for seed in range(protocol.n_seeds):
        for arm in arms:
            for fold in range(protocol.n_folds):
                made = []
                for group in arm.groups:
                    made.append(make_job(arm, group, protocol, seed, fold))
                runs[arm.name, seed, fold] = [job.key for job in made]
                for job in made:
                    jobs.setdefault(job.key, job)
    return Plan(jobs, runs)


def _problems(arm: Arm, protocol: Protocol) -> list[str]:
    """Return why an arm cannot be trained on several data sets."""
    if arm.seek is not None and len(protocol.data) > 1:
        return [
            "`groups` must be lists of questions with several "
            f"data sets, or {one_of(protocol.divisions)}; "
            f"got {arm.seek.method!r}, which finds "
            "groups of tasks on one data set."
        ]
    n_data_sets = []
    for group in arm.groups:
        n_data_sets.append(len(protocol.by_data(group)))
    most = max(n_data_sets, default=1)
    if most == 1 or not isinstance(arm.learner, MultiTaskEstimator):
        return []
    problems: list[str] = []
    with gathering(problems):
        check_several(make_recipe(arm.learner.get_params(deep=False)), most)
    with_remedy = []
    for line in problems:
        with_remedy.append(f"{line} Or use groups='per_data_set'.")
    return with_remedy
