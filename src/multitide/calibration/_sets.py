"""Sets of classes: the most probable ones, until their probability suffices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from multitide.calibration._conformity import Conformity
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._multi_label import MultiLabelTarget

# Each class beyond so many makes a set less likely to have it, by so much probability.
FREE_CLASSES, PENALTY = 5, 0.01


class ClassSets(Conformity[ClassificationTarget]):
    """Adaptive prediction sets (Romano et al. 2020 [1]_), regularised (Angelopoulos et al. 2021).

    The score of a class is the probability of all classes that are more probable, so that the most
    probable class is in every set. With more than `FREE_CLASSES` classes, a penalty for each
    further one keeps sets small [2]_.

    References
    ----------
    .. [1] Romano, Sesia and Candes, "Classification with valid and adaptive coverage", NeurIPS
       2020. https://arxiv.org/abs/2006.02544
    .. [2] Angelopoulos, Bates, Malik and Jordan, "Uncertainty sets for image classifiers using
       conformal prediction", ICLR 2021. https://arxiv.org/abs/2009.14193
    """

    def scores(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the scores of the true classes; infinite if training has not seen the class."""
        found = np.full(len(truth), np.inf)
        known = truth < self.target.n_outputs
        of_classes = scores_of_classes(decoded)
        found[known] = of_classes[known, truth[known]]
        return found[:, None]

    def members(self, decoded: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return which classes are in the set, bool (n_rows, n_classes)."""
        inside: np.ndarray = scores_of_classes(decoded) <= quantiles
        return inside

    def table(self, decoded: np.ndarray, quantiles: np.ndarray) -> pd.DataFrame:
        """Return the column ``TASK_set`` of tuples of classes, the most probable class first."""
        inside = self.members(decoded, quantiles)
        order = np.argsort(-decoded, axis=1, kind="stable")
        sets = []
        for row, classes in zip(inside, order, strict=True):
            sets.append(_chosen(self.target.classes, classes[row[classes]]))
        return pd.DataFrame({f"{self.target.task.name}_set": _column(sets)})

    def widths(self, decoded: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return the numbers of classes."""
        sizes: np.ndarray = self.members(decoded, quantiles).sum(axis=1)
        return sizes[:, None].astype(np.float64)


class LabelSets(Conformity[MultiLabelTarget]):
    """Sets of yes, no or both, for each label; see :class:`ClassSets`."""

    def scores(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return 0 where the more probable answer is right, and otherwise its probability."""
        wrong = (decoded > 0.5) != (truth == 1)
        found = np.where(wrong, np.maximum(decoded, 1 - decoded), 0.0)
        return np.where(np.isnan(truth), np.nan, found)

    def both(self, decoded: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return which sets have both answers, bool (n_rows, n_labels)."""
        doubtful: np.ndarray = np.maximum(decoded, 1 - decoded) <= quantiles
        return doubtful

    def table(self, decoded: np.ndarray, quantiles: np.ndarray) -> pd.DataFrame:
        """Return a column ``LABEL_set`` of tuples per label, the more probable answer first."""
        both = self.both(decoded, quantiles)
        columns = {}
        for i, (name, answers) in enumerate(
            zip(self.columns, self.target.answers, strict=True)
        ):
            sets = []
            for doubtful, yes in zip(both[:, i], decoded[:, i] > 0.5, strict=True):
                likely, other = int(yes), int(not yes)
                places = [likely, other] if doubtful else [likely]
                sets.append(_chosen(answers, places))
            columns[f"{name}_set"] = _column(sets)
        return pd.DataFrame(columns)

    def widths(self, decoded: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return 1 or 2."""
        sizes: np.ndarray = 1.0 + self.both(decoded, quantiles)
        return sizes


def scores_of_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the score of every class, float64 (n_rows, n_classes)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities.astype(np.float64), order, axis=1)
    before = np.cumsum(ordered, axis=1) - ordered
    before[:, 0] = 0.0
    rank = np.arange(probabilities.shape[1])
    before += PENALTY * np.maximum(0, rank - FREE_CLASSES + 1)
    found = np.empty_like(before)
    np.put_along_axis(found, order, before, axis=1)
    return found


def _chosen(
    values: Sequence[object], places: Sequence[int] | np.ndarray
) -> tuple[object, ...]:
    return tuple(values[place] for place in places)


def _column(sets: Sequence[tuple[object, ...]]) -> pd.Series:
    """Return tuples as a column; pandas would make rows of them."""
    column = pd.Series(index=range(len(sets)), dtype="object")
    column[:] = sets
    return column
