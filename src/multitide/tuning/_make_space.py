"""Make the space of a search from the default ranges and those of a user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from multitide._checks import gathering, one_of, raise_problems, suggest
from multitide._part import annotation_problems
from multitide._registries import part_from_config
from multitide.errors import ParameterError
from multitide.fitting._recipe import PART_PARAMETERS, Recipe
from multitide.tuning._space import (
    BALANCING,
    FAMILIES,
    NUMBERS,
    TABLES,
    Between,
    Choices,
    Dimension,
    Range,
    Space,
)

WHERE = "tune.space"
SHARED_ONLY = (
    "sharing",
    "weighting",
    "aggregator",
)  # have no meaning for a single task

WIDTHS = [[32, 32, 32], [64, 64, 32], [128, 128, 16]]
DROPOUTS = [0.0, 0.1, 0.3]
RECURRENT = {"hidden_size": [32, 64, 128], "num_layers": [1, 2], "dropout": DROPOUTS}

# The default space, as `[tune.space]` of a configuration writes it. Expensive parts that seldom win
# are left out; a configuration can name them.
RANGES: dict[str, Any] = {
    "lr": {"low": 3e-4, "high": 3e-2, "log": True},
    "batch_size": [16, 32, 64, 128],
    "training": {"weight_decay": {"low": 1e-4, "high": 0.1, "log": True}},
    "backbone": {
        "lstm_fcn": {
            "filters": WIDTHS,
            "hidden_size": [16, 32, 64],
            "conv_dropout": DROPOUTS,
        },
        "fcn": {"filters": WIDTHS, "conv_dropout": DROPOUTS},
        "gru": RECURRENT,
        "cnn1d": {
            "output_channels": [32, 64],
            "hidden_channels": [16, 32, 64],
            "dropout": DROPOUTS,
        },
        "inception_time": {"n_filters": [8, 16, 32], "n_blocks": [1, 2]},
    },
    "sharing": {
        "hard": {"branch": [0, 1]},
        "none": {},
        "soft": {"strength": {"low": 1e-4, "high": 1.0, "log": True}},
        "cross_stitch": {},
    },
    "weighting": {"uniform": {}, "uncertainty": {}, "dwa": {}, "geometric_mean": {}},
    "aggregator": {"pcgrad": {}, "upgrad": {}},
}
# Parameters that the validation loss cannot choose, with the reason.
NOT_SEARCHED = {
    "keep": "each task's own best epoch always looks better on the set that it was chosen on",
    "training.refit": "a refit uses the validation set, so no set is left to measure it on",
    "tasks": "the losses of different tasks cannot be compared",
    "validation": "settings are chosen on the validation set",
    "random_state": "a lucky seed is not a setting",
    "device": "it changes the time and not the result",
    "verbose": "it changes nothing",
}


def make_space(overrides: Mapping[str, object] | None, n_tasks: int = 2) -> Space:
    """Make the space of the default ranges and a user's changes to them.

    Parameters
    ----------
    overrides : mapping, optional
        In the form of `RANGES`. A name replaces its default, and ``False`` leaves the parameter
        unchanged. A list of parts gives each its default ranges; a table gives each the ranges
        that it holds.
    n_tasks : int
        With a single task, sharing and weighting are left out.

    Raises
    ------
    ParameterError
        With everything that is wrong.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ParameterError(f"`{WHERE}` must be a table of ranges; got {overrides!r}.")
    given = dict(overrides or {})
    problems = _name_problems(given)
    dimensions: list[Dimension] = []
    for name, value in _with_defaults(given).items():
        if n_tasks == 1 and name in SHARED_ONLY:
            continue
        with gathering(problems):
            dimensions += _dimensions(name, value)
    raise_problems(problems)
    if not dimensions:
        raise ParameterError(
            f"`{WHERE}` must leave something to search; got {given!r}."
        )
    return Space(_joined(dimensions))


def _name_problems(overrides: Mapping[str, object]) -> list[str]:
    known = [*NUMBERS, *TABLES, *FAMILIES]
    problems = []
    for name in overrides:
        if name in NOT_SEARCHED:
            problems.append(f"`{WHERE}.{name}` must be left out: {NOT_SEARCHED[name]}.")
        elif name not in known:
            hint = suggest(name, known)
            problems.append(f"`{WHERE}` must hold {one_of(known)}; got {name!r}.{hint}")
    return problems


def _with_defaults(overrides: Mapping[str, object]) -> dict[str, object]:
    merged = dict(RANGES)
    for name, value in overrides.items():
        if name in TABLES and isinstance(value, Mapping):
            merged[name] = {**RANGES.get(name, {}), **value}
        elif name in (*NUMBERS, *TABLES, *FAMILIES):
            merged[name] = value
    defaults = {}
    for name, value in merged.items():
        if value is not False:
            defaults[name] = value
    return defaults


def _dimensions(name: str, value: object) -> list[Dimension]:
    if name in NUMBERS:
        return [_number(name, value)]
    if name in TABLES:
        return _table(name, value)
    return _family(name, value)


def _number(name: str, value: object) -> Dimension:
    made = _range(f"{WHERE}.{name}", value)
    problems = []
    for end in made.ends:
        problems += annotation_problems(Recipe, {name: end}, WHERE, only=[name])
    raise_problems(problems)
    return Dimension(name, made)


def _table(name: str, value: object) -> list[Dimension]:
    if not isinstance(value, Mapping):
        raise ParameterError(
            f"`{WHERE}.{name}` must be a table of ranges or false; got {value!r}."
        )
    ranges = {}
    for key, inner in value.items():
        if inner is not False:
            ranges[key] = inner
    problems = []
    for key in ranges:
        reason = NOT_SEARCHED.get(f"{name}.{key}")
        if reason is not None:
            problems.append(f"`{WHERE}.{name}.{key}` must be left out: {reason}.")
    raise_problems(problems)
    return _parameters(name, name, name, ranges, None)


def _family(name: str, value: object) -> list[Dimension]:
    """Make the dimensions of a choice between parts, and of the parameters of each part."""
    if isinstance(value, list | tuple):
        value = {str(part): RANGES[name].get(part, {}) for part in value}
    if not isinstance(value, Mapping) or not value:
        wanted = "a list of names, a table ({gru = {hidden_size = [32, 64]}}) or false"
        raise ParameterError(f"`{WHERE}.{name}` must be {wanted}; got {value!r}.")
    registry = PART_PARAMETERS[name]
    is_balancing = name in ("weighting", "aggregator")
    if is_balancing:
        choice = BALANCING
    else:
        choice = name
    problems: list[str] = []
    labels: list[str] = []
    dimensions: list[Dimension] = []
    for part, ranges in value.items():
        where = f"{WHERE}.{name}.{part}"
        if is_balancing:
            label = f"{name}.{part}"
        else:
            label = str(part)
        labels.append(label)
        if part not in registry:
            hint = suggest(str(part), registry)
            problems.append(
                f"`{WHERE}.{name}` must hold {one_of(registry)}; got {part!r}.{hint}"
            )
        elif not isinstance(ranges, Mapping):
            problems.append(
                f"`{where}` must be a table of ranges, {{}} for none; got {ranges!r}."
            )
        else:
            with gathering(problems):
                dimensions += _parameters(
                    name, part, f"{name}.{part}", ranges, (choice, label)
                )
    raise_problems(problems)
    return [Dimension(choice, Choices(tuple(labels))), *dimensions]


def _parameters(
    parameter: str,
    part: str,
    prefix: str,
    ranges: Mapping[str, object],
    on: tuple[str, str] | None,
) -> list[Dimension]:
    """Make the dimensions of a part's parameters, after the part has accepted their ends."""
    where = f"{WHERE}.{prefix}"
    problems: list[str] = []
    dimensions = []
    for name, value in ranges.items():
        with gathering(problems):
            made = _range(f"{where}.{name}", value)
            for end in made.ends:
                part_from_config(
                    PART_PARAMETERS[parameter], {"name": part, name: end}, where
                )
            dimensions.append(Dimension(f"{prefix}.{name}", made, on))
    raise_problems(problems)
    return dimensions


def _range(where: str, value: object) -> Range:
    if isinstance(value, list | tuple) and value:
        as_in_a_file = json.loads(json.dumps(list(value)))  # tuples become lists
        return Choices(tuple(as_in_a_file))
    if isinstance(value, Mapping) and {"low", "high"} <= set(value) <= {
        "low",
        "high",
        "log",
    }:
        made = Between(value["low"], value["high"], value.get("log", False))
        if made.is_valid:
            return made
    raise ParameterError(
        f"`{where}` must be a list of choices or "
        f"{{low = 0.001, high = 0.1, log = true}} "
        "with low < high, above 0 for a logarithm; "
        f"got {value!r}."
    )


def _joined(dimensions: list[Dimension]) -> tuple[Dimension, ...]:
    """Join the choices of one name, and put choices before the dimensions that depend on them.

    Weightings and aggregators are choices of one name.
    """
    joined: dict[str, Dimension] = {}
    for dimension in sorted(dimensions, key=lambda dimension: dimension.on is not None):
        earlier = joined.get(dimension.name)
        if earlier is not None:
            both = (*earlier.range.ends, *dimension.range.ends)
            dimension = Dimension(dimension.name, Choices(both))
        joined[dimension.name] = dimension
    return tuple(joined.values())
