"""The conformity of each kind of task."""

from __future__ import annotations

from typing import Any

from multitide.calibration._conformity import Conformity
from multitide.calibration._intervals import MovedQuantiles, Residuals
from multitide.calibration._sets import ClassSets, LabelSets
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._forecast import ForecastTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._regression import RegressionTarget
from multitide.tasks._task import Target


def conformity_of(target: Target) -> Conformity[Any] | None:
    """Return how intervals or sets of a task are made; None for kinds that have none."""
    if isinstance(target, ClassificationTarget):
        return ClassSets(target)
    if isinstance(target, MultiLabelTarget):
        return LabelSets(target)
    if isinstance(target, ForecastTarget):
        return Residuals(target)
    if isinstance(target, RegressionTarget):
        if target.n_outputs > 1:
            return MovedQuantiles(target)
        return Residuals(target)
    return None
