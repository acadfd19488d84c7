"""Tasks of several yes/no answers at once, each possibly unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator
from scipy.special import logit
from torch import Tensor
from torch.nn import functional as F

from multitide.errors import DataError
from multitide.tasks._labels import Value, distinct_values, shorten, strange_values
from multitide.tasks._metrics import MULTI_LABEL, clipped, multi_label_metrics
from multitide.tasks._several import SeveralTarget, cell_weights
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Task


def _check_columns(columns: list[str]) -> list[str]:
    if len(columns) > 1 and len(set(columns)) == len(columns):
        return columns
    raise ValueError('a list of at least two different columns, e.g. ["person", "car"]')


@dataclass
class MultiLabel(Task):
    """Which of these are so? Several yes/no answers at once, learned by the binary cross-entropy.

    A row counts where at least one answer is known, and its loss is the mean over its known
    answers. A label is answered yes where its probability is above 0.5.

    Parameters
    ----------
    name, label_at, lead
        See :class:`Task`. The name is the task's; its columns have their own.
    columns : list of str
        The columns of ``y``, and of the table; each holds two values: booleans, 0 and 1, "no" and
        "yes", ...
    yes : bool, int, float or str, optional
        The value that means yes, in every column; the second in order when not given (True, 1,
        "yes").
    """

    column: None = None
    label_at: Literal["end", "start", "majority", "any"] = "end"
    columns: Annotated[list[str], AfterValidator(_check_columns)] = ()  # type: ignore[assignment]
    yes: bool | int | float | str | None = None

    kind: ClassVar[str] = "multi_label"

    def __post_init__(self) -> None:
        if isinstance(self.columns, tuple):  # pandas takes a tuple for one column
            self.columns = list(self.columns)

    def label_columns(self) -> list[dict[str, Any]]:
        """Return where each label comes from: the column of its own name."""
        place = {"label_at": self.label_at, "lead": self.lead, "kind": self.kind}
        return [{"name": column, "column": column, **place} for column in self.columns]

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Say which columns do not hold two answers."""
        problems = [
            self._column_problem(column, distinct_values(labels[column])[1])
            for column in self.columns
        ]
        return [
            f"`{self.name}`: `{column}` {p}"
            for column, p in zip(self.columns, problems, strict=True)
            if p
        ]

    def _column_problem(self, column: str, values: list[Any]) -> str:
        if strange := strange_values(values):
            return f"must hold text, booleans or finite numbers; got {shorten(strange)}. Blank or replace them."
        if len(values) != 2:
            found = shorten(values) or "no label"
            return f"must hold two answers, yes and no; got {found}. Leave the column out, or use rows with both."
        if self.yes is not None and str(self.yes) not in map(str, values):
            return f"must hold the answer that `yes` names, {self.yes!r}; got {shorten(values)}."
        return ""

    def fit_target(self, labels: pd.DataFrame) -> MultiLabelTarget:
        """Learn the two answers of each column, and how often each is yes.

        Raises
        ------
        DataError
            If a column does not hold both answers.
        """
        if problems := self.label_problems(labels):
            raise DataError("\n".join(problems))
        target = MultiLabelTarget(self, [self._answers(labels[column]) for column in self.columns])
        target.learn(target.truth(labels))
        return target

    def _answers(self, labels: pd.Series) -> list[Value]:
        """Return the values that mean no and yes."""
        _, values = distinct_values(labels)
        return sorted(
            values,
            key=lambda v: (self.yes is not None and str(v) == str(self.yes), isinstance(v, str), v),
        )

    def target_from_config(self, config: dict[str, Any]) -> MultiLabelTarget:
        """Rebuild a target from what `to_config` gave."""
        return MultiLabelTarget.from_config(self, config)


class MultiLabelTarget(SeveralTarget):
    """The two answers of every column; codes are 1 for yes, 0 for no.

    Attributes
    ----------
    answers : list of [no, yes]
        As the user wrote them, one pair a column.
    """

    def __init__(self, task: MultiLabel, answers: Sequence[Sequence[Value]]) -> None:
        super().__init__()
        self.task: MultiLabel = task
        self.answers = [list(pair) for pair in answers]
        self.n_outputs = len(task.columns)
        self.register_buffer("bias", torch.zeros(self.n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))

    def learn(self, truth: np.ndarray) -> None:
        """Fill the buffers from the answers of the training rows, (n, n_columns); both in every column."""
        weights = cell_weights(truth)
        shares = (weights * np.nan_to_num(truth)).sum(axis=0) / weights.sum(axis=0)
        entropies = -(shares * np.log(shares) + (1 - shares) * np.log(1 - shares))
        self.bias.copy_(torch.from_numpy(logit(shares)))
        trivial = float((weights.sum(axis=0) * entropies).sum() / weights.sum())
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return 1 for yes and 0 for no, float32 (n_samples, n_columns); NaN where nobody knows."""
        return self.truth(labels).astype(np.float32)

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return 1 for yes and 0 for no, float64 (n_samples, n_columns); NaN where nobody knows.

        Raises
        ------
        DataError
            If a column holds another value than the two of training.
        """
        pairs = zip(self.task.columns, self.answers, strict=True)
        return np.stack(
            [self._column(labels[column], column, answers) for column, answers in pairs], axis=1
        )

    def _column(self, labels: pd.Series, column: str, answers: list[Value]) -> np.ndarray:
        positions, values = distinct_values(labels)
        # A second table may have read 0 and 1 as text, or a configuration file may write them so.
        codes = [_place(value, answers) for value in values]
        if strange := [value for value, code in zip(values, codes, strict=True) if code is None]:
            raise DataError(
                f"`{self.task.name}`: `{column}` must hold {answers[0]!r} or {answers[1]!r}; got {shorten(strange)}. "
                "Blank what nobody knows."
            )
        return np.array([*codes, np.nan], dtype=np.float64)[positions]

    def cells(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the binary cross-entropy of every label."""
        return F.binary_cross_entropy_with_logits(output, codes, reduction="none")

    def decoded_cells(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the log-loss of every label, from the probabilities of yes."""
        return np.where(truth == 1, -np.log(clipped(decoded)), -np.log(clipped(1 - decoded)))

    def forward(self, output: Tensor) -> Tensor:
        """Return the probability of yes for every label, (batch, n_columns)."""
        return output.sigmoid()

    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return a column for every label, in the user's own values."""
        said = (decoded > 0.5).astype(int)
        pairs = zip(self.task.columns, self.answers, said.T, strict=True)
        return pd.DataFrame(
            {column: pd.Series(answers).iloc[which].array for column, answers, which in pairs}
        )

    def probabilities(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return the probability of yes, a column a label."""
        return pd.DataFrame(decoded, columns=pd.Index(self.task.columns))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of `figures`."""
        return MULTI_LABEL

    def figures(self, truth: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
        """Compare probabilities with answers."""
        return multi_label_metrics(truth, decoded)

    def to_config(self) -> dict[str, Any]:
        """Return the answers as plain JSON values."""
        return {"answers": self.answers}

    @classmethod
    def from_config(cls, task: Task, config: dict[str, Any]) -> MultiLabelTarget:
        """Rebuild the target from its answers; the buffers are filled by ``load_state_dict``."""
        assert isinstance(task, MultiLabel)
        return cls(task, config["answers"])


def _place(value: Value, answers: list[Value]) -> float | None:
    """Return 0 for no, 1 for yes, None for neither."""
    for code, answer in enumerate(answers):
        if value == answer or str(value) == str(answer):
            return float(code)
    return None
