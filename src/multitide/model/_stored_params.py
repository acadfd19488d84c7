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
    if name == "tasks" and value is not None:
        tables: list[object] = []
        for task in cast("Sequence[str | Task]", value):
            tables.append(task if isinstance(task, str) else task_to_config(task))
        return tables
    if isinstance(value, Splitter):
        return value.get_params()
    if name == "inputs" and value is not None:
        # The representation has its own file.
        value = replace_representation(value, None)
    if name == "backbone" and is_auto(value):
        return AUTO
    if name in PART_PARAMETERS and value is not None:
        return part_to_config(PART_PARAMETERS[name], value)
    return value


def param_from_json(name: str, value: object) -> object:
    """Return a constructor parameter from plain JSON values."""
    if name == "tasks" and value is not None:
        tasks: list[object] = []
        for task in cast("list[str | dict[str, object]]", value):
            tasks.append(task if isinstance(task, str) else task_from_config(task))
        return tasks
    if name == "validation" and isinstance(value, dict):
        return Splitter(**value)
    if name == "backbone" and is_auto(value):
        return AUTO
    if name in PART_PARAMETERS and value is not None:
        return make_part(name, value)
    return value
