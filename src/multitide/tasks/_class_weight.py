"""The weight of rows by their class, as a user writes it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import PlainValidator

from multitide.tasks._label_column import Value


def _check_class_weight(value: object) -> object:
    if value is None or value == "balanced":
        return value
    if isinstance(value, dict) and all(map(_is_weight, value.values())):
        return value
    raise ValueError(
        'None, "balanced" or a weight above 0 for some classes, e.g. {"leak": 5.0}'
    )


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value < float("inf")


# None, "balanced", or a weight for some classes.
ClassWeight: TypeAlias = Annotated[
    "str | dict[Value, float] | None", PlainValidator(_check_class_weight)
]
