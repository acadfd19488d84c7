"""Tasks: the questions that a model answers, each with its kind, loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from multitide._checks import check_choice
from multitide._part import annotation_problems
from multitide.errors import ParameterError
from multitide.tasks._classification import Classification, ClassificationTarget
from multitide.tasks._describe_tasks import describe_tasks
from multitide.tasks._forecast import Forecast, ForecastTarget
from multitide.tasks._kinds import Auto, infer_kind, infer_tasks, resolve_tasks
from multitide.tasks._multi_label import MultiLabel, MultiLabelTarget
from multitide.tasks._regression import Regression, RegressionTarget
from multitide.tasks._task import Target, Task, labelled

TASKS: dict[str, type[Task]] = {
    "classification": Classification,
    "regression": Regression,
    "multi_label": MultiLabel,
    "forecast": Forecast,
}

__all__ = [
    "TASKS",
    "Auto",
    "Classification",
    "ClassificationTarget",
    "Forecast",
    "ForecastTarget",
    "MultiLabel",
    "MultiLabelTarget",
    "Regression",
    "RegressionTarget",
    "Target",
    "Task",
    "describe_tasks",
    "infer_kind",
    "infer_tasks",
    "labelled",
    "resolve_tasks",
    "task_from_config",
    "task_to_config",
]


def task_from_config(config: Mapping[str, Any]) -> Task:
    """Read a task from a table of a configuration, ``{"name": "load", "kind": "regression", "loss": "mae"}``.

    Parameters
    ----------
    config : mapping
        ``name``; optional ``kind`` (an :class:`Auto` without it), and the parameters of that kind.

    Raises
    ------
    ParameterError
        With every problem found: no name, an unknown kind or parameter, a value out of range.
    """
    values = dict(config)
    kind = values.pop("kind", Auto.kind)
    name = f"tasks.{values.get('name', '?')}"
    check_choice(f"{name}.kind", kind, [*TASKS, Auto.kind])
    cls = TASKS.get(kind, Auto)
    problems = annotation_problems(cls, values, name)
    if kind == Auto.kind:
        problems += _needed_kinds(values, name)
    if problems:
        raise ParameterError("\n".join(problems))
    return cls(**values)


def _needed_kinds(values: Mapping[str, Any], name: str) -> list[str]:
    """Say which kinds a parameter belongs to that is given without one."""
    own = {field.name for field in fields(Auto)}
    belongs: dict[str, list[str]] = {}
    for kind, cls in TASKS.items():
        for field in fields(cls):
            if field.name not in own:
                belongs.setdefault(field.name, []).append(f'"{kind}"')
    return [
        f"`{name}.{key}` needs kind = {' or '.join(belongs[key])} beside it."
        for key in values
        if key in belongs
    ]


def task_to_config(task: Task) -> dict[str, Any]:
    """Write a task as plain values: its name, its kind unless that is read from the labels, and what is no default."""
    kind = {} if isinstance(task, Auto) else {"kind": task.kind}
    changed = {
        f.name: getattr(task, f.name) for f in fields(task) if getattr(task, f.name) != f.default
    }
    return {"name": task.name, **kind, **changed}
