"""Tasks: what a model predicts, each with its kind, loss and metrics."""

from __future__ import annotations

from multitide.tasks._classification import Classification, ClassificationTarget
from multitide.tasks._describe_tasks import describe_tasks
from multitide.tasks._forecast import Forecast, ForecastTarget
from multitide.tasks._kinds import Auto, infer_kind
from multitide.tasks._label_names import label_names, labelled, task_names
from multitide.tasks._multi_label import MultiLabel, MultiLabelTarget
from multitide.tasks._own_metric import Metric
from multitide.tasks._registry import TASKS
from multitide.tasks._regression import Regression, RegressionTarget
from multitide.tasks._resolve_tasks import infer_tasks, resolve_tasks
from multitide.tasks._survival import Survival, SurvivalTarget
from multitide.tasks._task import Target, Task
from multitide.tasks._task_config import task_from_config, task_to_config

__all__ = [
    "TASKS",
    "Auto",
    "Classification",
    "ClassificationTarget",
    "Forecast",
    "ForecastTarget",
    "Metric",
    "MultiLabel",
    "MultiLabelTarget",
    "Regression",
    "RegressionTarget",
    "Survival",
    "SurvivalTarget",
    "Target",
    "Task",
    "describe_tasks",
    "infer_kind",
    "infer_tasks",
    "label_names",
    "labelled",
    "resolve_tasks",
    "task_from_config",
    "task_names",
    "task_to_config",
]
