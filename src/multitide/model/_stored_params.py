"""The constructor parameters of an estimator as plain JSON values, and back."""

from __future__ import annotations

from typing import Any

from multitide._registries import part_to_config
from multitide.data._splits import Splitter
from multitide.fitting._recipe import (
    PART_PARAMETERS,
    make_part,
    replace_representation,
)
from multitide.tasks import task_from_config, task_to_config


def param_to_json(name: str, value: Any) -> Any:  # any value that JSON can hold
    """Return a constructor parameter as plain JSON values."""
    if name == "tasks" and value is not None:
        found = []
        for task in value:
            found.append(task if isinstance(task, str) else task_to_config(task))
        return found
    if isinstance(value, Splitter):
        return value.get_params()
    if name == "inputs" and value is not None:
        value = replace_representation(
            value, None
        )  # the representation has its own file
    if name in PART_PARAMETERS and value is not None:
        return part_to_config(PART_PARAMETERS[name], value)
    return value


def param_from_json(name: str, value: Any) -> Any:  # any value that JSON can hold
    """Return a constructor parameter from plain JSON values."""
    if name == "tasks" and value is not None:
        found = []
        for task in value:
            found.append(task if isinstance(task, str) else task_from_config(task))
        return found
    if name == "validation" and isinstance(value, dict):
        return Splitter(**value)
    if name in PART_PARAMETERS and value is not None:
        return make_part(name, value)
    return value
