"""Jobs and plans: equal budgets, keys that name what decides a result, and nothing twice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fakes import RANDOM, Quick, make_small_protocol, make_study_samples
from multitide.backbones import LSTMFCN
from multitide.data._data_sets import DataSets
from multitide.study.design._arms import Arm
from multitide.study.design._protocol import Protocol, make_protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.runs._jobs import Job, make_job, n_training_rows, steps_per_epoch
from multitide.study.runs._plan import Plan, make_plan
from multitide.tasks import resolve_tasks
from multitide.training._settings import Training


def arms_of(arms: Any, protocol: Protocol, **params: Any) -> dict[str, Arm]:
    made = resolve_arms(arms, Quick(**params), protocol.names)
    return {arm.name: arm for arm in made}


def plan_of(arms: Any, n_seeds: int = 2, **params: Any) -> tuple[Plan, Protocol]:
    protocol, _ = make_small_protocol(n_seeds=n_seeds)
    return make_plan(
        list(arms_of(arms, protocol, **params).values()), protocol
    ), protocol


def job(arms: Any = ("hard",), name: str = "hard", seed: int = 0, **params: Any) -> Job:
    protocol, _ = make_small_protocol()
    arm = arms_of(arms, protocol, **params)[name]
    return make_job(arm, arm.groups[0], protocol, seed, 0)


# -- budget ----------------------------------------------------------------------------------------


def test_a_task_with_few_labels_takes_as_many_steps_as_all_tasks_together() -> None:
    samples = make_study_samples(400, missing=0)
    samples.y.loc[np.arange(400) % 10 != 0, "load"] = np.nan
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), RANDOM, None, 1
    )
    estimator = Quick(max_epochs=20, batch_size=4, training=Training(patience=5))
    arms = {arm.name: arm for arm in resolve_arms(["hard"], estimator, protocol.names)}
    together = make_job(arms["hard"], ("state", "load"), protocol, 0, 0)
    alone = make_job(arms["alone"], ("load",), protocol, 0, 0)
    steps = [
        made.learner.max_epochs
        * math.ceil(
            n_training_rows(protocol, made.names, 0, 0) / made.learner.batch_size
        )
        for made in (together, alone)
    ]
    assert together.learner.max_epochs == 20
    assert alone.learner.max_epochs > 100
    assert steps[1] == pytest.approx(steps[0], rel=0.02)
    assert alone.learner.training.patience / 5 == pytest.approx(
        alone.learner.max_epochs / 20, rel=0.1
    )
    assert estimator.training.patience == 5


def test_with_all_labels_the_budget_is_the_estimators() -> None:
    protocol = make_protocol(
        DataSets(s := make_study_samples(100, missing=0)),
        resolve_tasks(None, s.y),
        RANDOM,
        None,
        1,
    )
    arm = resolve_arms(["hard"], Quick(max_epochs=7), protocol.names)[0]
    made = make_job(arm, ("load",), protocol, 0, 0)
    assert made.learner.max_epochs == 7
    assert made.learner.training is None


def test_no_patience_stays_none() -> None:
    assert (
        job(name="alone", training=Training(patience=None)).learner.training.patience
        is None
    )


def test_seeds_count_up_from_the_estimators() -> None:
    assert [job(seed=seed).learner.random_state for seed in (0, 1)] == [0, 1]
    assert [
        job(seed=seed, random_state=40).learner.random_state for seed in (0, 1)
    ] == [40, 41]
    assert (
        job({"other": {"random_state": 1000}}, "other", seed=2).learner.random_state
        == 1002
    )


def test_an_automatic_batch_size_is_the_one_that_the_fit_will_use() -> None:
    samples = make_study_samples(400, missing=0)
    samples.y.loc[np.arange(400) % 4 != 0, "load"] = np.nan
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), RANDOM, None, 1
    )
    learner = Quick(max_epochs=20, batch_size="auto")
    rows = {
        name: n_training_rows(protocol, (name,), 0, 0) for name in ("state", "load")
    }
    sizes = {name: max(8, n // 20) for name, n in rows.items()}
    expected = {name: math.ceil(n / sizes[name]) for name, n in rows.items()}
    assert {
        name: steps_per_epoch(learner, protocol, (name,), 0, 0) for name in rows
    } == expected


# -- keys ------------------------------------------------------------------------------------------


def test_the_same_job_has_the_same_key_again() -> None:
    assert job().key == job().key
    assert job(verbose=0).key == job(verbose=1).key


@pytest.mark.parametrize(
    "params",
    [
        {"lr": 0.5},
        {"batch_size": 8},
        {"backbone": LSTMFCN(hidden_size=3)},
        {"random_state": 5},
        {"keep": "per_task"},
    ],
)
def test_what_decides_the_result_changes_the_key(params: dict[str, Any]) -> None:
    assert job(**params).key != job().key


def test_seed_fold_task_and_data_change_the_key() -> None:
    protocol, data_sets = make_small_protocol()
    arm = resolve_arms(["hard"], Quick(), protocol.names)[1]
    folds = make_protocol(data_sets, protocol.tasks, RANDOM, 2, 2)
    samples = data_sets.only("this")
    changed_sets = DataSets(samples.replace(values=samples.values + 1))
    changed = make_protocol(changed_sets, protocol.tasks, RANDOM, None, 2)
    jobs = [
        make_job(arm, ("state", "load"), protocol, 0, 0),
        make_job(arm, ("state", "load"), protocol, 1, 0),
        make_job(arm, ("state",), protocol, 0, 0),
        make_job(arm, ("state", "load"), folds, 0, 0),
        make_job(arm, ("state", "load"), folds, 0, 1),
        make_job(arm, ("state", "load"), changed, 0, 0),
    ]
    assert len({made.key for made in jobs}) == 6


def test_a_backbone_of_the_users_own_can_be_told_apart() -> None:
    class Mine(LSTMFCN):
        pass

    one, other = (job(backbone=Mine(hidden_size=size)).key for size in (3, 4))
    assert one != other


# -- plans -----------------------------------------------------------------------------------------


def test_a_plan_has_every_arm_with_every_seed_on_every_fold() -> None:
    plan, protocol = plan_of(["alone", "hard"])
    assert set(plan.runs) == {
        (arm, seed, 0) for arm in ("alone", "hard") for seed in (0, 1)
    }
    assert [len(keys) for keys in plan.runs.values()] == [2, 1, 2, 1]
    assert [made.seed for made in plan.jobs.values()] == [0, 0, 0, 1, 1, 1]
    assert protocol.n_seeds == 2


def test_arms_share_the_fits_that_they_have_in_common() -> None:
    plan, _ = plan_of(
        {
            "hard": "hard",
            "same": {"sharing": "hard"},
            "apart": {"groups": [["state"], ["load"]]},
        }
    )
    assert len(plan.jobs) == 6
    assert plan.runs["hard", 0, 0] == plan.runs["same", 0, 0]
    assert plan.runs["alone", 1, 0] == plan.runs["apart", 1, 0]


def test_a_baseline_is_fitted_once_for_all_seeds() -> None:
    plan, _ = plan_of(["constant"], n_seeds=4)
    assert len(plan.jobs) == 4 * 2 + 2
    assert plan.runs["constant", 0, 0] == plan.runs["constant", 3, 0]


def test_what_is_whole_is_a_part_of_the_plan() -> None:
    plan, _ = plan_of(["alone", "hard", "constant"], n_seeds=3)
    keys = list(plan.jobs)
    assert plan.complete_part(keys) is plan
    for n_done, seeds, arms in (
        (2, {0}, ["alone"]),
        (3, {0}, ["alone", "hard"]),
        (7, {0}, None),
        (8, {0, 1}, None),
    ):
        part = plan.complete_part(keys[:n_done])
        assert {seed for _, seed, _ in part.runs} == seeds
        assert list(dict.fromkeys(arm for arm, _, _ in part.runs)) == (
            arms or ["alone", "hard", "constant"]
        )
        assert list(part.jobs) == [key for key in keys[:n_done] if key in part.jobs]
    assert plan.complete_part([]).runs == plan.complete_part([]).jobs == {}


def test_an_arm_that_is_not_begun_takes_no_seeds_from_the_others() -> None:
    plan, _ = plan_of(["alone", "hard", "constant"], n_seeds=3)
    before, _ = plan_of(["alone", "constant"], n_seeds=2)
    assert set(plan.complete_part(before.jobs).runs) == set(before.runs)
