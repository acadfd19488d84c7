"""The arms that show whether the conditions of sharing hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from multitide._estimator import MultiTaskEstimator
from multitide.backbones import Backbone
from multitide.errors import ParameterError
from multitide.fitting._recipe import make_part
from multitide.representations._line import check_solvable
from multitide.study.design._arms import ALONE as ALONE_ARM
from multitide.study.design._arms import BY_NAME, Arm, sharing_settings
from multitide.study.design._probes import make_probe
from multitide.study.design._protocol import Protocol
from multitide.study.design._resolve_arms import resolve_arms

# Not a likely name of a user's arm, so that both can be in one study.
_PREFIX = "conditions / "
ALONE, TOGETHER = f"{_PREFIX}alone", f"{_PREFIX}together"
WIDE_ALONE, WIDE_TOGETHER = f"{_PREFIX}alone, wider", f"{_PREFIX}together, wider"
RANDOM, _FEATURES = f"{_PREFIX}random features", f"{_PREFIX}features of "
WIDER = 2  # factor on the units of every layer


def condition_arms(
    estimator: MultiTaskEstimator, task_names: Sequence[str]
) -> list[Arm]:
    """Return the arms that check the conditions.

    Networks alone and together, the same with wider backbones, and probes of random features and of
    the features of each task.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        Its sharing is checked, or hard sharing if it has none.
    task_names : sequence of str
        At least two.

    Raises
    ------
    ParameterError
        If there is only one task, or the settings cannot be trained.
    """
    if len(task_names) < 2:
        raise ParameterError(
            f"`conditions` must have at least two tasks; got {list(task_names)}."
        )
    together = sharing_settings(estimator)
    networks: dict[str, dict[str, object]] = {
        ALONE: BY_NAME[ALONE_ARM],
        TOGETHER: together,
    }
    backbone = cast(Backbone, make_part("backbone", estimator.backbone))
    if backbone.widths:
        wide = {"backbone": backbone.wider(WIDER)}
        networks |= {
            WIDE_ALONE: BY_NAME[ALONE_ARM] | wide,
            WIDE_TOGETHER: together | wide,
        }
    arms = resolve_arms(networks, estimator, task_names, reference=ALONE)
    alone = cast(MultiTaskEstimator, arms[0].learner)
    arms.append(Arm(RANDOM, make_probe(alone, None), (tuple(task_names),)))
    for task in task_names:
        arms.append(
            Arm(features_of(task), make_probe(alone, task), (tuple(task_names),))
        )
    return arms


def check_askable(protocol: Protocol) -> None:
    """Raise if a task cannot be predicted by the linear heads on features."""
    targets = (question.targets[0] for question in protocol.questions)
    check_solvable(targets, "the linear heads of `conditions`")


def features_of(task: str) -> str:
    """Return the name of the arm that probes the features of a task."""
    return f"{_FEATURES}{task}"


def source_of(arm: str) -> str:
    """Return the task whose features an arm probes."""
    return arm.removeprefix(_FEATURES)
