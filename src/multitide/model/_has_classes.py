"""What a fitted model says about its classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd

from multitide._require_fitted import require_fitted
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.fitting._data_sets import Data, Labels, SampleWeight, to_data_sets
from multitide.fitting._weighed import weighed_sets
from multitide.model._class_tables import class_table, confusion_matrix
from multitide.model._prediction import HasTargets
from multitide.tasks import ClassificationTarget, Target, Task
from multitide.training._decode_samples import Decoded

Tables: TypeAlias = "dict[str, pd.DataFrame]"  # by task


class HasClasses(ABC):
    """The part of a fitted model that is about classes."""

    tasks_: list[Task]
    targets_: HasTargets

    @property
    def classes_(self) -> dict[str, list[bool | int | float | str]]:
        """The classes of each classification task, as in ``y``."""
        require_fitted(self, "tasks_")
        targets = []
        for task in self.tasks_:
            targets.append(self.targets_.target(task.name))
        classes = {}
        for target in targets:
            if isinstance(target, ClassificationTarget):
                classes[target.task.name] = list(target.classes)
        return classes

    @property
    def positive_classes_(self) -> dict[str, bool | int | float | str]:
        """The positive class of each task with two classes, which its metrics are about."""
        require_fitted(self, "tasks_")
        positive = {}
        for task in self.tasks_:
            target = self.targets_.target(task.name)
            if isinstance(target, ClassificationTarget) and target.positive is not None:
                positive[task.name] = target.classes[target.positive]
        return positive

    def class_tables(
        self,
        X: Data,
        y: Labels = None,
        *,
        static: pd.DataFrame | None = None,
        sample_weight: SampleWeight = None,
    ) -> Tables | dict[str, Tables]:
        """Return precision, recall and F1 of every class, for each task with classes.

        Parameters
        ----------
        X, y, static, sample_weight
            As in :meth:`evaluate`.

        Returns
        -------
        dict of str to DataFrame
            By task, one row per class, or per label of a multi-label task: ``precision``,
            ``recall``, ``f1``, ``support`` (labelled rows of the class) and ``predicted`` (rows
            for which it was predicted). A dict by data set of such dicts if `X` is a dict.
        """
        return self._by_class(class_table, X, y, static, sample_weight)

    def confusion_matrices(
        self,
        X: Data,
        y: Labels = None,
        *,
        static: pd.DataFrame | None = None,
        sample_weight: SampleWeight = None,
    ) -> Tables | dict[str, Tables]:
        """Return how often each class was predicted for each true class, by task.

        Parameters
        ----------
        X, y, static, sample_weight
            As in :meth:`evaluate`. With weights, their sums are returned in place of counts.

        Returns
        -------
        dict of str to DataFrame
            By classification task, one row per true class, one column per predicted class.
            A dict by data set of such dicts if `X` is a dict.
        """
        return self._by_class(confusion_matrix, X, y, static, sample_weight)

    def _by_class(
        self,
        make: Callable[[Target, Samples, np.ndarray], pd.DataFrame | None],
        X: Data,
        y: Labels,
        static: pd.DataFrame | None,
        sample_weight: SampleWeight,
    ) -> Tables | dict[str, Tables]:
        require_fitted(self, "tasks_")
        given = to_data_sets(X, y, static=static, sample_weight=sample_weight)
        data_sets = weighed_sets(given, self.tasks_)
        found: dict[str, Tables] = {}
        for name, decoded in self.decode_data_sets(data_sets).items():
            found[name] = {}
            for task, values in decoded.items():
                table = make(self.targets_.target(task), data_sets[name], values)
                if table is not None:
                    found[name][task] = table
        # Without a name for it, mypy would infer a union within a union.
        result = data_sets.like_input(found)
        return result  # noqa: RET504

    @abstractmethod
    def decode_data_sets(self, data_sets: DataSets) -> dict[str, Decoded]:
        """Return each task's predictions as arrays, by data set."""
