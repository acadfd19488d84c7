"""Linear heads on vectors: a ridge or logistic regression per task; fast, and a strong baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from multitide._torch_defaults import torch_defaults
from multitide._weighted_mean import weighted_mean
from multitide.backbones._linear import STRENGTHS
from multitide.errors import DataError, ParameterError
from multitide.representations._line import Line, Scales, check_solvable, lines
from multitide.representations._vectors import OfTask, Vectors
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
        validation: tuple[np.ndarray, pd.DataFrame] | Vectors | None = None,
        weights: pd.DataFrame | None = None,
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
        weights : DataFrame, n_samples rows, optional
            How much each row counts, with a column per task; above 0 where it has a label.

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
            own = None
            if weights is not None and task.name in weights:
                own = weights[task.name].to_numpy()
            self.targets_[task.name] = task.fit_target(y[task.columns], own)
        check_solvable(self.targets_.values())
        self._scales = Scales.of(vectors)
        training = Vectors(self._scales(vectors), y, weights)
        held_out = None
        if validation is not None:
            more = self._scales(_check_vectors(validation[0]))
            labels = _check_labels(validation[1], len(more))
            held_out = Vectors(more, labels, *validation[2:])
        self.strengths_: dict[str, float] = {}
        self._lines: dict[str, Line] = {}
        for name, target in self.targets_.items():
            _check_labelled(target, held_out)
            self.strengths_[name], self._lines[name] = choose_line(
                target, training, held_out, self.strengths, self.random_state
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
    training: Vectors,
    validation: Vectors | None,
    strengths: Sequence[float],
    random_state: int,
) -> tuple[float, Line]:
    """Return the strength with the smallest loss on validation rows, and its head.

    Parameters
    ----------
    target : Target
        The fitted target of the task.
    training : Vectors
        Standardised.
    validation : Vectors or None
        If it is None or has no labels, a random fifth of the labelled rows chooses, and the head is
        then fitted to all of them.
    strengths, random_state
        As in :class:`LinearHeads`. A single strength is not compared: its head is fitted to all
        rows.
    """
    strengths = sorted(strengths, reverse=True)
    own = training.of(target)
    if len(strengths) == 1:
        return strengths[0], next(fitted_lines(own.labelled, target, strengths))
    choice = split_for_choice(target, own, validation, random_state)
    fitted = list(fitted_lines(choice.fit_rows, target, strengths))
    losses = [choice.loss(line, target) for line in fitted]
    best = int(np.argmin(losses))
    if choice.all_rows:
        return strengths[best], fitted[best]
    return strengths[best], next(fitted_lines(own.labelled, target, [strengths[best]]))


def fitted_lines(
    rows: OfTask, target: Target, strengths: Sequence[float]
) -> Iterator[Line]:
    """Yield the heads of labelled rows; see :func:`lines`."""
    return lines(rows.vectors, rows.codes, target, strengths, rows.weights)


class RowsForChoice(NamedTuple):
    """Labelled rows to fit the candidates to, and those that choose among them."""

    fit_rows: OfTask
    judges: OfTask
    all_rows: bool
    """Whether the candidates are fitted to all labelled rows."""

    def loss(self, line: Line, target: Target) -> float:
        """Return the mean loss of a head on the rows that choose."""
        decoded = line.decode(self.judges.vectors, target)
        losses = target.row_losses(self.judges.labels, decoded)
        return weighted_mean(losses, self.judges.weights)


def split_for_choice(
    target: Target, own: OfTask, validation: Vectors | None, random_state: int
) -> RowsForChoice:
    """Return the rows that candidates are fitted to, and those that choose among them."""
    if validation is not None:
        judges = validation.of(target)
        if len(judges.known):
            return RowsForChoice(own.labelled, judges.labelled, True)
    order = np.random.default_rng(random_state).permutation(own.known)
    n_choosing = max(1, round(CHOOSING_FRACTION * len(order)))
    choosing, fit_rows = order[:n_choosing], order[n_choosing:]
    return RowsForChoice(own.rows(fit_rows), own.rows(choosing), False)


def _check_labelled(target: Target, validation: Vectors | None) -> None:
    """Raise if there are validation rows, but none with a label of a task."""
    if validation is not None and not len(validation.of(target).known):
        raise DataError(
            f"Task {target.task.name!r} must have labels for validation; got none."
        )


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
