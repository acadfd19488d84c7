"""Weights set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from multitide._checks import one_of, raise_problems, suggest
from multitide.balancing._weighting import ConstantModule, Weighting
from multitide.errors import ParameterError


@dataclass
class Fixed(Weighting):
    """Weights set by hand; they are comparable, as all losses are in units of the trivial loss.

    Parameters
    ----------
    weights : dict of str to float, optional
        Weight of each task by its name, 0 or more; tasks that are not listed have 1.
    alpha : float in [0, 1], optional
        For two tasks: the objective is ``alpha`` times the loss of the first plus ``1 - alpha``
        times that of the second. Give either this or `weights`.
    """

    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None

    def check(self, name: str = "") -> None:
        """Raise unless exactly one of `weights` and `alpha` is given, and is valid."""
        super().check(name)
        name = name or type(self).__name__
        if (self.weights is None) == (self.alpha is None):
            got = f"weights={self.weights!r}, alpha={self.alpha!r}"
            raise ParameterError(
                f"`{name}` must have either `weights` "
                "or, for two tasks, `alpha`; "
                f"got {got}."
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
            If `weights` names an unknown task, or `alpha` is used with more than two tasks.
        """
        self.check("weighting")
        if self.alpha is None:
            weights = weights_of(names, self.weights or {}, "weighting.weights")
            return ConstantModule(names, weights)
        if len(names) != 2:
            example = ", ".join(f'"{name}": 1.0' for name in names)
            raise ParameterError(
                "`weighting.alpha` must be used with two tasks; "
                f"got {len(names)}. Use weights={{{example}}}."
            )
        return ConstantModule(names, [self.alpha, 1 - self.alpha])


def weights_of(
    names: Sequence[str], given: Mapping[str, float], where: str
) -> list[float]:
    """Return the weight of every task.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    given : mapping of str to float
        Weights by task; the others have 1.
    where : str
        The name of the mapping in error messages.

    Raises
    ------
    ParameterError
        If a weight is given for an unknown task.
    """
    problems = []
    for name in given:
        if name not in names:
            problem = f"`{where}` must name tasks, {one_of(names)}; got {name!r}."
            problems.append(problem + suggest(name, names))
    raise_problems(problems)
    weights = []
    for name in names:
        weights.append(float(given.get(name, 1.0)))
    return weights
