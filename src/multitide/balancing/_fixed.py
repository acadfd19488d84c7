"""Weights set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from multitide._checks import one_of, suggest
from multitide.balancing._weighting import ConstantModule, Weighting
from multitide.errors import ParameterError


@dataclass
class Fixed(Weighting):
    """Weights set by hand; they mean what they say, since every loss is in units of its trivial loss.

    Parameters
    ----------
    weights : dict of str to float, optional
        Weight of each task by its name, 0 or more; 1 for tasks not named.
    alpha : float in [0, 1], optional
        For two tasks: ``alpha`` times the loss of the first plus ``1 - alpha`` times that of the
        second. Give either this or `weights`.
    """

    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None

    def check(self, name: str = "") -> None:
        """Raise if a weight is negative, or not exactly one of the two ways is used."""
        super().check(name)
        name = name or type(self).__name__
        if (self.weights is None) == (self.alpha is None):
            got = f"weights={self.weights!r}, alpha={self.alpha!r}"
            raise ParameterError(
                f"`{name}` must have either `weights` or, for two tasks, `alpha`; got {got}."
            )
        if self.weights is not None and self.weights and not any(self.weights.values()):
            raise ParameterError(
                f"`{name}.weights` must have a weight above 0; got {self.weights!r}."
            )

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ConstantModule:
        """Return a sum with these weights.

        Raises
        ------
        ParameterError
            If `weights` names a task that is not there, or `alpha` is used for more than two tasks.
        """
        self.check("weighting")
        if self.alpha is not None:
            if len(names) != 2:
                example = ", ".join(f'"{name}": 1.0' for name in names)
                raise ParameterError(
                    f"`weighting.alpha` must be used with two tasks; got {len(names)}. Use weights={{{example}}}."
                )
            return ConstantModule(names, [self.alpha, 1 - self.alpha])
        return ConstantModule(names, weights_of(names, self.weights or {}, "weighting.weights"))


def weights_of(names: Sequence[str], given: Mapping[str, float], where: str) -> list[float]:
    """Return the weight of every task, 1 where none is given.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    given : mapping of str to float
        Weights by task.
    where : str
        How messages call the mapping.

    Raises
    ------
    ParameterError
        If a weight is given for a task that is not there.
    """
    problems = [
        f"`{where}` must name tasks, {one_of(names)}; got {name!r}.{suggest(name, names)}"
        for name in given
        if name not in names
    ]
    if problems:
        raise ParameterError("\n".join(problems))
    return [float(given.get(name, 1.0)) for name in names]
