"""Whether ``backbone="auto"`` trains a network beside trees and linear heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from multitide.backbones._rocket import Rocket
from multitide.backbones._trees import Trees
from multitide.encodings._inputs import Inputs
from multitide.fitting._auto_backbone import MOST_TASKS
from multitide.fitting._recipe import NETWORK_DEFAULTS, Recipe, make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.sharing import Hard
from multitide.training._settings import Training


def trains_network(
    params: Mapping[str, object],
    groups: Sequence[TaskGroup],
    extra: Sequence[TaskGroup],
) -> bool:
    """Return whether a fit trains the network of its groups, or only what "auto" has beside it.

    With few labels, boosted trees, forests and linear heads on convolutions are together as good
    without a network as with it, and take a fraction of its time (docs/guide/defaults.md). So there
    is none if every task has a forest and linear heads, unless the tasks are many or the user has
    chosen a setting that only networks have.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``.
    groups : sequence of TaskGroup
        The tasks as a network trains them.
    extra : sequence of TaskGroup
        What :func:`extra_groups` returned.
    """
    names = [name for group in groups for name in group.names]
    if len(names) > MOST_TASKS or _has_own_settings(params):
        return True
    by_forest, by_rocket = set(), set()
    for group in extra:
        backbone = group.recipe.backbone
        if isinstance(backbone, Rocket):
            by_rocket.update(group.names)
        elif isinstance(backbone, Trees) and backbone.kind == "extra_trees":
            by_forest.update(group.names)
    return not set(names) <= by_forest & by_rocket


def _has_own_settings(params: Mapping[str, object]) -> bool:
    """Return whether the user has chosen a setting that only networks have."""
    for name, default in NETWORK_DEFAULTS.items():
        if params[name] != default:
            return True
    recipe = make_recipe(params)
    if recipe.sharing != Hard() or _of_networks(recipe.training) != Training():
        return True
    return _read_by_networks(recipe) != Inputs()


def _of_networks(training: Training) -> Training:
    """Return the settings with the defaults for those that trees and linear heads have, too."""
    return replace(
        training,
        refit=Training.refit,
        calibrate=Training.calibrate,
        checkpoint_minutes=Training.checkpoint_minutes,
    )


def _read_by_networks(recipe: Recipe) -> Inputs:
    """Return the inputs with the defaults for what trees and linear heads read, too."""
    return replace(
        recipe.inputs, scale=Inputs.scale, clip=Inputs.clip, pool=Inputs.pool
    )
