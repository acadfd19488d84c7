"""Metrics beyond those of every task: some that are quoted, and those of the user."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import pandas as pd

from multitide._checks import a_kind, check_choice, one_of, suggest
from multitide.errors import DataError, ParameterError
from multitide.tasks._task import Target

# Endings of the names of functions of which, as in scikit-learn, the smaller value is better.
LOWER_IS_BETTER = ("_loss", "_error", "_deviance", "_cost")
# Any: a user's function.
Function: TypeAlias = "Callable[..., Any]"


@dataclass(frozen=True)
class Metric:
    """A metric of your own for ``evaluate(..., metrics=...)``.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred)`` returns a number, as the metrics of scikit-learn do. It gets
        the labelled rows, in the user's own values, and ``sample_weight`` if there are weights.
    name : str, optional
        Default: the name of the function.
    higher_is_better : bool, optional
        By default False if the name ends in "_loss", "_error", "_deviance" or "_cost".
    needs : {"prediction", "probability"}, default="prediction"
        What `y_pred` is. Probabilities are those of the second class of two, and otherwise
        (n_samples, n_classes).

    Examples
    --------
    >>> from sklearn.metrics import fbeta_score
    >>> def f2(y_true, y_pred):
    ...     return fbeta_score(y_true, y_pred, beta=2, pos_label="failing")
    >>> Metric(f2).name
    'f2'
    """

    function: Function
    name: str = ""
    higher_is_better: bool | None = None
    needs: Literal["prediction", "probability"] = "prediction"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ParameterError(
                "`metrics` must hold functions of (y_true, y_pred); "
                f"got {self.function!r}. Use, for instance, "
                "sklearn.metrics.accuracy_score."
            )
        check_choice("needs", self.needs, ("prediction", "probability"))
        name = self.name or getattr(self.function, "__name__", "")
        if not name or name == "<lambda>":
            raise ParameterError(
                f"`name` must be given for {self.function!r}. "
                "Use multitide.Metric(function, name=...)."
            )
        object.__setattr__(self, "name", name)
        if self.higher_is_better is None:
            better = not name.endswith(LOWER_IS_BETTER)
            object.__setattr__(self, "higher_is_better", better)

    def value(
        self,
        target: Target,
        written: np.ndarray,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> float:
        """Compute the metric on rows that have all labels; NaN without any row.

        Parameters
        ----------
        target : Target
        written : ndarray, n_samples rows
            Labels from :meth:`Target.written`.
        decoded : ndarray, n_samples rows
            Predictions as the target decodes them.
        weights : ndarray, shape (n_samples,), optional
            How much each row counts.

        Raises
        ------
        DataError
            If the function fails, or returns no number.
        """
        known = ~pd.DataFrame(written).isna().any(axis=1).to_numpy()
        if not known.any():
            return float("nan")
        options = {}
        if weights is not None and "sample_weight" in _parameters(self.function):
            options["sample_weight"] = weights[known]
        predicted = self._predicted(target, decoded[known])
        try:
            value = self.function(written[known], predicted, **options)
        except Exception as error:  # whatever a user's function raises
            raise DataError(
                f"{self._must} it fails with {type(error).__name__}: {error}"
            ) from error
        if not isinstance(value, Real):
            raise DataError(f"{self._must} it returns {a_kind(value)}.")
        return float(value)

    @property
    def _must(self) -> str:
        return (
            f"`metrics` must hold functions that return a number for (y_true, y_pred); "
            f"got {self.name!r}:"
        )

    def _predicted(self, target: Target, decoded: np.ndarray) -> np.ndarray:
        table = None
        if self.needs == "probability":
            table = target.probabilities(decoded)
            if table is None:
                raise DataError(
                    f"`metrics` of {target.task.name!r} must need predictions; "
                    f"got {self.name!r}, which needs probabilities of classes."
                )
            if target.task.kind == "classification" and table.shape[1] == 2:
                of_second: np.ndarray = table.iloc[:, 1].to_numpy()
                return of_second
        else:
            table = target.to_frame(decoded)
        values: np.ndarray = table.to_numpy()
        return values[:, 0] if values.shape[1] == 1 else values


# By task, the functions, or functions by name.
Metrics: TypeAlias = (
    "Mapping[str, Sequence[Function | Metric] | Mapping[str, Function | Metric]]"
)


def own_metrics(
    metrics: Metrics | None, tasks: Sequence[str]
) -> dict[str, list[Metric]]:
    """Return the user's metrics by task.

    Raises
    ------
    ParameterError
        If a task is unknown, or something is no function.
    """
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise ParameterError(
            "`metrics` must be a dict with a list of functions per task, such as "
            f"{{{tasks[0]!r}: [function]}}; got {a_kind(metrics)}."
        )
    found: dict[str, list[Metric]] = {}
    for task, given in metrics.items():
        if task not in tasks:
            raise ParameterError(
                f"`metrics` must have tasks as keys, {one_of(tasks)}; "
                f"got {task!r}.{suggest(str(task), tasks)}"
            )
        found[task] = _of_task(given)
    return found


def _of_task(given: object) -> list[Metric]:
    if isinstance(given, Mapping):
        named = []
        for name, function in given.items():
            if isinstance(function, Metric):
                named.append(replace(function, name=str(name)))
            else:
                named.append(Metric(function, name=str(name)))
        return named
    if not isinstance(given, Sequence) or isinstance(given, str):
        given = [given]
    metrics = []
    for each in given:
        if not isinstance(each, Metric):
            each = Metric(cast(Function, each))  # which refuses what is none
        metrics.append(each)
    return metrics


def _parameters(function: Function) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C
        return []
