"""The constructor parameters of an estimator as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from multitide._registries import part_to_config
from multitide.data._splitter import Splitter
from multitide.fitting._recipe import (
    AUTO,
    PART_PARAMETERS,
    is_auto,
    make_part,
    replace_representation,
)
from multitide.tasks import Task, task_from_config, task_to_config


def param_to_json(name: str, value: object) -> object:
    """Return a constructor parameter as plain JSON values."""
    if value is None:
        return None
    if name == "tasks":
        return _tasks_to_json(cast("Sequence[str | Task]", value))
    if isinstance(value, Splitter):
        return value.get_params()
    if name == "inputs":
        # The representation has its own file.
        value = replace_representation(value, None)
    if name == "backbone" and is_auto(value):
        return AUTO
    if name in PART_PARAMETERS:
        return part_to_config(PART_PARAMETERS[name], value)
    return value


def param_from_json(name: str, value: object) -> object:
    """Return a constructor parameter from plain JSON values."""
    if value is None:
        return None
    if name == "tasks":
        return _tasks_from_json(cast("list[str | dict[str, object]]", value))
    if name == "validation" and isinstance(value, dict):
        return Splitter(**value)
    if name == "backbone" and is_auto(value):
        return AUTO
    if name in PART_PARAMETERS:
        return make_part(name, value)
    return value


def _tasks_to_json(tasks: Sequence[str | Task]) -> list[object]:
    values: list[object] = []
    for task in tasks:
        if isinstance(task, Task):
            values.append(task_to_config(task))
        else:
            values.append(task)
    return values


def _tasks_from_json(values: Sequence[str | dict[str, object]]) -> list[object]:
    tasks: list[object] = []
    for value in values:
        if isinstance(value, dict):
            tasks.append(task_from_config(value))
        else:
            tasks.append(value)
    return tasks
