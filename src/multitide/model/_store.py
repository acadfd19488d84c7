"""Saving and loading: a model is a folder of ``model.json`` and ``weights.safetensors``; no pickle is ever read.

``model.json`` says everything but the weights, its own schema version, and the hash of both files,
so that a folder that was damaged, altered by hand or written by a newer multitide is refused
instead of half understood.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor

from multitide._registries import part_to_config
from multitide.data._splits import Splitter
from multitide.encodings._inputs import Inputs
from multitide.encodings._representation import Encoder
from multitide.encodings._static import StaticLayer
from multitide.errors import StoreError
from multitide.fitting._recipe import (
    PART_PARAMETERS,
    Recipe,
    make_part,
    make_recipe,
    replace_representation,
)
from multitide.fitting._task_group import build_network
from multitide.model._schema import DataRecord, ModelRecord, NetworkRecord, RepresentationRecord
from multitide.model._stored_representation import (
    FILE,
    FOLDER,
    load_representation,
    network_shape,
    save_representation,
)
from multitide.network._network import Answers, Entrance, Network, copy_with_state
from multitide.tasks import Task, task_from_config, task_to_config

SCHEMA = 1
MODEL_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
VERSIONS = ("multitide", "torch", "numpy", "pandas", "scikit-learn")


@dataclass
class StoredModel:
    """Everything that a fitted estimator is, apart from its training history.

    Attributes
    ----------
    params : dict
        The estimator's constructor parameters.
    tasks, answers : list of Task, Answers
        The declared tasks, and the module that answers them.
    data : list of DataRecord
        What it has learned from: one data set, or several.
    seed, best_epoch, n_labelled, seconds, trials
        How it came about; see the estimator's attributes.
    encoder : Encoder or None
        Makes the vectors that the networks read; None: they read the series.
    """

    params: dict[str, Any]
    tasks: list[Task]
    answers: Answers
    data: list[DataRecord]
    seed: int
    best_epoch: dict[str, int]
    n_labelled: dict[str, dict[str, int]]
    seconds: float
    trials: list[dict[str, Any]] = field(default_factory=list)
    encoder: Encoder | None = None


def save_model(stored: StoredModel, folder: Path) -> Path:
    """Write a model as a new folder, atomically; see :meth:`multitide.MultiTaskEstimator.save`."""
    refuse_existing(folder)
    draft = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        safetensors.torch.save_file(_weights(stored.answers), draft / WEIGHTS_FILE)
        representation = _save_representation(stored, draft)
        record = _record(stored, _sha256((draft / WEIGHTS_FILE).read_bytes()), representation)
        (draft / MODEL_FILE).write_text(
            json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8"
        )
        draft.chmod(0o755)
        os.replace(draft, folder)
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def load_model(folder: Path, transformer: Any = None) -> StoredModel:
    """Read a model from a model or run folder; see :meth:`multitide.MultiTaskEstimator.load`."""
    record = read_record(folder)
    weights = _read_weights(folder, record)
    params = {name: _from_json(name, value) for name, value in record.estimator.items()}
    encoder = None
    if record.representation is not None:
        params["inputs"], encoder = _load_representation(
            record.representation, folder, params["inputs"], transformer
        )
    tasks = [task_from_config(config) for config in record.tasks]
    recipe = make_recipe(params | {"device": "auto"})
    return StoredModel(
        params=params,
        tasks=tasks,
        answers=_rebuild(recipe, record, tasks, weights, folder),
        data=record.data,
        seed=record.seed,
        best_epoch=record.best_epoch,
        n_labelled=record.n_labelled,
        seconds=record.seconds,
        trials=record.trials,
        encoder=encoder,
    )


def read_record(folder: Path) -> ModelRecord:
    """Read and check ``model.json``.

    Raises
    ------
    StoreError
        If it is not there, is damaged or altered, or has a schema version that this multitide does
        not know.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise StoreError(
            f"`folder` must be a model or run folder with {MODEL_FILE!r}; got {str(folder)!r}."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise StoreError(
            f"{str(path)!r} must be readable JSON; it is damaged ({error})."
        ) from error
    if not isinstance(content, dict) or content.get("format") != "multitide":
        raise StoreError(f"{str(path)!r} must be a multitide model; its format is not 'multitide'.")
    if content.get("schema_version") != SCHEMA:
        wrote = content.get("versions", {}).get("multitide", "unknown")
        raise StoreError(
            f"{str(path)!r} must have schema version {SCHEMA}; got {content.get('schema_version')} (written by "
            f"multitide {wrote}, this is {version('multitide')}). Install that version to read it."
        )
    if content.get("sha256") != _record_hash(content):
        raise StoreError(
            f"{str(path)!r} was altered or damaged after it was written: its hash does not fit."
        )
    try:
        return ModelRecord.model_validate(content)
    except ValidationError as error:
        raise StoreError(f"{str(path)!r} is not a whole model record: {error}") from error


def write_history(history: pd.DataFrame, folder: Path) -> None:
    """Write the history beside a model, one JSON object a line."""
    history.to_json(folder / "history.jsonl", orient="records", lines=True)


def read_history(folder: Path) -> pd.DataFrame:
    """Read the history of a run folder; empty for a bare model folder."""
    path = folder / "history.jsonl"
    return pd.read_json(path, orient="records", lines=True) if path.is_file() else pd.DataFrame()


def refuse_existing(folder: Path, name: str = "folder") -> None:
    """Raise if there is already something at `folder`, except an empty directory; `name` is what the user calls it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(
            f"`{name}` must not exist yet; {str(folder)!r} does. Choose another name or move it away."
        )


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that decide a result."""
    found = {}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _record(
    stored: StoredModel, weights_sha256: str, representation: RepresentationRecord | None
) -> dict[str, Any]:
    answers = stored.answers
    record = ModelRecord(
        format="multitide",
        schema_version=SCHEMA,
        versions=installed_versions(),
        estimator={name: _to_json(name, value) for name, value in stored.params.items()},
        tasks=[task_to_config(task) for task in stored.tasks],
        data=stored.data,
        networks=[
            _network_record(*pair)
            for pair in zip(answers.network_list, answers.answered, strict=True)
        ],
        seed=stored.seed,
        best_epoch=stored.best_epoch,
        n_labelled=stored.n_labelled,
        seconds=stored.seconds,
        trials=stored.trials,
        representation=representation,
        weights_sha256=weights_sha256,
    ).model_dump(mode="json")
    return record | {"sha256": _record_hash(record)}


def _save_representation(stored: StoredModel, folder: Path) -> RepresentationRecord | None:
    if stored.encoder is None:
        return None
    kind = save_representation(stored.encoder, folder, save_model)
    n_features = len(stored.answers.network_list[0].entrances[0].inputs.channels)
    return RepresentationRecord(
        kind=kind, n_features=n_features, sha256=_representation_hash(folder)
    )


def _load_representation(
    record: RepresentationRecord, folder: Path, inputs: Any, transformer: Any
) -> tuple[Inputs, Encoder]:
    """Return the inputs with the representation, and what it had become."""
    try:
        found = _representation_hash(folder)
    except OSError as error:
        raise StoreError(
            f"{str(folder)!r} must hold the model's representation; it does not ({error})."
        ) from error
    if found != record.sha256:
        raise StoreError(
            f"The representation in {str(folder)!r} was altered or damaged after it was written."
        )
    spec, encoder = load_representation(record.kind, folder, transformer, load_model)
    return replace_representation(inputs, spec), encoder


def _representation_hash(folder: Path) -> str:
    """Return the hash of the representation's file; of a model, that of its record, which holds those of the rest."""
    path = folder / FILE
    return _sha256((path if path.is_file() else folder / FOLDER / MODEL_FILE).read_bytes())


def _network_record(network: Network, answered: list[str]) -> NetworkRecord:
    return NetworkRecord(
        tasks=network.names,
        answered=answered,
        targets=[target.to_config() for target in network.target_list],
        data=network.domains,
        static=[None if e.static is None else e.static.to_config() for e in network.entrances],
    )


def _weights(answers: Answers) -> dict[str, Tensor]:
    return {
        name: tensor.contiguous().clone() for name, tensor in answers.networks.state_dict().items()
    }


def _read_weights(folder: Path, record: ModelRecord) -> dict[str, Tensor]:
    path = folder / WEIGHTS_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"`folder` must have {WEIGHTS_FILE!r}; {str(folder)!r} has none ({error})."
        ) from error
    if _sha256(content) != record.weights_sha256:
        raise StoreError(
            f"{str(path)!r} was altered or damaged after it was written: its hash does not fit."
        )
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        raise StoreError(f"{str(path)!r} cannot be read: {error}") from error


def _rebuild(
    recipe: Recipe, record: ModelRecord, tasks: list[Task], weights: dict[str, Tensor], folder: Path
) -> Answers:
    by_name = {task.name: task for task in tasks}
    n_features = None if record.representation is None else record.representation.n_features
    shapes = {
        d.name: network_shape(d.channels, d.categories, d.n_timepoints, n_features)
        for d in record.data
    }
    networks = []
    for i, entry in enumerate(record.networks):
        entrances = []
        for name, static in zip(entry.data, entry.static, strict=True):
            inputs = recipe.inputs.build(*shapes[name][:2])
            entrances.append(
                Entrance(name, inputs, None if static is None else StaticLayer.from_config(static))
            )
        pairs = zip(entry.tasks, entry.targets, strict=True)
        targets = [by_name[name].target_from_config(config) for name, config in pairs]
        network = build_network(
            recipe, entrances, targets, max(shapes[name][2] for name in entry.data)
        )
        state = {
            key.removeprefix(f"{i}."): tensor
            for key, tensor in weights.items()
            if key.startswith(f"{i}.")
        }
        try:
            networks.append(copy_with_state(network, state))
        except RuntimeError as error:
            raise StoreError(
                f"The weights in {str(folder)!r} do not fit the model of its record: {error}"
            ) from error
    return Answers(networks, [entry.answered for entry in record.networks]).eval()


def _to_json(name: str, value: Any) -> Any:
    """Return a constructor parameter as plain JSON; what cannot be one (validation samples) becomes None."""
    if name == "tasks":
        return (
            None
            if value is None
            else [task if isinstance(task, str) else task_to_config(task) for task in value]
        )
    if isinstance(value, Splitter):
        return value.get_params()
    if name == "inputs" and value is not None:
        value = replace_representation(value, None)  # which has a file of its own
    if name in PART_PARAMETERS and value is not None:
        return part_to_config(PART_PARAMETERS[name], value)
    return value


def _from_json(name: str, value: Any) -> Any:
    if name == "tasks" and value is not None:
        return [task if isinstance(task, str) else task_from_config(task) for task in value]
    if name == "validation" and isinstance(value, dict):
        return Splitter(**value)
    if name in PART_PARAMETERS and value is not None:
        return make_part(name, value)
    return value


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _record_hash(record: dict[str, Any]) -> str:
    content = {key: value for key, value in record.items() if key != "sha256"}
    return _sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
