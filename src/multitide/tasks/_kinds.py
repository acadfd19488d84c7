"""Infer whether a column of labels is a classification or a regression."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal, NamedTuple, NoReturn

import numpy as np
import pandas as pd

from multitide.data._numerals import are_codes
from multitide.errors import ParameterError
from multitide.tasks._classification import Classification
from multitide.tasks._label_column import (
    as_numbers,
    distinct_values,
    no_label_problem,
    unusable_problem,
    unusable_values,
)
from multitide.tasks._regression import Regression
from multitide.tasks._task import TargetConfig, Task

# Integers with at most this many distinct values are taken for classes.
MOST_NUMBERED_CLASSES = 10


class InferredKind(NamedTuple):
    """A kind of task, and the reason for choosing it."""

    kind: Literal["classification", "regression"]
    reason: str


@dataclass
class Auto(Task):
    """A task whose kind is inferred from its labels by :func:`resolve_tasks`."""

    kind: ClassVar[str] = "auto"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return a message if no kind can be inferred from these labels."""
        _, values = distinct_values(labels[self.name])
        unusable = unusable_values(values)
        if unusable:
            return [unusable_problem(self.name, unusable)]
        if not values:
            return [no_label_problem(self.name, len(labels))]
        return []

    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> NoReturn:
        """Raise an error: the kind must be inferred first."""
        raise ParameterError(
            f"`{self.name}.kind` must be known before training; "
            "call `resolve_tasks` first."
        )

    def target_from_config(self, config: TargetConfig) -> NoReturn:
        """Raise an error: a task without a kind has no target."""
        self.fit_target(pd.DataFrame())

    def resolve(self, labels: pd.Series) -> tuple[Task, str]:
        """Return a task of the kind that fits these labels, and the reason for the choice."""
        if self.label_at == "mean":
            kind, reason = "regression", "a mean over the window is a number"
        else:
            kind, reason = _infer_kind_and_reason(labels)
        shared = {}
        for field in fields(self):
            shared[field.name] = getattr(self, field.name)
        if kind == "classification":
            return Classification(**shared), reason
        return Regression(**shared), reason


def infer_kind(labels: pd.Series) -> Literal["classification", "regression"]:
    """Infer the kind of task from a column of labels.

    Text, booleans and integers with at most 10 distinct values are classes; everything else is a
    number, also text of more than 10 distinct numbers. Missing labels do not change the result,
    although pandas converts integers to floats in a column with missing values.

    Parameters
    ----------
    labels : Series
        One label per row. Use NaN, None or blank text for missing labels.

    Returns
    -------
    str
        "classification" or "regression".

    Raises
    ------
    DataError
        If there are no labels, or a label is neither text nor a boolean nor a finite number.
    """
    labels = pd.Series(labels)
    if labels.name is None:
        name = "labels"
    else:
        name = str(labels.name)
    Auto(name).check_labels(labels.to_frame(name))
    return _infer_kind_and_reason(labels).kind


def how_to_change_kind(task: Task, labels: pd.DataFrame) -> str:
    """Return the configuration line that changes the kind of `task`, or "" if there is no other.

    Parameters
    ----------
    task : Task
        Not an :class:`Auto`.
    labels : DataFrame
        The columns of the task.
    """
    if task.kind == "regression":
        return 'kind = "classification"'
    if task.kind == "classification" and not as_numbers(labels[task.name])[1]:
        return 'kind = "regression"'
    return ""


def _infer_kind_and_reason(labels: pd.Series) -> InferredKind:
    _, values = distinct_values(labels)
    n = len(values)
    if any(isinstance(value, str) for value in values):
        if n > MOST_NUMBERED_CLASSES and _are_numbers(labels):
            return InferredKind("regression", f"text, {n} distinct numbers")
        return InferredKind("classification", f"text, {n} distinct values")
    if all(isinstance(value, bool) for value in values):
        return InferredKind("classification", "booleans")
    if not all(isinstance(value, int) for value in values):
        return InferredKind("regression", "numbers that are not whole")
    if n <= MOST_NUMBERED_CLASSES:
        reason = f"whole numbers, at most {MOST_NUMBERED_CLASSES} distinct values"
        return InferredKind("classification", reason)
    return InferredKind("regression", f"whole numbers, {n} distinct values")


def _are_numbers(labels: pd.Series) -> bool:
    """Whether all labels are numbers or text of numbers, and no codes such as 007."""
    _, refused = as_numbers(labels)
    texts = labels.dropna().astype("str")
    return not refused and not are_codes(texts[texts != ""])
