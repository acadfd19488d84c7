"""The reference system's trained LSTM-FCN networks as estimators of ours: the one reader of ``.pt`` files.

Nothing is unpickled: torch reads tensors only (``weights_only=True``).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multitide._checks import suggest
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.encodings._inputs import Inputs
from multitide.errors import DataError, StoreError
from multitide.fitting._data_sets import PLAIN
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import build_network
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel
from multitide.network._network import Answers, Entrance, Network
from multitide.tasks import (
    Classification,
    ClassificationTarget,
    Regression,
    RegressionTarget,
    Target,
)

State = dict[str, Tensor]
Classes = Sequence[Any] | Mapping[str, Sequence[Any]]
HEADS = ("fc", "fc_1", "fc_2")
SHAPING = (
    "lstm.weight_ih_l0",
    "lstm.weight_hh_l0",
    "se1.fc.0.weight",
)  # with the convolutions' they tell all sizes
N_TIMEPOINTS = 720  # what the reference's network declares, and never uses


def load_reference_weights(
    path: str | Path,
    *,
    classes: Classes | None = None,
    tasks: Sequence[str] = ("class", "number"),
    channels: Sequence[str] | None = None,
) -> MultiTaskEstimator:
    """Read a network that the reference system has trained (LSTM_FCNs, with one head or two) as a fitted estimator.

    It predicts what that network computes: raw inputs are not scaled, classes are told by their
    index unless `classes` names them, numbers are as they are. It can be saved, and be where
    training starts: ``fit(X, y, start=estimator)``; give that estimator
    ``inputs=Inputs(scale="none")`` then, since the backbone has learned on raw inputs.

    Parameters
    ----------
    path : path
        A state dict that ``torch.save`` wrote.
    classes : sequence, or mapping of task to sequence, optional
        The classes in the order of the head's outputs, as the user writes them; 0, 1, ... when not
        given.
    tasks : sequence of str, default=("class", "number")
        Names of the tasks, ``fc_1`` first. For a network of one head either its one name, or two,
        of which a classification gets the first and a regression the second.
    channels : sequence of str, optional
        Names of the channels; "0", "1", ... when not given.

    Returns
    -------
    MultiTaskEstimator
        Fitted. What training knew and the file does not say is set by convention: classes are
        equally frequent, numbers have a mean of 0 and a scale of 1; losses and the trivial
        predictor of ``evaluate`` rest on these.

    Raises
    ------
    StoreError
        If the file cannot be read as weights, or tensors are missing, unknown or of a wrong shape;
        all are named.
    DataError
        If `classes`, `tasks` or `channels` do not fit the network.
    """
    state = _read(Path(path))
    heads = [head for head in HEADS if f"{head}.weight" in state]
    names = _our_names(state, heads)
    _check_names(state, names, heads, path)
    n_outputs = [state[f"{head}.weight"].shape[0] for head in heads]
    targets = _targets(_task_names(tasks, n_outputs), n_outputs, classes)
    estimator = MultiTaskEstimator(
        [target.task for target in targets],
        backbone=_backbone(state),
        inputs=Inputs(scale="none"),
        verbose=0,
    )
    recipe = make_recipe(estimator.get_params(deep=False))
    inputs = recipe.inputs.build(_channel_names(channels, state["conv1.weight"].shape[1]))
    network = build_network(recipe, [Entrance(PLAIN, inputs)], targets, N_TIMEPOINTS)
    _fill(network, state, names, path)
    estimator.history_ = estimator.pretrain_history_ = pd.DataFrame()
    return estimator._take(_stored(estimator, network, inputs.channels))


def _stored(
    estimator: MultiTaskEstimator, network: Network, channels: tuple[str, ...]
) -> StoredModel:
    """Return the record of a model that was not trained here: epoch 0, no labels, no data."""
    return StoredModel(
        params=estimator.get_params(deep=False),
        tasks=[target.task for target in network.target_list],
        answers=Answers([network], [network.names]).eval(),
        data=[DataRecord(tasks=network.names, channels=channels, n_timepoints=N_TIMEPOINTS)],
        seed=0,
        best_epoch=dict.fromkeys(network.names, 0),
        n_labelled={name: {} for name in network.names},
        seconds=0.0,
    )


def _read(path: Path) -> State:
    if not path.is_file():
        raise StoreError(f"`path` must be a file of weights; there is none at {str(path)!r}.")
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # torch warns of strange pickles before it refuses them
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        Exception
    ) as error:  # of any kind: on a file that is no checkpoint torch's reader stumbles anywhere
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(
            f"{str(path)!r} must hold nothing but weights; it cannot be read so ({first})."
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(tensor, Tensor) for tensor in state.values()
    ):
        raise StoreError(
            f"{str(path)!r} must hold a state dict, names and tensors; got a {type(state).__name__}."
        )
    return dict(state)


def _our_names(state: State, heads: Sequence[str]) -> dict[str, str]:
    """Return what each tensor that has to be there is called here, by its name there."""
    n_layers = max(
        1, sum(re.fullmatch(r"lstm\.weight_ih_l\d+", name) is not None for name in state)
    )
    lstm = [
        f"{part}_l{i}"
        for i in range(n_layers)
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    blocks = {f"lstm.{name}": f"lstm.lstm.{name}" for name in lstm}
    for i in (1, 2, 3):
        blocks |= {f"conv{i}.{name}": f"conv{i}.convolution.{name}" for name in ("weight", "bias")}
        blocks |= {f"bn{i}.{name}": f"conv{i}.norm.{name}" for name in norm}
    for i in (1, 2):
        blocks[f"se{i}.fc.0.weight"] = f"conv{i}.squeeze.squeeze.weight"
        blocks[f"se{i}.fc.2.weight"] = f"conv{i}.squeeze.excite.weight"
    ours = {theirs: f"sharing.backbone.blocks.{name}" for theirs, name in blocks.items()}
    return ours | {
        f"{head}.{n}": f"heads.{i}.0.{n}"
        for i, head in enumerate(heads)
        for n in ("weight", "bias")
    }


def _check_names(
    state: State, names: Mapping[str, str], heads: Sequence[str], path: str | Path
) -> None:
    """Raise unless the tensors are those of the reference's network, with as many axes as theirs."""
    problems = [f"{name} is missing" for name in names if name not in state]
    if heads not in (["fc"], ["fc_1"], ["fc_1", "fc_2"]):
        problems.append(
            f"there must be a head fc, or fc_1, or fc_1 and fc_2, and there is {heads or 'none'}"
        )
    problems += [
        f"{name} is not known.{suggest(str(name), names)}" for name in state if name not in names
    ]
    axes = {**dict.fromkeys((f"conv{i}.weight" for i in (1, 2, 3)), 3), **dict.fromkeys(SHAPING, 2)}
    axes |= {f"{head}.weight": 2 for head in heads}
    problems += [
        f"{name} must have {n} axes, none of them empty, and has shape {tuple(state[name].shape)}"
        for name, n in axes.items()
        if name in state and (state[name].ndim != n or 0 in state[name].shape)
    ]
    _refuse(problems, path)


def _refuse(problems: Sequence[str], path: str | Path) -> None:
    if problems:
        raise StoreError(
            f"{str(path)!r} must hold the weights of an LSTM_FCNs of the reference system: {'; '.join(problems)}."
        )


def _backbone(state: State) -> LSTMFCN:
    """Read the sizes of the network off the shapes of its tensors."""
    convolutions = [state[f"conv{i}.weight"] for i in (1, 2, 3)]
    return LSTMFCN(
        filters=tuple(weight.shape[0] for weight in convolutions),
        kernel_sizes=tuple(weight.shape[2] for weight in convolutions),
        squeeze=max(1, convolutions[0].shape[0] // state["se1.fc.0.weight"].shape[0]),
        hidden_size=state["lstm.weight_hh_l0"].shape[1],
        num_layers=sum(name.startswith("lstm.weight_ih_l") for name in state),
    )


def _channel_names(channels: Sequence[str] | None, n_channels: int) -> tuple[str, ...]:
    names = tuple(map(str, range(n_channels) if channels is None else channels))
    if len(names) != n_channels or len(set(names)) != n_channels:
        raise DataError(f"`channels` must be {n_channels} different names; got {list(names)}.")
    return names


def _task_names(tasks: Sequence[str], n_outputs: Sequence[int]) -> list[str]:
    names = list(tasks) if not isinstance(tasks, str) else [tasks]
    if len(n_outputs) == 1 and len(names) == 2:
        names = names[1:] if n_outputs[0] == 1 else names[:1]
    if len(names) != len(n_outputs) or len(set(names)) != len(names):
        raise DataError(
            f"`tasks` must be {len(n_outputs)} different names, one a head; got {tasks!r}."
        )
    return names


def _targets(
    names: Sequence[str], n_outputs: Sequence[int], classes: Classes | None
) -> list[Target]:
    """Return a target a head; nothing is known of the labels it has learned from."""
    kinds = {name: n for name, n in zip(names, n_outputs, strict=True) if n > 1}
    named = _classes_by_task(classes, list(kinds))
    targets: list[Target] = []
    for name, n in zip(names, n_outputs, strict=True):
        if n == 1:
            targets.append(RegressionTarget(Regression(name)))
            continue
        values = named.get(name, list(range(n)))
        if len(values) != n or len(set(values)) != n:
            raise DataError(
                f"`classes` must be {n} different ones for {name!r}, one an output; got {values!r}."
            )
        target = ClassificationTarget(Classification(name), values)
        target.learn(np.ones(n))
        targets.append(target)
    return targets


def _classes_by_task(classes: Classes | None, names: Sequence[str]) -> dict[str, list[Any]]:
    if classes is None:
        return {}
    if not isinstance(classes, Mapping):
        if len(names) != 1 or isinstance(classes, str):
            raise DataError(
                f"`classes` must be a list for one task, a mapping for several ({list(names)})."
            )
        return {names[0]: list(classes)}
    if unknown := [name for name in classes if name not in names]:
        raise DataError(
            f"`classes` must name classification tasks, of {list(names)}; got {unknown}."
        )
    return {name: list(values) for name, values in classes.items()}


def _fill(network: Network, state: State, names: Mapping[str, str], path: str | Path) -> None:
    """Copy the weights into our network, or name every tensor that does not fit."""
    own = network.state_dict()
    wrong = [
        f"{theirs} must have shape {tuple(own[ours].shape)}, and has {tuple(state[theirs].shape)}"
        for theirs, ours in names.items()
        if own[ours].shape != state[theirs].shape
    ]
    _refuse(wrong, path)
    network.load_state_dict(own | {ours: state[theirs] for theirs, ours in names.items()})
