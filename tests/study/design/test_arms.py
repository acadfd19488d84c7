"""Arms: names and settings become learners with groups of tasks, or one clear message."""

from __future__ import annotations

from typing import Any

import pytest

from multitide._estimator import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.balancing import AGGREGATORS
from multitide.errors import ParameterError
from multitide.sharing import SHARINGS
from multitide.study.design._arms import Arm, Arms, Seek
from multitide.study.design._baselines import Boosting, Constant
from multitide.study.design._resolve_arms import resolve_arms
from refusals import refused

TASKS = ("state", "load", "life")


def resolve(
    arms: Arms, estimator: MultiTaskEstimator | None = None, reference: str = "alone"
) -> dict[str, Arm]:
    found = resolve_arms(arms, estimator or MultiTaskEstimator(), TASKS, reference)
    return {arm.name: arm for arm in found}


def test_alone_is_a_network_a_task_and_hard_is_one_for_all() -> None:
    arms = resolve(["hard", "alone"])
    assert list(arms) == ["alone", "hard"]
    assert arms["alone"].groups == (("state",), ("load",), ("life",))
    assert arms["hard"].groups == (TASKS,)
    assert arms["alone"].learner.sharing == "none"


def test_alone_is_added_as_the_reference() -> None:
    assert list(resolve(["hard"])) == ["alone", "hard"]
    assert list(resolve({"hard": "hard", "x": "constant"}, reference="hard")) == [
        "hard",
        "x",
    ]


@pytest.mark.parametrize("name", [name for name in SHARINGS if name != "none"])
def test_every_way_of_sharing_is_an_arm_by_its_name(name: str) -> None:
    assert resolve([name])[name].learner.sharing == name


def test_settings_reach_into_the_parts_of_a_copy() -> None:
    estimator = MultiTaskEstimator(backbone=LSTMFCN(), lr=0.1)
    arms = resolve(
        {
            "wide": {"backbone__hidden_size": 99, "lr": 0.2},
            "wider": {"backbone__filters": [9, 8, 7]},
        },
        estimator,
    )
    assert arms["wide"].learner.backbone.hidden_size == 99
    assert arms["wide"].learner.lr == 0.2
    assert arms["wider"].learner.backbone.filters == (9, 8, 7)
    assert (estimator.backbone.hidden_size, estimator.lr) == (
        LSTMFCN().hidden_size,
        0.1,
    )
    assert arms["alone"].learner.lr == 0.1


def test_settings_take_parts_as_a_configuration_writes_them() -> None:
    arms = resolve({"small": {"backbone": {"name": "fcn", "filters": [8, 8, 8]}}})
    assert arms["small"].settings["backbone"]["filters"] == [8, 8, 8]


def test_groups_of_tasks_are_learned_together_and_may_leave_tasks_out() -> None:
    arms = resolve(
        {
            "pair": {"groups": [["state", "load"], ["life"]]},
            "two": {"groups": [["load", "life"]]},
        }
    )
    assert arms["pair"].groups == (("state", "load"), ("life",))
    assert arms["two"].task_names == ["load", "life"]


def test_groups_without_sharing_are_single_tasks() -> None:
    assert resolve({"x": {"groups": [["state", "load"]], "sharing": "none"}})[
        "x"
    ].groups == (
        ("state",),
        ("load",),
    )


def test_baselines_come_by_name_as_parts_and_with_parameters() -> None:
    arms = resolve(
        {
            "constant": "constant",
            "trees": Boosting(max_iter=7),
            "slow": {"baseline": "boosting", "learning_rate": 0.01},
        }
    )
    assert arms["constant"].learner == Constant()
    assert arms["trees"].learner == Boosting(max_iter=7)
    assert arms["slow"].learner == Boosting(learning_rate=0.01)
    assert arms["slow"].groups == (("state",), ("load",), ("life",))
    assert arms["slow"].settings["baseline"]["learning_rate"] == 0.01


def test_alone_needs_no_aggregator() -> None:
    estimator = MultiTaskEstimator(aggregator=AGGREGATORS["pcgrad"]())
    arms = resolve(["hard"], estimator)
    assert arms["alone"].learner.aggregator is None
    assert arms["hard"].learner.aggregator == AGGREGATORS["pcgrad"]()


def test_settings_are_plain_and_leave_out_what_decides_nothing() -> None:
    one, other = (
        resolve(["hard"], MultiTaskEstimator(verbose=v, random_state=v)) for v in (0, 1)
    )
    assert one["hard"].settings == other["hard"].settings
    assert one["hard"].settings != one["alone"].settings
    assert isinstance(one["hard"].settings["backbone"], dict)


@pytest.mark.parametrize(
    ("arms", "parts"),
    [
        (["hrad"], ["`arms.hrad`", "one of", "'hrad'", "Did you mean 'hard'?"]),
        ("hard", ["`arms`", "a list of names or a dict of settings", "'hard'"]),
        (["alone"], ["`arms`", "'alone'", "got none"]),
        ({"x": {"bakbone": 1}}, ["`arms.x`", "'bakbone'", "Did you mean 'backbone'?"]),
        ({"x": {"backbone__hiden_size": 1}}, ["`arms.x`", "no parameter 'hiden_size'"]),
        ({"x": {"lr": -1.0}}, ["`arms.x`", "`lr`", "greater than 0", "-1.0"]),
        (
            {"x": {"groups": [["stat"]]}},
            ["`arms.x.groups`", "'stat'", "Did you mean 'state'?"],
        ),
        (
            {"x": {"groups": [["load"], ["load"]]}},
            ["`arms.x.groups`", "once", "'load' twice"],
        ),
        (
            {"x": {"groups": [["load", "load"]]}},
            ["`arms.x.groups`", "once", "'load' twice"],
        ),
        (
            {"x": {"groups": ["load"]}},
            ["`arms.x.groups`", "lists of task names", "['load']"],
        ),
        ({"x": {"groups": []}}, ["`arms.x.groups`", "lists of task names", "[]"]),
        ({"x": {"groups": [[]]}}, ["`arms.x.groups`", "lists of task names", "[[]]"]),
        ({"x": 3}, ["`arms.x`", "a name, a baseline or a dict of settings", "3"]),
        (
            {"x": {"baseline": "boostin"}},
            ["`arms.x", "one of", "Did you mean 'boosting'"],
        ),
        (
            {"x": {"baseline": "boosting", "max_iter": 0}},
            ["`arms.x.max_iter`", "greater than or equal to 1"],
        ),
        (
            {"x": {"baseline": "boosting", "trees": 5}},
            ["`arms.x`", "no parameter 'trees'"],
        ),
    ],
)
def test_wrong_arms_are_refused(arms: Any, parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        resolve(arms)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve({"x": {"lr": -1.0}, "y": "hrad"}, reference="alon")
    assert len(str(caught.value).splitlines()) == 3


def test_an_unknown_reference_is_refused() -> None:
    parts = ["`reference`", "'hard', 'x'", "'hrad'", "Did you mean 'hard'"]
    with refused(*parts, error=ParameterError):
        resolve({"hard": "hard", "x": "constant"}, reference="hrad")


# -- several arms by one name, and groups that are to be found -------------------------------------


def test_pairs_are_an_arm_for_every_two_tasks() -> None:
    arms = resolve(["hard", "pairs"])
    assert list(arms) == ["alone", "hard", "state+load", "state+life", "load+life"]
    assert arms["state+life"].groups == (("state", "life"),)
    assert arms["state+life"].settings == arms["hard"].settings


def test_leave_one_out_is_an_arm_without_each_task() -> None:
    arms = resolve(["leave_one_out"])
    assert list(arms)[1:] == ["without state", "without load", "without life"]
    assert arms["without load"].groups == (("state", "life"),)


def test_what_shares_nothing_shares_in_pairs() -> None:
    arms = resolve(["pairs", "grouped"], MultiTaskEstimator(sharing="none"))
    assert arms["state+load"].groups == (("state", "load"),)
    assert arms["grouped"].learner.sharing == "hard"


def test_groups_may_be_left_to_be_found() -> None:
    arms = resolve(
        {
            "grouped": "grouped",
            "few": {"groups": "affinity", "max_groups": 2, "lr": 0.1},
        }
    )
    assert arms["grouped"].seek == Seek("pairs", None)
    assert arms["few"].seek == Seek("affinity", 2)
    assert arms["few"].learner.lr == 0.1
    many = resolve_arms(["grouped"], MultiTaskEstimator(), [f"t{i}" for i in range(6)])
    assert many[1].seek == Seek("affinity", None)


@pytest.mark.parametrize(
    ("arms", "names", "parts"),
    [
        (["leave_one_out"], ["a", "b"], ["`arms`", "'leave_one_out'", "3 or more"]),
        ({"pairs": "pairs", "a+b": "hard"}, ["a", "b", "c"], ["`arms`", "'a+b' twice"]),
        (["paris"], ["a", "b"], ["'paris'", "Did you mean 'pairs'"]),
        (
            {"x": {"groups": "affinty"}},
            ["a", "b"],
            ["'affinty'", "Did you mean 'affinity'"],
        ),
        (["grouped"], ["a"], ["`arms.grouped.groups`", "2 to 16 tasks", "with 1 task"]),
    ],
)
def test_arms_that_cannot_be_expanded_are_refused(
    arms: Arms, names: list[str], parts: list[str]
) -> None:
    with refused(*parts, error=ParameterError):
        resolve_arms(arms, MultiTaskEstimator(), names)
