"""Whether the steps of a fit are recorded as CUDA graphs, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from multitide.errors import ParameterError
from multitide.fitting._recipe import Recipe, backbone_name, resolve_device
from multitide.tasks import Task
from multitide.training._callbacks import Callback

OWN = "multitide"


def uses_graph(
    recipe: Recipe, tasks: Sequence[Task] = (), callbacks: Sequence[Callback] = ()
) -> bool:
    """Return whether ``training.graph`` asks for recorded steps and they are possible.

    Parameters
    ----------
    recipe : Recipe
        The resolved parameters of the estimator.
    tasks : sequence of Task
        What is predicted.
    callbacks : sequence of Callback
        Those of the fit.

    Raises
    ------
    ParameterError
        If it is True and the steps cannot be recorded.
    """
    wanted = recipe.training.graph
    if wanted is False:
        return False
    problems = list(_obstacles(recipe, callbacks))
    if problems and wanted is True:
        raise ParameterError(
            f"`training.graph` must be 'auto' or False {problems[0]}; got True. "
            "'auto' takes such steps one by one."
        )
    return not problems and (wanted is True or _is_all_of_ours(recipe, tasks))


def _obstacles(recipe: Recipe, callbacks: Sequence[Callback]) -> Iterator[str]:
    """Yield where steps cannot be recorded."""
    if not recipe.backbone.is_trained:
        yield f"with backbone {backbone_name(recipe.backbone)!r}, whose fit takes no steps"
    if resolve_device(recipe.device).type != "cuda":
        yield "on the CPU, which has no CUDA graphs"
    if recipe.aggregator is not None:
        yield f"with aggregator {recipe.aggregator!r}, which computes on the CPU"
    if recipe.weighting.needs_host:
        yield f"with weighting {recipe.weighting!r}, which needs the CPU in every step"
    if recipe.training.record_gradients is not None:
        yield "with `training.record_gradients`, which reads gradients in steps"
    for callback in callbacks:
        if type(callback).on_losses is not Callback.on_losses:
            yield f"with callback {type(callback).__name__}, which reads the losses of steps"


def _is_all_of_ours(recipe: Recipe, tasks: Sequence[Task]) -> bool:
    """Return whether all code of a step belongs to this package.

    What the code of others computes on the host would be recorded once, and stay as it was.
    """
    parts: list[object] = [recipe.backbone, recipe.sharing, recipe.weighting]
    parts += [*recipe.inputs.encodings, *tasks]
    for part in parts:
        if not isinstance(part, str) and type(part).__module__.split(".")[0] != OWN:
            return False
    return True
