"""Read the reference system's trained LSTM-FCN networks from ``.pt`` files.

Nothing is unpickled: torch reads only tensors (``weights_only=True``).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multitide._checks import suggest
from multitide._estimator import MultiTaskEstimator
from multitide._own_random_numbers import own_random_numbers
from multitide.backbones import LSTMFCN
from multitide.encodings._inputs import Inputs
from multitide.errors import DataError, StoreError
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import build_network
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel
from multitide.network._network import InputStem, Network, Predictor
from multitide.tasks import (
    Classification,
    ClassificationTarget,
    Regression,
    RegressionTarget,
    Target,
)
from multitide.tasks._label_column import Value

State: TypeAlias = dict[str, Tensor]
Labels: TypeAlias = Sequence[Value]
Classes: TypeAlias = Labels | Mapping[str, Labels]
HEADS = ("fc", "fc_1", "fc_2")
WEIGHT_AND_BIAS = ("weight", "bias")
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
LSTM = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
# The number of axes of the tensors whose shapes determine all sizes of the network.
AXES = {
    "conv1.weight": 3,
    "conv2.weight": 3,
    "conv3.weight": 3,
    "lstm.weight_ih_l0": 2,
    "lstm.weight_hh_l0": 2,
    "se1.fc.0.weight": 2,
}
N_TIMEPOINTS = 720  # the reference's network declares this number and never uses it


def load_reference_weights(
    path: str | Path,
    *,
    classes: Classes | None = None,
    tasks: Sequence[str] = ("class", "number"),
    channels: Sequence[str] | None = None,
) -> MultiTaskEstimator:
    """Read a trained LSTM_FCNs network of the reference system as a fitted estimator.

    It predicts what that network computes: inputs and numbers are not scaled, and classes are
    indices unless `classes` names them. The estimator can be saved, and training can start from it:
    ``fit(X, y, start=estimator)``. Give the new estimator ``inputs=Inputs(scale="none")``, because
    the backbone was trained on raw inputs.

    Parameters
    ----------
    path : path
        A state dict written by ``torch.save``.
    classes : sequence, or mapping of task to sequence, optional
        The classes, in the order of the head's outputs. Default: 0, 1, ...
    tasks : sequence of str, default=("class", "number")
        Names of the tasks, ``fc_1`` first. For a network with one head, its name, or two names of
        which the first is used for classification and the second for regression.
    channels : sequence of str, optional
        Names of the channels. Default: "0", "1", ...

    Returns
    -------
    MultiTaskEstimator
        Fitted. The file does not hold the statistics of the training labels, so classes count as
        equally frequent, and numbers have mean 0 and scale 1. The losses and the trivial predictor
        of ``evaluate`` depend on these.

    Raises
    ------
    StoreError
        If the file cannot be read as weights, or with all tensors that are missing, unknown or of
        a wrong shape.
    DataError
        If `classes`, `tasks` or `channels` do not fit the network.
    """
    state = _read(Path(path))
    heads = []
    for head in HEADS:
        if f"{head}.weight" in state:
            heads.append(head)
    names = _our_names(state, heads)
    _check_names(state, names, heads, path)
    n_outputs = []
    for head in heads:
        n_outputs.append(state[f"{head}.weight"].shape[0])
    targets = _targets(_task_names(tasks, n_outputs), n_outputs, classes)
    estimator = MultiTaskEstimator(
        [target.task for target in targets],
        backbone=_backbone(state),
        inputs=Inputs(scale="none"),
        verbose=0,
    )
    recipe = make_recipe(estimator.get_params(deep=False))
    inputs = recipe.inputs.build(
        _channel_names(channels, state["conv1.weight"].shape[1])
    )
    with own_random_numbers(recipe.seed):
        stems = [InputStem("", inputs)]
        network = build_network(recipe, stems, targets, N_TIMEPOINTS)
    _fill(network, state, names, path)
    estimator.history_ = estimator.pretrain_history_ = pd.DataFrame()
    return estimator._take(_stored(estimator, network, inputs.channels))


def _stored(
    estimator: MultiTaskEstimator, network: Network, channels: tuple[str, ...]
) -> StoredModel:
    """Return the record of a model whose training is unknown: epoch 0, no labels."""
    return StoredModel(
        params=estimator.get_params(deep=False),
        tasks=[target.task for target in network.target_list],
        predictor=Predictor([network], [network.names]).eval(),
        data=[
            DataRecord(
                tasks=network.names, channels=channels, n_timepoints=N_TIMEPOINTS
            )
        ],
        seed=0,
        best_epoch=dict.fromkeys(network.names, 0),
        n_labelled={name: {} for name in network.names},
        seconds=0.0,
    )


def _read(path: Path) -> State:
    if not path.is_file():
        raise StoreError(
            f"`path` must be a file of weights; there is none at {str(path)!r}."
        )
    try:
        # Torch warns about unusual pickles before it refuses them.
        with warnings.catch_warnings(action="ignore"):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises any kind of error
        first_line = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StoreError(
            f"{str(path)!r} must hold nothing but weights; "
            f"it cannot be read ({first_line})."
        ) from error
    if not _is_state(state):
        raise StoreError(
            f"{str(path)!r} must hold a state dict of tensors; "
            f"got a {type(state).__name__}."
        )
    return dict(state)


def _is_state(state: object) -> bool:
    if not isinstance(state, dict):
        return False
    return all(isinstance(tensor, Tensor) for tensor in state.values())


def _our_names(state: State, heads: Sequence[str]) -> dict[str, str]:
    """Return our name of each tensor that the file must hold, by the reference's name."""
    blocks: dict[str, str] = {}
    for layer in range(max(1, _n_layers(state))):
        for name in LSTM:
            blocks[f"lstm.{name}_l{layer}"] = f"lstm.lstm.{name}_l{layer}"
    for i in (1, 2, 3):
        for name in WEIGHT_AND_BIAS:
            blocks[f"conv{i}.{name}"] = f"conv{i}.convolution.{name}"
        for name in NORM:
            blocks[f"bn{i}.{name}"] = f"conv{i}.norm.{name}"
    for i in (1, 2):
        blocks[f"se{i}.fc.0.weight"] = f"conv{i}.squeeze.squeeze.weight"
        blocks[f"se{i}.fc.2.weight"] = f"conv{i}.squeeze.excite.weight"
    names = {}
    for theirs, ours in blocks.items():
        names[theirs] = f"sharing.backbone.blocks.{ours}"
    for i, head in enumerate(heads):
        for name in WEIGHT_AND_BIAS:
            names[f"{head}.{name}"] = f"heads.{i}.0.{name}"
    return names


def _n_layers(state: State) -> int:
    layers = []
    for name in state:
        if re.fullmatch(r"lstm\.weight_ih_l\d+", name):
            layers.append(name)
    return len(layers)


def _check_names(
    state: State, names: Mapping[str, str], heads: list[str], path: str | Path
) -> None:
    """Raise unless the tensors are those of the reference's network, with as many axes."""
    problems = []
    for name in names:
        if name not in state:
            problems.append(f"{name} is missing")
    if heads not in (["fc"], ["fc_1"], ["fc_1", "fc_2"]):
        named = ", ".join(heads) or "none"
        problems.append(
            f"there must be a head fc, or fc_1, or fc_1 and fc_2; got {named}"
        )
    for name in state:
        if name not in names:
            problems.append(f"{name} is not known.{suggest(str(name), names)}")
    axes = {**AXES, **{f"{head}.weight": 2 for head in heads}}
    for name, n_axes in axes.items():
        if name in state:
            problems += _axis_problems(name, state[name], n_axes)
    _refuse(problems, path)


def _axis_problems(name: str, tensor: Tensor, n_axes: int) -> list[str]:
    shape = tuple(tensor.shape)
    if len(shape) == n_axes and 0 not in shape:
        return []
    return [f"{name} must have {n_axes} axes, none of them empty; got shape {shape}"]


def _refuse(problems: Sequence[str], path: str | Path) -> None:
    if problems:
        raise StoreError(
            f"{str(path)!r} must hold the weights of "
            "an LSTM_FCNs of the reference system: "
            f"{'; '.join(problems)}."
        )


def _backbone(state: State) -> LSTMFCN:
    """Return the backbone, with sizes from the shapes of the tensors."""
    filters, kernel_sizes = [], []
    for i in (1, 2, 3):
        n_filters, _, kernel_size = state[f"conv{i}.weight"].shape
        filters.append(n_filters)
        kernel_sizes.append(kernel_size)
    return LSTMFCN(
        filters=tuple(filters),
        kernel_sizes=tuple(kernel_sizes),
        squeeze=max(1, filters[0] // state["se1.fc.0.weight"].shape[0]),
        hidden_size=state["lstm.weight_hh_l0"].shape[1],
        num_layers=_n_layers(state),
    )


def _channel_names(channels: Sequence[str] | None, n_channels: int) -> tuple[str, ...]:
    if channels is None:
        channels = []
        for channel in range(n_channels):
            channels.append(str(channel))
    names = tuple(map(str, channels))
    if len(names) != n_channels or len(set(names)) != n_channels:
        raise DataError(
            f"`channels` must be {n_channels} different names; got {list(names)}."
        )
    return names


def _task_names(tasks: Sequence[str], n_outputs: Sequence[int]) -> list[str]:
    if isinstance(tasks, str):
        names = [tasks]
    else:
        names = list(tasks)
    if len(n_outputs) == 1 and len(names) == 2:
        if n_outputs[0] == 1:
            names = names[1:]
        else:
            names = names[:1]
    if len(names) != len(n_outputs) or len(set(names)) != len(names):
        raise DataError(
            f"`tasks` must be {len(n_outputs)} "
            "different names, one per head; "
            f"got {tasks!r}."
        )
    return names


def _targets(
    names: Sequence[str], n_outputs: Sequence[int], classes: Classes | None
) -> list[Target]:
    """Return one target per head, without knowledge of the labels that it was trained on."""
    kinds = {}
    for name, n in zip(names, n_outputs, strict=True):
        if n > 1:
            kinds[name] = n
    named = _classes_by_task(classes, list(kinds))
    targets: list[Target] = []
    for name, n in zip(names, n_outputs, strict=True):
        if n == 1:
            targets.append(RegressionTarget(Regression(name)))
            continue
        values = named.get(name, list(range(n)))
        if len(values) != n or len(set(values)) != n:
            raise DataError(
                f"`classes` must be {n} different "
                f"classes for {name!r}, one per output; "
                f"got {values!r}."
            )
        target = ClassificationTarget(Classification(name), values)
        target.learn(np.ones(n))
        targets.append(target)
    return targets


def _classes_by_task(
    classes: Classes | None, names: Sequence[str]
) -> dict[str, list[Value]]:
    if classes is None:
        return {}
    if not isinstance(classes, Mapping):
        if len(names) != 1 or isinstance(classes, str):
            raise DataError(
                "`classes` must be a list for one "
                "task, or a mapping for several; "
                f"got {classes!r} for {list(names)}."
            )
        return {names[0]: list(classes)}
    by_task, unknown = {}, []
    for name, values in classes.items():
        by_task[name] = list(values)
        if name not in names:
            unknown.append(name)
    if unknown:
        raise DataError(
            f"`classes` must name classification tasks ({list(names)}); got {unknown}."
        )
    return by_task


def _fill(
    network: Network, state: State, names: Mapping[str, str], path: str | Path
) -> None:
    """Copy the weights into our network; raise with every tensor that does not fit."""
    own = network.state_dict()
    wrong = []
    for theirs, ours in names.items():
        shape, given = tuple(own[ours].shape), tuple(state[theirs].shape)
        if shape != given:
            wrong.append(f"{theirs} must have shape {shape}; got {given}")
        own[ours] = state[theirs]
    _refuse(wrong, path)
    network.load_state_dict(own)
