"""The space of a search: named ranges, some of which apply only to a certain choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from multitide.sharing import SHARINGS

NUMBERS = ("lr", "batch_size", "max_epochs")
TABLES = ("training", "inputs")
FAMILIES = ("backbone", "sharing", "weighting", "aggregator")
# A weighting and an aggregator exclude each other, so they are one choice.
BALANCING = "balancing"
WEIGHING = (BALANCING, "weighting", "aggregator")

# Values by name. A value is anything that a configuration can hold.
Params: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """A list of plain values."""

    values: tuple[object, ...]

    def with_value(self, value: object) -> Choices:
        """Return choices that include `value`."""
        if value in self.values:
            return self
        return Choices((value, *self.values))

    def contains(self, value: object) -> bool:
        """Return whether `value` is one of the choices."""
        return value in self.values

    @property
    def ends(self) -> tuple[object, ...]:
        """The values to check before a search."""
        return self.values

    @property
    def plain(self) -> object:
        """The choices as a configuration writes them."""
        return list(self.values)


@dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`, both included: integers if both are, logarithmic with `log`."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether the numbers are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def is_valid(self) -> bool:
        """Whether the ends are numbers in order, above 0 for a logarithm."""
        if not (
            _is_number(self.low)
            and _is_number(self.high)
            and isinstance(self.log, bool)
        ):
            return False
        return self.low < self.high and (self.low > 0 or not self.log)

    def can_hold(self, value: object) -> TypeGuard[float]:
        """Return whether the range contains `value` or could be widened to contain it."""
        if not _is_number(value) or (self.whole and not isinstance(value, int)):
            return False
        return value > 0 or not self.log

    def with_value(self, value: object) -> Between:
        """Return a range that reaches `value`, if a range can."""
        if not self.can_hold(value):
            return self
        if self.whole:
            number = value
        else:
            number = float(value)
        return Between(min(self.low, number), max(self.high, number), self.log)

    def contains(self, value: object) -> bool:
        """Return whether `value` is in the range."""
        return self.can_hold(value) and self.low <= value <= self.high

    @property
    def ends(self) -> tuple[object, ...]:
        """The values to check before a search."""
        return self.low, self.high

    @property
    def plain(self) -> object:
        """The range as a configuration writes it."""
        written = {"low": self.low, "high": self.high}
        if self.log:
            return {**written, "log": True}
        return written


Range: TypeAlias = Choices | Between


@dataclass(frozen=True)
class Dimension:
    """One searched parameter.

    Attributes
    ----------
    name : str
        ``"lr"``, ``"training.weight_decay"``, ``"backbone"``, ``"backbone.gru.hidden_size"``;
        ``"balancing"`` is the choice of a weighting (``"weighting.uniform"``) or an aggregator
        (``"aggregator.pcgrad"``).
    range : Choices or Between
    on : (str, value), optional
        The choice to which the parameter belongs.
    """

    name: str
    range: Range
    on: tuple[str, str] | None = None


@dataclass(frozen=True)
class Space:
    """All dimensions; a choice comes before the dimensions that depend on it."""

    dimensions: tuple[Dimension, ...]

    @property
    def ranges(self) -> dict[str, Range]:
        """The ranges by name."""
        by_name = {}
        for dimension in self.dimensions:
            by_name[dimension.name] = dimension.range
        return by_name

    def draw(self, take: Callable[[Dimension], object]) -> Params:
        """Take a value in each dimension that applies to the values taken before."""
        params: Params = {}
        for dimension in self.dimensions:
            if dimension.on is None or params.get(dimension.on[0]) == dimension.on[1]:
                params[dimension.name] = take(dimension)
        if trained_together(params):
            return params
        kept = {}
        for name, v in params.items():
            if name.split(".")[0] not in WEIGHING:
                kept[name] = v
        return kept

    def with_start(self, start: Params) -> Space:
        """Return a space that also holds these values, where a range can."""
        widened = []
        for dimension in self.dimensions:
            range_ = dimension.range
            if dimension.name in start:
                range_ = range_.with_value(start[dimension.name])
            widened.append(Dimension(dimension.name, range_, dimension.on))
        return Space(tuple(widened))

    def expressible(self, params: Params) -> Params:
        """Return the values that lie in the space."""
        ranges = self.ranges
        inside = {}
        for name, value in params.items():
            if name in ranges and ranges[name].contains(value):
                inside[name] = value
        return inside

    @property
    def plain(self) -> dict[str, object]:
        """The ranges as a configuration writes them."""
        return {name: range_.plain for name, range_ in self.ranges.items()}


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def trained_together(params: Mapping[str, object]) -> bool:
    """Return whether tasks share a network; where they do not, there is nothing to weigh."""
    if "sharing" not in params:
        return True
    sharing = SHARINGS[str(params["sharing"])]()
    return len(sharing.networks(["one", "other"])) == 1
