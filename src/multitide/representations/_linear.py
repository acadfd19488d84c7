"""Linear heads on vectors: ridge regression and logistic regression, one a task; fast, and hard to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from multitide.backbones._linear import STRENGTHS
from multitide.errors import DataError, ParameterError
from multitide.representations._line import Line, Scales, check_solvable, lines
from multitide.tasks import Target, Task, resolve_tasks

SHARE = 0.2  # of the labelled rows chooses where no validation rows are given


class LinearHeads:
    """A linear head a task on vectors: ridge for numbers, logistic regression for classes.

    Vectors are standardised by the training rows; entries that are missing become the mean. Each
    head learns from its task's labelled rows, and its L2 penalty has the strength whose loss on
    validation rows is least. A head minimises the squared error or the (class-weighted)
    cross-entropy; the task's own loss chooses the strength.

    Parameters
    ----------
    tasks : sequence of str or Task, optional
        As in :class:`multitide.MultiTaskEstimator`.
    strengths : sequence of float
        Candidates, above 0, in units of the vectors' mean squared length.
    random_state : int, default=0
        Draws the validation rows if none are given.

    Attributes
    ----------
    tasks_ : list of Task
        The tasks with their kinds.
    targets_ : dict of str to Target
        What the training labels say of each task.
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
        self.tasks, self.strengths, self.random_state = tasks, strengths, random_state

    def fit(
        self,
        vectors: np.ndarray,
        y: pd.DataFrame,
        *,
        validation: tuple[np.ndarray, pd.DataFrame] | None = None,
    ) -> Self:
        """Learn every task from the rows that have its label.

        Parameters
        ----------
        vectors : ndarray, shape (n_samples, n_features)
            Training vectors; NaN where an entry is missing.
        y : DataFrame, n_samples rows
            One column a task.
        validation : (vectors, y), optional
            Chooses the strengths. Else a random fifth of each task's labelled rows does, and the
            head learns again from all of them; give validation rows where rows resemble each other,
            as windows do.

        Raises
        ------
        ParameterError
            If a strength is not above 0.
        DataError
            With what is wrong with the labels or the shapes.
        """
        if not len(self.strengths) or not all(strength > 0 for strength in self.strengths):
            raise ParameterError(f"`strengths` must be numbers above 0; got {self.strengths!r}.")
        vectors, y = _checked(vectors, y)
        self.tasks_ = resolve_tasks(self.tasks, y)
        self.targets_ = {task.name: task.fit_target(y[task.columns]) for task in self.tasks_}
        check_solvable(self.targets_.values())
        self._scales = Scales.of(vectors)
        scaled = self._scales(vectors)
        given = None
        if validation is not None:
            more, labels = _checked(*validation)
            given = self._scales(more), labels
        chosen = {}
        for name, target in self.targets_.items():
            columns = target.task.columns
            held_out = None if given is None else (given[0], given[1][columns])
            if held_out is not None and not len(_labelled(target, held_out[1])[1]):
                raise DataError(f"Task {name!r} must have labels for validation; got none.")
            chosen[name] = choose_line(
                target, scaled, y[columns], held_out, self.strengths, self.random_state
            )
        self.strengths_ = {name: strength for name, (strength, _) in chosen.items()}
        self._lines = {name: line for name, (_, line) in chosen.items()}
        return self

    def predict(self, vectors: np.ndarray) -> pd.DataFrame:
        """Answer every task for every vector: one column a task, in the user's own values."""
        decoded = self.decode(vectors)
        return pd.concat(
            [self.targets_[name].to_frame(values) for name, values in decoded.items()], axis=1
        )

    def predict_proba(self, vectors: np.ndarray) -> dict[str, pd.DataFrame]:
        """Return the class probabilities of every classification task, one DataFrame (n_samples, n_classes) a task."""
        found = {
            name: self.targets_[name].probabilities(values)
            for name, values in self.decode(vectors).items()
        }
        return {name: frame for name, frame in found.items() if frame is not None}

    def evaluate(self, vectors: np.ndarray, y: pd.DataFrame) -> pd.DataFrame:
        """Measure every task on its labelled rows: the table of :meth:`multitide.MultiTaskEstimator.evaluate`."""
        y = _checked(vectors, y)[1]
        if missing := [
            column for task in self.tasks_ for column in task.columns if column not in y
        ]:
            raise DataError(
                f"`y` must have a column for every task; {missing} are missing from {list(y)}."
            )
        decoded = self.decode(vectors)
        tables = []
        for task in self.tasks_:
            table = self.targets_[task.name].metrics(y[task.columns], decoded[task.name])
            table.insert(0, "task", task.name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def decode(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """Return each task's numbers (n_samples,) in the user's units, or probabilities (n_samples, n_classes)."""
        if not hasattr(self, "_lines"):
            raise ParameterError("`fit` must be called before heads can answer.")
        scaled = self._scales(_checked(vectors)[0])
        return {
            name: line.decode(scaled, self.targets_[name]) for name, line in self._lines.items()
        }


def choose_line(
    target: Target,
    vectors: np.ndarray,
    labels: pd.DataFrame,
    validation: tuple[np.ndarray, pd.DataFrame] | None,
    strengths: Sequence[float],
    random_state: int,
) -> tuple[float, Line]:
    """Return the strength with the least loss on validation rows, and its head; of a single one, the head of all rows.

    Parameters
    ----------
    target : Target
        What the training labels say of the task.
    vectors : ndarray of float64, shape (n, n_features)
        Standardised.
    labels : DataFrame, n rows
        The task's columns.
    validation : (vectors, labels) or None
        None, or no label among them: a random fifth of the labelled rows chooses, and the head
        learns from all.
    strengths, random_state
        As in :class:`LinearHeads`.
    """
    codes, rows = _labelled(target, labels)
    valid = (
        np.array([], dtype=np.int64) if validation is None else _labelled(target, validation[1])[1]
    )
    if validation is not None and len(valid):
        learning, choosing = rows, (validation[0][valid], validation[1].iloc[valid])
    else:
        order = np.random.default_rng(random_state).permutation(rows)
        n_choosing = max(1, round(SHARE * len(order)))
        learning, choosing = (
            order[n_choosing:],
            (vectors[order[:n_choosing]], labels.iloc[order[:n_choosing]]),
        )
    strengths = sorted(strengths, reverse=True)
    if len(strengths) == 1:
        return strengths[0], next(lines(vectors[rows], codes[rows], target, strengths))
    known = choosing[1].reset_index(drop=True)
    found = list(lines(vectors[learning], codes[learning], target, strengths))
    losses = [np.mean(target.row_losses(known, line.decode(choosing[0], target))) for line in found]
    best = int(np.argmin(losses))
    if len(valid):
        return strengths[best], found[best]
    return strengths[best], next(lines(vectors[rows], codes[rows], target, [strengths[best]]))


def _labelled(target: Target, labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the encoded labels of all rows, and the numbers of those that have one."""
    codes = target.encode(labels)
    return codes, np.flatnonzero(target.measured(torch.from_numpy(codes)).numpy())


def _checked(vectors: Any, y: Any = None) -> tuple[np.ndarray, pd.DataFrame]:
    """Return vectors as float64 and labels with a RangeIndex, or refuse them."""
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or 0 in vectors.shape or np.isinf(vectors).any():
        raise DataError(
            f"`vectors` must be finite or NaN, of shape (n_samples, n_features); got shape {vectors.shape}"
            + (", with infinite values." if np.isinf(vectors).any() else ".")
        )
    labels = pd.DataFrame(y, index=None if y is not None else range(len(vectors))).reset_index(
        drop=True
    )
    if len(labels) != len(vectors):
        raise DataError(
            f"`y` must have one row a vector; got {len(labels)} rows for {len(vectors)} vectors."
        )
    return vectors, labels
