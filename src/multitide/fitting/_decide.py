"""Choosing the thresholds of yes/no answers on samples that a model was not trained on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from multitide.errors import MultitideWarning, ParameterError
from multitide.network._network import Predictor
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._deciding import DecidingTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._task import Target, Task
from multitide.tasks._threshold import Chosen, choose_threshold

logger = logging.getLogger("multitide")


class Decision(TypedDict):
    """The threshold of a task with two classes, or of a label of a multi-label task.

    ``label`` is "" for a task with two classes. The positive class is predicted from the
    probability ``threshold`` on; None if the more probable class is, because there were no labels
    to choose by. ``measure`` has the ``value`` on the ``n_labels`` rows that chose, and ``at_half``
    with a threshold of 0.5.
    """

    task: str
    label: str
    positive: Any
    rule: str
    threshold: float | None
    measure: str
    value: float | None
    at_half: float | None
    n_labels: int


def decision_table(rows: Sequence[Decision]) -> pd.DataFrame:
    """Return one row per threshold; with its columns even if there are none."""
    return pd.DataFrame(list(rows), columns=list(Decision.__annotations__))


def has_rule(task: Task) -> bool:
    """Return whether held-out samples choose a threshold of a task."""
    return isinstance(getattr(task, "threshold", None), (str, dict))


def check_rules(tasks: Iterable[Task], has_unseen: bool) -> None:
    """Raise if a threshold is to be chosen, and there are no samples to choose by."""
    for task in tasks:
        if has_rule(task) and not has_unseen:
            rule = getattr(task, "threshold", None)
            raise ParameterError(
                f"`{task.name}.threshold` must be a number without a validation set, which would "
                f"choose it; got {rule!r}. Hold out a validation set, or give a number."
            )


def decide(
    target: Target,
    truth: np.ndarray,
    decoded: np.ndarray,
    weights: np.ndarray | None = None,
) -> list[Decision]:
    """Choose the thresholds of a task, which the target gets; none if it has no rule.

    Parameters
    ----------
    target : Target
    truth, decoded : ndarray, n_rows rows
        Labels from :meth:`Target.truth`, and predictions, of rows that were held out.
    weights : ndarray, shape (n_rows,), optional
        How much each row counts.
    """
    if not isinstance(target, DecidingTarget) or not has_rule(target.task):
        return []
    decisions = []
    for answers in _answers(target, truth, decoded, weights):
        decisions.append(_decision(target, *answers))
    target.set_thresholds([each["threshold"] for each in decisions])
    return decisions


def set_decisions(predictor: Predictor, decisions: Sequence[Decision]) -> None:
    """Give the targets of all networks the thresholds of their tasks."""
    by_task: dict[str, list[float | None]] = {}
    for row in decisions:
        by_task.setdefault(row["task"], []).append(row["threshold"])
    for network in predictor.network_list:
        for target in network.target_list:
            values = by_task.get(target.task.name)
            if values is not None and isinstance(target, DecidingTarget):
                target.set_thresholds(values)


# What is decided: the name of a label, its positive answer, and which rows have it, their
# probabilities and their weights.
Answers = tuple[str, Any, np.ndarray, np.ndarray, np.ndarray | None]


def _answers(
    target: DecidingTarget,
    truth: np.ndarray,
    decoded: np.ndarray,
    weights: np.ndarray | None,
) -> list[Answers]:
    if isinstance(target, ClassificationTarget):
        place = target.positive
        if place is None:
            return []
        yes = truth == place
        return [("", target.classes[place], yes, decoded[:, place], weights)]
    assert isinstance(target, MultiLabelTarget)
    answers: list[Answers] = []
    for i, column in enumerate(target.task.columns):
        known = ~np.isnan(truth[:, i])
        own = None if weights is None else weights[known]
        yes = truth[known, i] == 1
        answers.append((column, target.answers[i][1], yes, decoded[known, i], own))
    return answers


def _decision(
    target: DecidingTarget,
    label: str,
    positive: object,
    yes: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None,
) -> Decision:
    task = target.task
    rule = getattr(task, "threshold", None)
    assert isinstance(rule, (str, dict))
    chosen: Chosen | None = None
    name = f"{task.name}, {label}" if label else task.name
    if yes.any() and not yes.all():
        chosen = choose_threshold(rule, yes, probabilities, weights)
        _tell(name, positive, rule, chosen, len(yes))
    else:
        _warn(
            f"The threshold of {name} stays at 0.5: the {len(yes)} held-out labels "
            f"have no two different answers to choose it by ({rule})."
        )
    return {
        "task": task.name,
        "label": label,
        "positive": positive,
        "rule": str(rule),
        "threshold": None if chosen is None else chosen.threshold,
        "measure": "" if chosen is None else chosen.measure,
        "value": None if chosen is None else chosen.value,
        "at_half": None if chosen is None else chosen.at_half,
        "n_labels": len(yes),
    }


def _tell(
    name: str, positive: object, rule: str | dict[str, float], chosen: Chosen, n: int
) -> None:
    logger.info(
        "%s: %r from a probability of %.3g on (%s; %s %.3g on %d held-out labels, %.3g at 0.5).",
        name,
        positive,
        chosen.threshold,
        rule,
        chosen.measure,
        chosen.value,
        n,
        chosen.at_half,
    )
    if chosen.reached is not None:
        _warn(
            f"No threshold of {name} reaches {rule} on the {n} held-out labels; "
            f"the best, {chosen.reached:.3g}, is taken."
        )


def _warn(message: str) -> None:
    warnings.warn(message, MultitideWarning, stacklevel=2)
