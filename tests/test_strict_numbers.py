"""What a field of numbers takes, for every kind of part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field

from multitide._part import Part
from refusals import refused


@dataclass
class Numbers(Part):
    """One field of every kind that parts have."""

    count: Annotated[int, Field(ge=1)] = 1
    rate: Annotated[float, Field(gt=0)] = 0.1
    word_or_count: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    word_or_rate: str | float = "a"
    counts: tuple[int, ...] = ()
    rates: dict[str, float] | None = None
    switch: bool = False


@pytest.mark.parametrize(
    "values",
    [
        {"count": 3},
        {"count": np.int64(3)},
        {"count": np.uint8(3)},
        {"rate": 1},
        {"rate": np.float32(0.5)},
        {"rate": np.float64(0.5)},
        {"rate": np.int16(2)},
        {"word_or_count": "auto"},
        {"word_or_count": np.int32(2)},
        {"word_or_rate": "any word"},
        {"word_or_rate": 0.5},
        {"counts": (1, np.int64(2))},
        {"counts": [1, 2]},
        {"rates": {"a": np.float32(1)}},
        {"switch": True},
    ],
)
def test_numbers_of_any_library_are_taken(values: dict[str, object]) -> None:
    Numbers(**values).check("part")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("switch", 1),
        ("switch", 0.0),
        ("switch", "yes"),
        ("count", True),
        ("count", np.True_),
        ("count", 2.0),
        ("count", np.float32(2)),
        ("count", "2"),
        ("count", 0),
        ("rate", False),
        ("rate", True),
        ("rate", "0.5"),
        ("rate", float("inf")),
        ("rate", float("nan")),
        ("rate", np.float32("inf")),
        ("word_or_count", True),
        ("word_or_count", "2"),
        ("word_or_count", 2.0),
        ("word_or_rate", True),
        ("word_or_rate", float("inf")),
        ("counts", (1, True)),
        ("counts", (1, "2")),
        ("rates", {"a": True}),
        ("rates", {"a": float("nan")}),
    ],
)
def test_what_is_no_number_is_refused(field: str, value: object) -> None:
    shown = value
    if isinstance(value, tuple):
        shown = value[1]
    elif isinstance(value, dict):
        shown = value["a"]
    if isinstance(shown, np.generic):
        shown = shown.item()
    with refused(f"`part.{field}", repr(shown), "must be"):
        Numbers(**{field: value}).check("part")  # type: ignore[arg-type]
