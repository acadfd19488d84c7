"""One study: plan all fits, find groups, train, and judge what was finished in time."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from multitide._estimator import MultiTaskEstimator
from multitide._installed_versions import installed_versions
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.engines._make_engine import make_engine
from multitide.fitting._data_sets import resolve_shared_tasks
from multitide.fitting._weighed import weighed_sets
from multitide.study._comparison import Comparison
from multitide.study._left_out import LeftOut, check_enough, find_left_out
from multitide.study.conditions._arms import check_askable, condition_arms
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._arms import Arm, Arms
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.design._study_data import (
    Folds,
    SplitRule,
    StudyData,
    TestGroups,
)
from multitide.study.grouping._search import (
    FoundGroups,
    check_seekable,
    find_all_groups,
)
from multitide.study.results._evidence import Evidence
from multitide.study.runs._check_memory import check_memory
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import Plan, check_trainable, make_plan
from multitide.study.runs._run_plan import run_plan, run_resources
from multitide.study.runs._workers import Listener
from multitide.tasks import Task

SHARE_OF_GROUPING = 0.5  # of the budget, at most, for finding groups


def run_study(
    samples: Samples | Mapping[str, Samples],
    tasks: Sequence[str | Task] | None,
    *,
    estimator: MultiTaskEstimator,
    arms: Arms,
    reference: str,
    n_seeds: int,
    split: SplitRule | Mapping[str, SplitRule],
    cv: Folds | Mapping[str, Folds],
    groups: TestGroups | Mapping[str, TestGroups],
    margin: float,
    confidence: float,
    seconds: float,
    draws: Sequence[pd.DataFrame] | None,
    engine: str,
    n_jobs: int | None,
    folder: Path | None,
    progress: Listener | None,
    verbose: int,
    conditions: bool = False,
) -> Comparison:
    """Run a study once; see :func:`multitide.compare`.

    `seconds` is the time that it may take, infinite without a budget.
    """
    started = time.perf_counter()
    data_sets = DataSets(samples)
    if conditions:
        data_sets = DataSets(data_sets.only("`conditions`"))
    specs = resolve_shared_tasks(estimator.tasks if tasks is None else tasks, data_sets)
    data_sets = weighed_sets(data_sets, specs)
    protocol = make_protocol(data_sets, specs, split, cv, n_seeds, groups, draws)
    resolved = _checked_arms(arms, estimator, reference, protocol)
    checking = _arms_of_conditions(estimator, protocol) if conditions else []
    computing = make_engine(engine, n_jobs, [estimator.device])
    check_memory(
        make_plan([*resolved, *checking], protocol),
        protocol,
        data_sets,
        computing.n_places if computing.shares_disk else 1,
        folder,
    )
    with run_resources(computing, folder, progress, verbose) as resources:
        limit = seconds * SHARE_OF_GROUPING
        grouped = find_all_groups(resolved, protocol, data_sets, resources, limit)
        left = seconds - (time.perf_counter() - started)
        wanted = make_plan([*grouped.arms, *checking], protocol)
        plan, fits = run_plan(
            wanted, protocol, data_sets, resources, left, grouped.fits
        )
        names = [arm.name for arm in resolved]
        left_out = find_left_out(wanted, plan, fits, names, computing.n_places)
        check_enough(names, plan, left_out, kept=folder is not None)
        outcome = _Outcome(protocol, plan, fits)
        facts = _facts(data_sets, protocol, computing.n_places, started)
        comparison = _judge(
            outcome, grouped, checking, left_out, facts, margin, confidence
        )
        if folder is not None:
            comparison.save(folder)
    return comparison


@dataclass(frozen=True)
class _Outcome:
    """The finished part of a plan, and its fits."""

    protocol: Protocol
    plan: Plan
    fits: Mapping[str, Fit]

    def finished(self, arms: Sequence[Arm]) -> list[Arm]:
        names = set()
        for name, _, _ in self.plan.runs:
            names.add(name)
        done = []
        for arm in arms:
            if arm.name in names:
                done.append(arm)
        return done

    def evidence(self, arms: Sequence[Arm]) -> Evidence:
        tasks_of = {}
        for arm in arms:
            tasks_of[arm.name] = arm.task_names
        return Evidence(self.protocol, self.plan.runs, self.fits, tasks_of).of(
            list(tasks_of)
        )


def _checked_arms(
    arms: Arms,
    estimator: MultiTaskEstimator,
    reference: str,
    protocol: Protocol,
) -> list[Arm]:
    resolved = resolve_arms(
        arms, estimator, protocol.names, reference, protocol.divisions
    )
    check_trainable(resolved, protocol)
    check_seekable(resolved, protocol)
    return resolved


def _arms_of_conditions(estimator: MultiTaskEstimator, protocol: Protocol) -> list[Arm]:
    arms = condition_arms(estimator, protocol.names)
    check_askable(protocol)
    return arms


def _judge(
    outcome: _Outcome,
    found: FoundGroups,
    checking: Sequence[Arm],
    left_out: LeftOut | None,
    facts: dict[str, object],
    margin: float,
    confidence: float,
) -> Comparison:
    """Make the result from the arms that were finished."""
    finished = outcome.finished(found.arms)
    conditions = None
    if checking and outcome.finished(checking) == list(checking):
        evidence = outcome.evidence(checking)
        conditions = Conditions(evidence, _settings(checking), margin, confidence)
    words = ""
    if left_out is not None:
        words = left_out.in_words(conditions=bool(checking) and conditions is None)
    groupings = {}
    for arm in finished:
        if arm.name in found.groupings:
            groupings[arm.name] = found.groupings[arm.name]
    return Comparison(
        evidence=outcome.evidence(finished),
        settings=_settings(finished),
        margin=margin,
        confidence=confidence,
        facts=facts | {"left_out": words},
        groupings=groupings,
        conditions=conditions,
    )


# Settings of arms have values of many types.
def _settings(arms: Sequence[Arm]) -> dict[str, dict[str, object]]:
    settings = {}
    for arm in arms:
        settings[arm.name] = arm.description
    return settings


def _facts(
    data_sets: DataSets, protocol: Protocol, n_jobs: int, started: float
) -> dict[str, object]:
    by_data = {}
    for data in protocol.data:
        by_data[data.name] = _data_facts(data_sets[data.name], data)
    facts: dict[str, object] = {
        "command": shlex.join(sys.argv),
        "versions": installed_versions(),
    }
    facts |= by_data[protocol.only.name] if len(by_data) == 1 else {"data": by_data}
    facts["n_folds"] = protocol.n_folds
    facts["n_jobs"] = n_jobs
    facts["seconds"] = time.perf_counter() - started
    return facts


def _data_facts(samples: Samples, data: StudyData) -> dict[str, object]:
    return {
        "fingerprint": samples.fingerprint(),
        "n_samples": len(samples),
        "n_channels": samples.n_channels,
        "n_timepoints": samples.n_timepoints,
        "channels": list(samples.channels),
        "split": {} if data.rule is None else data.rule.get_params(),
    }
