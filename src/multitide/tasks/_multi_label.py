"""Tasks with several yes/no labels per sample, each of which can be missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator
from torch import Tensor
from torch.nn import functional as F

from multitide.errors import DataError
from multitide.tasks._deciding import DecidingTarget
from multitide.tasks._label_column import (
    Value,
    distinct_values,
    shorten,
    unusable_problem,
    unusable_values,
)
from multitide.tasks._label_place import LabelColumn
from multitide.tasks._metrics import MULTI_LABEL, binary_log_losses, multi_label_metrics
from multitide.tasks._missing_labels import zero_missing
from multitide.tasks._several import SeveralTarget, label_weights, mean_of_known
from multitide.tasks._smallest_probability import LARGEST_LOG_LOSS
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Column, TargetConfig, Task
from multitide.tasks._threshold import Threshold


def _check_columns(columns: list[str]) -> list[str]:
    if len(columns) > 1 and len(set(columns)) == len(columns):
        return columns
    raise ValueError('a list of at least two different columns, e.g. ["person", "car"]')


@dataclass
class MultiLabel(Task):
    """Predict several yes/no labels at once, trained with binary cross-entropy.

    A row is used if at least one of its labels is known; its loss is the mean over its known
    labels. The prediction is "yes" where the probability is above 0.5, unless `threshold` says
    otherwise.

    Parameters
    ----------
    name, label_at, lead, weight
        See :class:`Task`. `name` is only the name of the task; the columns have names of their own.
    columns : list of str
        Columns of ``y`` and of the table. Each holds two values: booleans, 0 and 1, "no" and "yes",
        and so on.
    yes : bool, int, float or str, optional
        The value that means yes in all columns. Default: the second of the two values when sorted
        (True, 1, "yes").
    threshold : float, str or dict, optional
        The probability from which the prediction is yes, as in :class:`Classification`; rules
        choose one for each label.
    """

    column: None = None
    label_at: Literal["end", "start", "majority", "any"] = "end"
    columns: Annotated[list[str], AfterValidator(_check_columns)] = ()  # type: ignore[assignment]
    yes: bool | int | float | str | None = None
    threshold: Threshold = None

    kind: ClassVar[str] = "multi_label"

    def __post_init__(self) -> None:
        # Pandas would take a tuple for the name of one column.
        if isinstance(self.columns, tuple):
            self.columns = list(self.columns)

    def label_columns(self) -> list[LabelColumn]:
        """Return where each label comes from: the column of the same name."""
        columns: list[LabelColumn] = []
        for column in self.columns:
            columns.append(
                {
                    "name": column,
                    "column": column,
                    "label_at": self.label_at,
                    "lead": self.lead,
                    "kind": self.kind,
                    "task": self.name,
                    "weight": self.weight,
                }
            )
        return columns

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return one message for each column that does not hold two values."""
        problems = []
        for column in self.columns:
            _, values = distinct_values(labels[column])
            problem = self._column_problem(column, values)
            if problem:
                problems.append(f"`{self.name}`: {problem}")
        return problems

    def _column_problem(self, column: str, values: list[Value]) -> str:
        unusable = unusable_values(values)
        if unusable:
            return unusable_problem(column, unusable)
        if len(values) != 2:
            return (
                f"`{column}` must hold two values, for yes and no; "
                f"got {shorten(values) or 'no label'}. "
                "Remove the column from the task, "
                "or use samples with both values."
            )
        if self.yes is not None and str(self.yes) not in map(str, values):
            return (
                f"`{column}` must hold the "
                f"value of `yes`, {self.yes!r}; "
                f"got {shorten(values)}. Change `yes`."
            )
        return ""

    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> MultiLabelTarget:
        """Find the two values of each column, and how often each means yes.

        Raises
        ------
        DataError
            If a column does not hold both values.
        """
        self.check_labels(labels)
        target = MultiLabelTarget(
            self, [self._answers(labels[column]) for column in self.columns]
        )
        target.learn(target.truth(labels), weights)
        return target

    def _answers(self, labels: pd.Series) -> list[Value]:
        """Return the values that mean no and yes."""
        _, values = distinct_values(labels)
        return sorted(values, key=self._sort_key)

    def _sort_key(self, value: Value) -> tuple[bool, bool, Value]:
        means_yes = self.yes is not None and str(value) == str(self.yes)
        return means_yes, isinstance(value, str), value

    def target_from_config(self, config: TargetConfig) -> MultiLabelTarget:
        """Rebuild a target from the values of its columns."""
        return MultiLabelTarget(self, config["answers"])


class MultiLabelTarget(SeveralTarget, DecidingTarget):
    """The two values of each column; codes are 1 for yes and 0 for no.

    Attributes
    ----------
    answers : list of [no, yes]
        The values as the user wrote them, one pair per column.
    """

    of_most_frequent: ClassVar[tuple[str, ...]] = ("exact_match", "hamming_loss")

    def __init__(self, task: MultiLabel, answers: Sequence[Sequence[Value]]) -> None:
        super().__init__()
        self.task: MultiLabel = task
        self.answers = list(map(list, answers))
        self.n_outputs = len(task.columns)
        self.register_buffer("bias", torch.zeros(self.n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))
        self.add_thresholds(self.n_outputs, task.threshold)

    def learn(self, truth: np.ndarray, of_rows: np.ndarray | None = None) -> None:
        """Fill the buffers from the training labels, (n, n_columns), both values in each column.

        `of_rows` are the weights of rows, (n,).
        """
        from scipy.special import logit

        weights = label_weights(truth, of_rows)
        shares = (weights * np.nan_to_num(truth)).sum(axis=0) / weights.sum(axis=0)
        entropies = -(shares * np.log(shares) + (1 - shares) * np.log(1 - shares))
        self.bias.copy_(torch.from_numpy(logit(shares)))
        trivial = float((weights.sum(axis=0) * entropies).sum() / weights.sum())
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return 1 for yes, 0 for no, NaN for missing labels; float32 (n_samples, n_columns)."""
        return self.truth(labels).astype(np.float32)

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return 1 for yes, 0 for no, NaN for missing labels; float64 (n_samples, n_columns).

        Raises
        ------
        DataError
            If a column holds a value that it did not hold in training.
        """
        columns = []
        for column, answers in zip(self.task.columns, self.answers, strict=True):
            columns.append(self._read_column(labels[column], column, answers))
        return np.stack(columns, axis=1)

    def written(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the answers, as `to_frame` does; None for missing labels."""
        columns = []
        for codes, answers in zip(self.truth(labels).T, self.answers, strict=True):
            words = np.empty(3, dtype=object)
            words[:-1] = answers
            columns.append(words[np.where(np.isnan(codes), -1, codes).astype(int)])
        return np.stack(columns, axis=1)

    def _read_column(
        self, labels: pd.Series, column: str, answers: list[Value]
    ) -> np.ndarray:
        positions, values = distinct_values(labels)
        unknown = []
        for value in values:
            if _code(value, answers) is None:
                unknown.append(value)
        if unknown:
            raise DataError(
                f"`{self.task.name}`: "
                f"`{column}` must hold "
                f"{answers[0]!r} or {answers[1]!r}; "
                f"got {shorten(unknown)}. "
                "Use None for missing labels."
            )
        codes = []
        for value in values:
            codes.append(_code(value, answers))
        column_codes: np.ndarray = np.array([*codes, np.nan], dtype=np.float64)[
            positions
        ]
        return column_codes

    def label_losses(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the binary cross-entropy of each label."""
        return F.binary_cross_entropy_with_logits(output, codes, reduction="none")

    def clipped_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the mean of the clipped losses of each row over its known labels, (batch,)."""
        known = ~codes.isnan()
        losses = self.label_losses(output, zero_missing(codes, known))
        return mean_of_known(losses.clamp(max=LARGEST_LOG_LOSS), known)

    def decoded_label_losses(
        self, truth: np.ndarray, decoded: np.ndarray
    ) -> np.ndarray:
        """Return the log loss of each label from the probabilities of yes."""
        return binary_log_losses(truth, decoded)

    def forward(self, output: Tensor) -> Tensor:
        """Return the probability of yes for each label, (batch, n_columns)."""
        return output.sigmoid()

    def decide(self, decoded: np.ndarray) -> np.ndarray:
        """Return for each label whether yes is predicted, bool (n_samples, n_columns)."""
        said_yes: np.ndarray = decoded > 0.5
        for column, threshold in enumerate(self.thresholds_or_none):
            if threshold is not None:
                said_yes[:, column] = decoded[:, column] >= threshold
        return said_yes

    def predictions(self, decoded: np.ndarray) -> dict[str, Column]:
        """Return one column per label, in the user's own values."""
        predicted = self.decide(decoded).astype(int)
        columns: dict[str, Column] = {}
        for i, (column, answers) in enumerate(
            zip(self.task.columns, self.answers, strict=True)
        ):
            columns[column] = pd.Series(answers).array.take(predicted[:, i])
        return columns

    def probabilities(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return the probability of yes, one column per label."""
        return pd.DataFrame(decoded, columns=pd.Index(self.task.columns))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics in `metric_values`."""
        return MULTI_LABEL

    def metrics_of(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        predicted: np.ndarray | None,
        weights: np.ndarray | None,
    ) -> dict[str, float]:
        """Compare the probabilities of yes, and where it is predicted, with the known labels."""
        return multi_label_metrics(truth, decoded, weights, predicted)

    def to_config(self) -> TargetConfig:
        """Return the values that mean no and yes."""
        return {"answers": self.answers}


def _code(value: Value, answers: list[Value]) -> float | None:
    """Return 0 for no, 1 for yes, None for any other value."""
    for code, answer in enumerate(answers):
        # Another table or a configuration file may contain 0 and 1 as text.
        if value == answer or str(value) == str(answer):
            return float(code)
    return None
