"""The space of a search: ranges by name, some of which count only beside a certain choice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from multitide._checks import gathering, one_of, raise_problems, suggest
from multitide._part import annotation_problems
from multitide._registries import part_from_config
from multitide.errors import ParameterError
from multitide.fitting._recipe import PART_PARAMETERS, Recipe
from multitide.sharing import SHARINGS
from multitide.tuning._ranges import NOT_SEARCHED, RANGES

NUMBERS = ("lr", "batch_size", "max_epochs")
TABLES = ("training", "inputs")
FAMILIES = ("backbone", "sharing", "weighting", "aggregator")
# A weighting and an aggregator exclude each other, and so are one choice.
BALANCING = "balancing"
TOGETHER = ("sharing", "weighting", "aggregator")  # have no meaning for a single task
WEIGHING = (BALANCING, "weighting", "aggregator")
SHARED_NAMES = {"weighting": BALANCING, "aggregator": BALANCING}
WHERE = "tune.space"

Params = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """Plain values, one of which is taken."""

    values: tuple[Any, ...]

    def with_value(self, value: Any) -> Choices:
        """Return choices that hold a value too."""
        return self if value in self.values else Choices((value, *self.values))

    @property
    def plain(self) -> Any:
        """As a configuration writes it."""
        return list(self.values)


@dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`, both included; whole ones if both are ints; with `log`, by their logarithm."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether the numbers are ints."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: Any) -> bool:
        """Whether a value can be reached, perhaps after widening: a number, and above zero where logarithms are."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and (value > 0 or not self.log) and (isinstance(value, int) or not self.whole)

    def with_value(self, value: Any) -> Between:
        """Return a range that reaches to a value, if a range can."""
        if not self.holds(value):
            return self
        value = int(value) if self.whole else float(value)
        return Between(min(self.low, value), max(self.high, value), self.log)

    @property
    def plain(self) -> Any:
        """As a configuration writes it."""
        return {"low": self.low, "high": self.high} | ({"log": True} if self.log else {})


Range = Choices | Between


@dataclass(frozen=True)
class Dimension:
    """One thing that is searched.

    Attributes
    ----------
    name : str
        ``"lr"``, ``"training.weight_decay"``, ``"backbone"``, ``"backbone.gru.hidden_size"``;
        ``"balancing"`` is the choice of a weighting (``"weighting.uniform"``) or an aggregator
        (``"aggregator.pcgrad"``).
    range : Choices or Between
    on : (str, value), optional
        The choice beside which it counts.
    """

    name: str
    range: Range
    on: tuple[str, str] | None = None


@dataclass(frozen=True)
class Space:
    """All dimensions, those that others depend on first."""

    dimensions: tuple[Dimension, ...]

    def draw(self, take: Callable[[Dimension], Any]) -> Params:
        """Take a value in every dimension that counts beside those taken before."""
        params: Params = {}
        for dimension in self.dimensions:
            if dimension.on is None or params.get(dimension.on[0]) == dimension.on[1]:
                params[dimension.name] = take(dimension)
        return (
            params
            if together(params)
            else {k: v for k, v in params.items() if k.split(".")[0] not in WEIGHING}
        )

    def with_start(self, start: Params) -> Space:
        """Return a space that holds these values too, where a range can."""
        return Space(
            tuple(
                Dimension(
                    d.name, d.range.with_value(start[d.name]) if d.name in start else d.range, d.on
                )
                for d in self.dimensions
            )
        )

    def expressible(self, params: Params) -> Params:
        """Return the values that lie in the space; a search learns from these."""
        ranges = {d.name: d.range for d in self.dimensions}
        return {
            name: value
            for name, value in params.items()
            if name in ranges and (isinstance(ranges[name], Choices) or ranges[name].holds(value))  # type: ignore[union-attr]
        }

    @property
    def plain(self) -> dict[str, Any]:
        """As plain values, one entry a dimension."""
        return {d.name: d.range.plain for d in self.dimensions}


def together(params: Params) -> bool:
    """Return whether tasks are trained together; where each has a network of its own, there is nothing to weigh."""
    return (
        "sharing" not in params or len(SHARINGS[params["sharing"]]().groups(["one", "other"])) == 1
    )


def make_space(overrides: Mapping[str, Any] | None, n_tasks: int = 2) -> Space:
    """Make the space of the default ranges and what a user says beside them.

    Parameters
    ----------
    overrides : mapping, optional
        As `multitide.tuning._ranges.RANGES`. What is named replaces its default; ``False`` leaves a
        parameter as it is; a list of names gives each part its default ranges, a table those that
        it holds.
    n_tasks : int
        With a single task nothing is shared or weighed.

    Raises
    ------
    ParameterError
        With everything that is wrong, before anything is trained.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ParameterError(f"`{WHERE}` must be a table of ranges; got {overrides!r}.")
    problems: list[str] = []
    ranges = _merged(dict(overrides or {}), problems)
    dimensions: list[Dimension] = []
    for name, value in ranges.items():
        if n_tasks == 1 and name in TOGETHER:
            continue
        make = _number if name in NUMBERS else _table if name in TABLES else _family
        with gathering(problems):
            dimensions += make(name, value)
    raise_problems(problems)
    space = Space(_joined(dimensions))
    if not space.dimensions:
        raise ParameterError(
            f"`{WHERE}` must leave something to search; got {dict(overrides or {})!r}."
        )
    return space


def _merged(overrides: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    known = [*NUMBERS, *TABLES, *FAMILIES]
    for name in overrides:
        if name in NOT_SEARCHED:
            problems.append(f"`{WHERE}.{name}` must be left out: {NOT_SEARCHED[name]}.")
        elif name not in known:
            problems.append(
                f"`{WHERE}` must hold {one_of(known)}; got {name!r}.{suggest(name, known)}"
            )
    merged = RANGES | {name: value for name, value in overrides.items() if name in known}
    for name in TABLES:
        if isinstance(merged.get(name), Mapping):
            merged[name] = {**RANGES.get(name, {}), **merged[name]}
    return {name: value for name, value in merged.items() if value is not False}


def _number(name: str, value: Any) -> list[Dimension]:
    made = _range(f"{WHERE}.{name}", value)
    raise_problems(
        [p for v in _ends(made) for p in annotation_problems(Recipe, {name: v}, WHERE, only=[name])]
    )
    return [Dimension(name, made)]


def _table(name: str, value: Any) -> list[Dimension]:
    if not isinstance(value, Mapping):
        raise ParameterError(f"`{WHERE}.{name}` must be a table of ranges or false; got {value!r}.")
    asked = {key: inner for key, inner in value.items() if inner is not False}
    refused = [f"{name}.{key}" for key in asked if f"{name}.{key}" in NOT_SEARCHED]
    raise_problems([f"`{WHERE}.{key}` must be left out: {NOT_SEARCHED[key]}." for key in refused])
    return _parameters(name, name, name, asked, None)


def _family(name: str, value: Any) -> list[Dimension]:
    if isinstance(value, (list, tuple)):
        value = {str(part): RANGES[name].get(part, {}) for part in value}
    if not isinstance(value, Mapping) or not value:
        wanted = "a list of names, a table ({gru = {hidden_size = [32, 64]}}) or false"
        raise ParameterError(f"`{WHERE}.{name}` must be {wanted}; got {value!r}.")
    registry, problems = PART_PARAMETERS[name], list[str]()
    choice = SHARED_NAMES.get(name, name)
    labels = [f"{name}.{part}" if choice == BALANCING else str(part) for part in value]
    dimensions = [Dimension(choice, Choices(tuple(labels)))]
    for part, inner in value.items():
        if part not in registry:
            wanted = f"{one_of(registry)}; got {part!r}.{suggest(str(part), registry)}"
            problems.append(f"`{WHERE}.{name}` must hold {wanted}")
        elif not isinstance(inner, Mapping):
            problems.append(
                f"`{WHERE}.{name}.{part}` must be a table of ranges, {{}} for none; got {inner!r}."
            )
        else:
            on = (choice, f"{name}.{part}" if choice == BALANCING else str(part))
            with gathering(problems):
                dimensions += _parameters(name, str(part), f"{name}.{part}", inner, on)
    raise_problems(problems)
    return dimensions


def _parameters(
    parameter: str, part: str, prefix: str, ranges: Mapping[str, Any], on: tuple[str, str] | None
) -> list[Dimension]:
    """Make the dimensions of a part's parameters, each of whose ends is one that the part takes."""
    problems, dimensions = list[str](), []
    for name, value in ranges.items():
        where = f"{WHERE}.{prefix}"
        with gathering(problems):
            made = _range(f"{where}.{name}", value)
            for end in _ends(made):
                part_from_config(PART_PARAMETERS[parameter], {"name": part, name: end}, where)
            dimensions.append(Dimension(f"{prefix}.{name}", made, on))
    raise_problems(problems)
    return dimensions


def _range(where: str, value: Any) -> Range:
    if isinstance(value, (list, tuple)) and value:
        return Choices(
            tuple(json.loads(json.dumps(list(value))))
        )  # tuples as lists, as a file writes them
    if isinstance(value, Mapping) and {"low", "high"} <= set(value) <= {"low", "high", "log"}:
        low, high, log = value["low"], value["high"], value.get("log", False)
        numbers = all(
            isinstance(end, (int, float)) and not isinstance(end, bool) for end in (low, high)
        )
        if numbers and low < high and isinstance(log, bool) and (low > 0 or not log):
            return Between(low, high, log)
    wanted = "a list of choices or {low = 0.001, high = 0.1, log = true} with low < high, above 0 for a logarithm"
    raise ParameterError(f"`{where}` must be {wanted}; got {value!r}.")


def _ends(made: Range) -> tuple[Any, ...]:
    return made.values if isinstance(made, Choices) else (made.low, made.high)


def _joined(dimensions: list[Dimension]) -> tuple[Dimension, ...]:
    """Join the choices of one name (weightings and aggregators), and put all choices before what depends on them."""
    joined: dict[str, Dimension] = {}
    for dimension in sorted(dimensions, key=lambda d: d.on is not None):
        found = joined.get(dimension.name)
        if (
            found is not None
            and isinstance(found.range, Choices)
            and isinstance(dimension.range, Choices)
        ):
            dimension = Dimension(
                dimension.name, Choices(found.range.values + dimension.range.values)
            )
        joined[dimension.name] = dimension
    return tuple(joined.values())
