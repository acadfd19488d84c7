"""What a study recommends: the arm that gains most, without the tasks that it hurts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from multitide.study import Comparison
from multitide.study._recommendation import recommend, recommended_settings

TASKS = ["fault", "load", "life"]
ALONE = [[task] for task in TASKS]
TOGETHER = [TASKS]
HELP, HURT, SAME, UNCLEAR = (
    ("helps", 0.2),
    ("hurts", -0.2),
    ("same", 0.001),
    ("cannot tell", 0.05),
)


def study(**arms: tuple[list[list[str]], list[tuple[str, float]]]) -> Comparison:
    """Make a study of these arms: their networks, and the verdict and gain of each task."""
    rows: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"alone": {"groups": ALONE, "settings": {"lr": 0.01}}}
    for arm, (networks, verdicts) in arms.items():
        sharing = {"name": "hard", "branch": 0}
        own = {"lr": 0.1} if arm == "fast" else {"lr": 0.01}
        settings[arm] = {"groups": networks, "settings": {"sharing": sharing, **own}}
        for task, (verdict, gain) in zip(TASKS, verdicts, strict=True):
            rows.append({"arm": arm, "task": task, "verdict": verdict, "gain": gain})
    protocol = SimpleNamespace(data=[None], names=TASKS)
    found = SimpleNamespace(
        gains=pd.DataFrame(rows),
        settings=settings,
        baselines=[],
        reference="alone",
        arms=list(settings),
        evidence=SimpleNamespace(protocol=protocol),
    )
    return cast(Comparison, found)


def test_what_helps_everywhere_is_recommended_with_high_confidence() -> None:
    found = recommend(study(hard=(TOGETHER, [HELP, HELP, SAME])))
    assert found.in_words == "Train fault, load and life together, in one network."
    assert found.confidence == "high"


def test_a_task_that_is_hurt_gets_a_network_of_its_own() -> None:
    comparison = study(hard=(TOGETHER, [HELP, HELP, HURT]))
    found = recommend(comparison)
    assert found.networks == [["fault", "load"], ["life"]]
    assert found.in_words == "Train fault and load together; give life its own model."
    assert found.confidence == "medium"
    assert "No arm had exactly these networks" in found.confidence_in_words
    sharing = {"name": "hard", "groups": [["fault", "load"], ["life"]]}
    assert recommended_settings(comparison, found) == {"sharing": sharing}


def test_an_arm_with_these_networks_is_the_one_to_follow() -> None:
    pair = [["fault", "load"], ["life"]]
    comparison = study(
        hard=(TOGETHER, [HELP, HELP, HURT]), pair=(pair, [HELP, UNCLEAR, SAME])
    )
    found = recommend(comparison)
    assert (found.arm, found.measured) == ("pair", True)
    assert found.undecided == ["load"]


@pytest.mark.parametrize(
    ("verdicts", "confidence"),
    [
        ([HURT, HURT, SAME], "high"),
        ([HURT, UNCLEAR, SAME], "medium"),
        ([UNCLEAR, UNCLEAR, UNCLEAR], "low"),
    ],
)
def test_without_a_clear_gain_it_is_better_to_stay(
    verdicts: list[tuple[str, float]], confidence: str
) -> None:
    comparison = study(hard=(TOGETHER, verdicts))
    found = recommend(comparison)
    assert found.in_words == "Train every task in a network of its own."
    assert found.confidence == confidence
    assert recommended_settings(comparison, found) == {"sharing": "none"}


def test_settings_of_the_arm_are_part_of_the_configuration() -> None:
    comparison = study(fast=(TOGETHER, [HELP, HELP, HELP]))
    settings = recommended_settings(comparison, recommend(comparison))
    assert settings == {"lr": 0.1, "sharing": {"name": "hard"}}


def test_a_task_that_gains_only_from_one_that_is_hurt_is_said() -> None:
    found = recommend(study(hard=(TOGETHER, [HELP, HURT, HURT])))
    assert found.in_words == "Train every task in a network of its own."
    assert found.arm == "alone"
    assert "“hard” helps fault but hurts load and life" in found.confidence_in_words
