"""Linear heads on vectors: a ridge or logistic regression per task; fast, and a strong baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import torch

from multitide._torch_defaults import torch_defaults
from multitide.backbones._linear import STRENGTHS
from multitide.errors import DataError, ParameterError
from multitide.representations._line import Line, Scales, check_solvable, lines
from multitide.tasks import Target, Task, label_names, resolve_tasks

# Fraction of the labelled rows that choose the strength if there is no validation set.
CHOOSING_FRACTION = 0.2


class LinearHeads:
    """Linear heads on vectors: a ridge regression for numbers, a logistic regression for classes.

    Vectors are standardised by the training rows; missing entries are replaced by the mean. The
    head of each task is fitted to the labelled rows of that task. The strength of its L2 penalty is
    the one with the smallest loss on validation rows. A head minimises the squared error or the
    (class-weighted) cross-entropy; the loss of the task chooses the strength.

    Parameters
    ----------
    tasks : sequence of str or Task, optional
        As in :class:`multitide.MultiTaskEstimator`.
    strengths : sequence of float
        Candidates, above 0, in units of the mean squared length of the vectors.
    random_state : int, default=0
        Seed for drawing validation rows if none are given.

    Attributes
    ----------
    tasks_ : list of Task
        The tasks with their kinds.
    targets_ : dict of str to Target
        The fitted target of each task.
    strengths_ : dict of str to float
        The chosen strength of each task.
    """

    def __init__(
        self,
        tasks: Sequence[str | Task] | None = None,
        *,
        strengths: Sequence[float] = STRENGTHS,
        random_state: int = 0,
    ) -> None:
        self.tasks = tasks
        self.strengths = strengths
        self.random_state = random_state

    @torch_defaults()
    def fit(
        self,
        vectors: np.ndarray,
        y: pd.DataFrame,
        *,
        validation: tuple[np.ndarray, pd.DataFrame] | None = None,
    ) -> Self:
        """Fit the head of each task to the rows that have its label.

        Parameters
        ----------
        vectors : ndarray, shape (n_samples, n_features)
            Training vectors. Use NaN for missing entries.
        y : DataFrame, n_samples rows
            One column per task.
        validation : (vectors, y), optional
            Rows that choose the strengths. By default, a random fifth of the labelled rows of each
            task chooses, and the head is then fitted to all of them. Pass validation rows if rows
            resemble each other, as windows do.

        Raises
        ------
        ParameterError
            If a strength is not above 0.
        DataError
            If the labels or the shapes are invalid.
        """
        if not len(self.strengths) or not np.greater(self.strengths, 0).all():
            raise ParameterError(
                f"`strengths` must be numbers above 0; got {self.strengths!r}."
            )
        vectors, y = _check_vectors(vectors), _check_labels(y, len(vectors))
        self.tasks_ = resolve_tasks(self.tasks, y)
        self.targets_: dict[str, Target] = {}
        for task in self.tasks_:
            self.targets_[task.name] = task.fit_target(y[task.columns])
        check_solvable(self.targets_.values())
        self._scales = Scales.of(vectors)
        scaled = self._scales(vectors)
        if validation is not None:
            more = self._scales(_check_vectors(validation[0]))
            validation = more, _check_labels(validation[1], len(more))
        self.strengths_: dict[str, float] = {}
        self._lines: dict[str, Line] = {}
        for name, target in self.targets_.items():
            columns = target.task.columns
            held_out = _validation_of(target, validation)
            self.strengths_[name], self._lines[name] = choose_line(
                target, scaled, y[columns], held_out, self.strengths, self.random_state
            )
        return self

    def predict(self, vectors: np.ndarray) -> pd.DataFrame:
        """Return one column per task, in the user's own values."""
        decoded = self.decode(vectors)
        columns = []
        for name, values in decoded.items():
            columns.append(self.targets_[name].to_frame(values))
        return pd.concat(columns, axis=1)

    def predict_proba(self, vectors: np.ndarray) -> dict[str, pd.DataFrame]:
        """Return the class probabilities of each classification, shape (n_samples, n_classes)."""
        tables = {}
        for name, values in self.decode(vectors).items():
            probabilities = self.targets_[name].probabilities(values)
            if probabilities is not None:
                tables[name] = probabilities
        return tables

    def evaluate(self, vectors: np.ndarray, y: pd.DataFrame) -> pd.DataFrame:
        """Return the metrics of each task on its labelled rows.

        The table is that of :meth:`multitide.MultiTaskEstimator.evaluate`.
        """
        y = _check_labels(y, len(vectors))
        columns = label_names(self.tasks_)
        missing = []
        for column in columns:
            if column not in y:
                missing.append(column)
        if missing:
            raise DataError(
                "`y` must have a column for every task; "
                f"{missing} are missing from {list(y)}."
            )
        decoded = self.decode(vectors)
        tables = []
        for task in self.tasks_:
            table = self.targets_[task.name].metrics(
                y[task.columns], decoded[task.name]
            )
            table.insert(0, "task", task.name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def decode(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """Return the decoded predictions of each task.

        They are numbers in the units of the user, (n_samples,), or probabilities, (n_samples,
        n_classes).
        """
        if not hasattr(self, "_lines"):
            raise ParameterError("`fit` must be called before heads can predict.")
        scaled = self._scales(_check_vectors(vectors))
        decoded = {}
        for name, line in self._lines.items():
            decoded[name] = line.decode(scaled, self.targets_[name])
        return decoded


def choose_line(
    target: Target,
    vectors: np.ndarray,
    labels: pd.DataFrame,
    validation: tuple[np.ndarray, pd.DataFrame] | None,
    strengths: Sequence[float],
    random_state: int,
) -> tuple[float, Line]:
    """Return the strength with the smallest loss on validation rows, and its head.

    Parameters
    ----------
    target : Target
        The fitted target of the task.
    vectors : ndarray of float64, shape (n, n_features)
        Standardised.
    labels : DataFrame, n rows
        The columns of the task.
    validation : (vectors, labels) or None
        If it is None or has no labels, a random fifth of the labelled rows chooses, and the head is
        then fitted to all of them.
    strengths, random_state
        As in :class:`LinearHeads`. A single strength is not compared: its head is fitted to all
        rows.
    """
    codes, rows = labelled_rows(target, labels)
    strengths = sorted(strengths, reverse=True)
    if len(strengths) == 1:
        return strengths[0], next(lines(vectors[rows], codes[rows], target, strengths))
    choice = split_for_choice(target, vectors, labels, rows, validation, random_state)
    fitted = list(
        lines(vectors[choice.fit_rows], codes[choice.fit_rows], target, strengths)
    )
    losses = []
    for line in fitted:
        decoded = line.decode(choice.vectors, target)
        losses.append(np.mean(target.row_losses(choice.labels, decoded)))
    best = int(np.argmin(losses))
    if choice.all_rows:
        return strengths[best], fitted[best]
    return strengths[best], next(
        lines(vectors[rows], codes[rows], target, [strengths[best]])
    )


class RowsForChoice(NamedTuple):
    """Rows to fit the candidates to, and labelled vectors that choose among them."""

    fit_rows: np.ndarray
    vectors: np.ndarray
    labels: pd.DataFrame
    all_rows: bool
    """Whether the candidates are fitted to all labelled rows."""


def split_for_choice(
    target: Target,
    vectors: np.ndarray,
    labels: pd.DataFrame,
    rows: np.ndarray,
    validation: tuple[np.ndarray, pd.DataFrame] | None,
    random_state: int,
) -> RowsForChoice:
    """Return the rows that candidates are fitted to, and those that choose among them."""
    if validation is not None:
        _, valid = labelled_rows(target, validation[1])
        if len(valid):
            chosen = validation[1].iloc[valid].reset_index(drop=True)
            return RowsForChoice(rows, validation[0][valid], chosen, True)
    order = np.random.default_rng(random_state).permutation(rows)
    n_choosing = max(1, round(CHOOSING_FRACTION * len(order)))
    choosing, fit_rows = order[:n_choosing], order[n_choosing:]
    chosen = labels.iloc[choosing].reset_index(drop=True)
    return RowsForChoice(fit_rows, vectors[choosing], chosen, False)


def _validation_of(
    target: Target, validation: tuple[np.ndarray, pd.DataFrame] | None
) -> tuple[np.ndarray, pd.DataFrame] | None:
    """Return the validation rows with the columns of one task, which must have labels."""
    if validation is None:
        return None
    vectors, y = validation
    labels = y[target.task.columns]
    if not len(labelled_rows(target, labels)[1]):
        raise DataError(
            f"Task {target.task.name!r} must have labels for validation; got none."
        )
    return vectors, labels


def labelled_rows(
    target: Target, labels: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return the encoded labels of all rows, and the positions of the rows that have one."""
    codes = target.encode(labels)
    return codes, np.flatnonzero(target.measured(torch.from_numpy(codes)).numpy())


def _check_vectors(vectors: object) -> np.ndarray:
    """Return vectors as float64, or refuse them."""
    checked = np.asarray(vectors, dtype=np.float64)
    problem = f"shape {checked.shape}"
    if np.isinf(checked).any():
        problem += ", with infinite values"
    elif checked.ndim == 2 and 0 not in checked.shape:
        return checked
    raise DataError(
        "`vectors` must be finite or NaN, "
        "of shape (n_samples, n_features); "
        f"got {problem}."
    )


def _check_labels(y: object, n_rows: int) -> pd.DataFrame:
    """Return labels with a RangeIndex, or refuse them."""
    labels = pd.DataFrame(y).reset_index(drop=True)
    if len(labels) != n_rows:
        raise DataError(
            "`y` must have one row per vector; "
            f"got {len(labels)} rows for {n_rows} vectors."
        )
    return labels
