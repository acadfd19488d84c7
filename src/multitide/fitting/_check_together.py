"""What several processes cannot train together."""

from __future__ import annotations

from collections.abc import Iterator

from multitide._together import group_of_processes
from multitide.balancing._famo import FAMO
from multitide.errors import ParameterError
from multitide.fitting._recipe import Recipe

REMEDY = "Start the fit without torchrun."


def check_together(recipe: Recipe) -> None:
    """Raise if several processes train and the recipe needs all rows of a step in one of them.

    Raises
    ------
    ParameterError
        With everything that is in the way.
    """
    if group_of_processes() is None:
        return
    problems = list(_obstacles(recipe))
    if problems:
        raise ParameterError("\n".join(problems))


def _obstacles(recipe: Recipe) -> Iterator[str]:
    if recipe.aggregator is not None:
        yield (
            "`aggregator` must be left out in several processes, each of which has only a part "
            f"of a task's gradient; got {recipe.aggregator!r}. Use a weighting. {REMEDY}"
        )
    if isinstance(recipe.weighting, FAMO):
        yield (
            "`weighting` must not compute the losses of a step again in several processes; "
            f"got {recipe.weighting!r}. {REMEDY}"
        )
    if recipe.training.record_gradients is not None:
        yield (
            "`training.record_gradients` must be left out in several processes; "
            f"got {recipe.training.record_gradients!r}. {REMEDY}"
        )
    if recipe.training.graph is True:
        yield f"`training.graph` must not be True in several processes. {REMEDY}"
