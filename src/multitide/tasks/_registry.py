"""The kinds of task by name."""

from __future__ import annotations

from multitide.tasks._classification import Classification
from multitide.tasks._forecast import Forecast
from multitide.tasks._multi_label import MultiLabel
from multitide.tasks._regression import Regression
from multitide.tasks._survival import Survival
from multitide.tasks._task import Task

TASKS: dict[str, type[Task]] = {
    "classification": Classification,
    "regression": Regression,
    "multi_label": MultiLabel,
    "forecast": Forecast,
    "survival": Survival,
}
