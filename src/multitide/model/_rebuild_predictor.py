"""The networks of a stored model, built again from its record and its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from torch import Tensor

from multitide._count_values import count_values
from multitide._folder_kinds import MODEL_FILE
from multitide._own_random_numbers import own_random_numbers
from multitide.backbones._backbone import Backbone
from multitide.backbones._trees import Trees
from multitide.encodings._inputs import Inputs
from multitide.encodings._static import StaticLayer
from multitide.errors import StoreError
from multitide.fitting._decide import set_decisions
from multitide.fitting._free_of_class_weights import (
    free_of_class_weights,
    targets_of,
)
from multitide.fitting._recipe import Recipe, make_part
from multitide.fitting._task_group import build_inputs, build_network
from multitide.model._calibration_record import (
    calibrated_labels,
    rebuild_calibration,
)
from multitide.model._check_stored import at_most, check_numbers, checking
from multitide.model._decision_record import check_decisions, decisions_of
from multitide.model._schema import ModelRecord, NetworkRecord
from multitide.model._stored_representation import network_shape
from multitide.network._copies import copy_with_state
from multitide.network._network import InputStem, Network, Predictor
from multitide.tasks import Task

WEIGHTS_FILE = "weights.safetensors"


def rebuild_predictor(
    recipe: Recipe,
    record: ModelRecord,
    tasks: list[Task],
    weights: dict[str, Tensor],
    folder: Path,
) -> Predictor:
    """Build the networks that a record describes, with their weights.

    Parameters
    ----------
    recipe : Recipe
        Of the estimator's parameters.
    record : ModelRecord
        The content of ``model.json``.
    tasks : list of Task
        With their kinds.
    weights : dict of str to Tensor
        Of all networks.
    folder : path
        The model's folder, for messages.

    Raises
    ------
    StoreError
        If the weights do not fit the record.
    """
    path = folder / MODEL_FILE
    by_name = {}
    for task in tasks:
        by_name[task.name] = task
    networks = []
    for i, entry in enumerate(record.networks):
        with checking(path, f"networks.{i}"), at_most(count_values(weights.values())):
            network = _build(recipe, record, entry, by_name)
        prefix = f"{i}."
        state = {}
        for key, tensor in weights.items():
            if key.startswith(prefix):
                state[key.removeprefix(prefix)] = tensor
        try:
            networks.append(copy_with_state(network, state))
        except RuntimeError as error:
            raise StoreError(
                f"The weights in {str(folder)!r} do "
                "not fit the model of its record: "
                f"{error}"
            ) from error
        check_numbers(networks[-1], folder / WEIGHTS_FILE)
    answered = [entry.answered for entry in record.networks]
    shares = [entry.shares for entry in record.networks]
    predictor = Predictor(networks, answered, shares)
    targets = {name: predictor.target(name) for name in by_name}
    with checking(path, "calibrated"), at_most(count_values(weights.values())):
        predictor.calibration = rebuild_calibration(
            record.calibrated, record.scores, targets, weights
        )
    check_numbers(predictor.calibration, folder / WEIGHTS_FILE)
    calibrated = calibrated_labels(record.calibrated)
    free_of_class_weights(targets_of(predictor), calibrated)
    with checking(path, "decisions"):
        check_decisions(record.decisions, targets)
    set_decisions(predictor, decisions_of(record.decisions))
    return predictor.eval()


def _build(
    recipe: Recipe, record: ModelRecord, entry: NetworkRecord, tasks: dict[str, Task]
) -> Network:
    """Build a network of a model, without its weights."""
    recipe = _recipe_of(recipe, entry)
    if isinstance(recipe.backbone, Trees) != bool(entry.forests):
        raise ValueError("a network has trees if its backbone is 'trees'")
    if record.representation is None:
        n_features = None
    else:
        n_features = record.representation.n_features
    shapes = {}
    for data in record.data:
        shapes[data.name] = network_shape(
            data.channels, data.categories, data.n_timepoints, n_features
        )
    stems = []
    for name, fitted in zip(entry.data, entry.static, strict=True):
        channels, categories, _ = shapes[name]
        if fitted is None:
            static = None
        else:
            static = StaticLayer.from_config(fitted.model_dump())
        stems.append(
            InputStem(name, build_inputs(recipe, channels, categories), static)
        )
    targets = []
    for name, config in zip(entry.tasks, entry.targets, strict=True):
        targets.append(tasks[name].target_from_config(config))
    n_timepoints = max(shapes[name][2] for name in entry.data)
    forests = [record.shape() for record in entry.forests]
    # The first weights, which the saved ones replace, are drawn.
    with own_random_numbers(record.seed):
        return build_network(recipe, stems, targets, n_timepoints, forests)


def _recipe_of(recipe: Recipe, entry: NetworkRecord) -> Recipe:
    """Return the recipe of a network, with its own parts in place of an "auto"."""
    if entry.backbone is not None:
        backbone = make_part("backbone", entry.backbone)
        backbone.check("backbone")
        recipe = replace(recipe, backbone=cast(Backbone, backbone))
    if entry.inputs is not None:
        inputs = make_part("inputs", entry.inputs)
        inputs.check("inputs")
        with_vectors = replace(
            cast(Inputs, inputs), representation=recipe.inputs.representation
        )
        recipe = replace(recipe, inputs=with_vectors)
    return recipe
