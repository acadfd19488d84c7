"""Saving and loading models without pickle.

A model is a folder of ``model.json`` and ``weights.safetensors``. ``model.json`` holds everything
but the weights, its own schema version, and the hashes of both files, so that a folder that was
damaged, edited or written by a newer multitide is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from multitide._count_values import count_values
from multitide._folder_kinds import MODEL_FILE, MODEL_FORMAT
from multitide._installed_versions import installed_versions
from multitide._partial_folder import refuse_partial
from multitide._result_folder import (
    new_folder,
    read_record,
    said_of_newer,
    validated,
    write_file,
)
from multitide._torch_defaults import torch_defaults
from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.data.tables._reading import Reading
from multitide.encodings._inputs import Inputs
from multitide.encodings._representation import Encoder
from multitide.errors import StoreError
from multitide.fitting._decide import Decision
from multitide.fitting._recipe import (
    make_recipe,
    replace_representation,
)
from multitide.fitting._weigh_fits import Candidate
from multitide.model._calibration_record import (
    calibrated_labels,
    calibration_records,
    calibration_weights,
    scores_records,
)
from multitide.model._check_stored import (
    checking,
)
from multitide.model._decision_record import decision_records, decisions_of
from multitide.model._history import HISTORY, PRETRAINING
from multitide.model._profile import TrainingProfile
from multitide.model._profile_file import PROFILE_FILE, read_profiles, write_profiles
from multitide.model._rebuild_predictor import WEIGHTS_FILE, rebuild_predictor
from multitide.model._schema import (
    CandidateRecord,
    DataRecord,
    ModelRecord,
    RepresentationRecord,
    network_record,
)
from multitide.model._stored_params import param_from_json, param_to_json
from multitide.model._stored_representation import (
    FILE,
    FOLDER,
    load_representation,
    save_representation,
)
from multitide.network._network import Predictor
from multitide.tasks import Task, task_from_config, task_to_config

SCHEMA = 1
CARD = "README.md"  # what a person reads first in a folder


@dataclass
class StoredModel:
    """A fitted estimator without its training history.

    Attributes
    ----------
    params : dict
        The estimator's constructor parameters.
    tasks, predictor : list of Task, Predictor
        The declared tasks, and the module that predicts them.
    data : list of DataRecord
        The data sets that it was fitted on.
    seed, best_epoch, n_labelled, seconds, trials, candidates, calibrated, decisions
        See the estimator's attributes.
    encoder : Encoder or None
        Makes the vectors that the networks read; None: they read the series.
    profiles : list of TrainingProfile
        What the training data looked like, one per data set; empty for a model so far, and for
        those of earlier versions.
    """

    params: dict[str, Any]
    tasks: list[Task]
    predictor: Predictor
    data: list[DataRecord]
    seed: int
    best_epoch: dict[str, int]
    n_labelled: dict[str, dict[str, int]]
    seconds: float
    trials: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    calibrated: list[CalibratedLabel] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    encoder: Encoder | None = None
    profiles: list[TrainingProfile] = field(default_factory=list)


def save_model(stored: StoredModel, folder: Path) -> Path:
    """Write a model as a new folder."""
    with new_folder(folder) as draft:
        write_model(stored, draft)
    return folder


def write_model(stored: StoredModel, folder: Path) -> None:
    """Write the files of a model into an existing folder."""
    weights = safetensors.torch.save(_weights(stored.predictor))
    write_file(folder / WEIGHTS_FILE, weights)
    representation = _save_representation(stored, folder)
    profiles = write_profiles(stored.profiles, folder)
    record = _record(stored, _sha256(weights), representation, profiles)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    write_file(folder / MODEL_FILE, text)


def refuse_more_than_a_model(folder: Path) -> None:
    """Raise unless a folder is empty or holds a model and nothing else, so that it may be replaced.

    Raises
    ------
    StoreError
        If there is no model, or another file.
    """
    ours = {MODEL_FILE, WEIGHTS_FILE, PROFILE_FILE, CARD}
    ours |= {HISTORY, PRETRAINING, FILE, FOLDER}
    if folder.is_dir():
        others = sorted({path.name for path in folder.iterdir()} - ours)
    else:
        others = [folder.name]
    if others:
        raise StoreError(
            "`folder` must hold nothing but "
            "a model to be overwritten; "
            f"{str(folder)!r} has {others[0]!r}. "
            "Choose another name or move it away."
        )
    if any(folder.iterdir()):
        read_model_record(folder)


@torch_defaults()
def load_model(folder: Path, transformer: object = None) -> StoredModel:
    """Read a model from a model or run folder; see :meth:`multitide.MultiTaskEstimator.load`."""
    with said_of_newer(folder / MODEL_FILE):
        return _load_model(folder, transformer)


def _load_model(folder: Path, transformer: object) -> StoredModel:
    record, path = read_model_record(folder), folder / MODEL_FILE
    weights = _read_weights(folder, record)
    params = {}
    for name, value in record.estimator.items():
        with checking(path, f"estimator.{name}"):
            params[name] = param_from_json(name, value)
    encoder = None
    if record.representation is not None:
        _check_size(record.representation.n_features, weights, path, "n_features")
        params["inputs"], encoder = _load_representation(
            record.representation, folder, params.get("inputs"), transformer
        )
    tasks = []
    for i, config in enumerate(record.tasks):
        _check_size(config.get("horizon", 1), weights, path, f"tasks.{i}.horizon")
        with checking(path, f"tasks.{i}"):
            tasks.append(task_from_config(config))
    for data in record.data:
        if data.reading:
            with checking(path, f"data.{data.name}.reading"):
                Reading.from_dict(data.reading)
    with checking(path, "estimator"):
        recipe = make_recipe(params | {"device": "auto"})
    return StoredModel(
        params=params,
        tasks=tasks,
        predictor=rebuild_predictor(recipe, record, tasks, weights, folder),
        data=record.data,
        seed=record.seed,
        best_epoch=record.best_epoch,
        n_labelled=record.n_labelled,
        seconds=record.seconds,
        trials=record.trials,
        candidates=[cast(Candidate, each.model_dump()) for each in record.candidates],
        calibrated=calibrated_labels(record.calibrated),
        decisions=decisions_of(record.decisions),
        encoder=encoder,
        profiles=read_profiles(folder, record),
    )


def _check_size(
    size: object, weights: Mapping[str, Tensor], path: Path, field: str
) -> None:
    """Raise unless a number of inputs or outputs can be that of a network with these weights."""
    largest = count_values(weights.values())
    with checking(path, field):
        if not isinstance(size, int) or not 0 < size <= largest:
            raise ValueError(f"must be from 1 to {largest}; got {size!r}")


def read_model_record(folder: Path) -> ModelRecord:
    """Read and check ``model.json``.

    Raises
    ------
    StoreError
        If it is missing, damaged or edited, or has an unknown schema version.
    """
    refuse_partial(folder)
    path = folder / MODEL_FILE
    remedy = f"This is multitide {version('multitide')}; install the other version to read it."
    content = read_record(
        path, MODEL_FORMAT, {SCHEMA}, remedy, called="model or run folder"
    )
    with checking(path, "text"):
        digest = _record_hash(content)
    if content.get("sha256") != digest:
        raise StoreError(
            f"{str(path)!r} was altered or "
            "damaged after it was written: "
            "its hash does not match."
        )
    return validated(content, ModelRecord, path)


def _record(
    stored: StoredModel,
    weights_sha256: str,
    representation: RepresentationRecord | None,
    profiles_sha256: str | None,
) -> dict[str, object]:
    params = {}
    for name, value in stored.params.items():
        params[name] = param_to_json(name, value)
    networks = []
    predictor = stored.predictor
    for (network, tasks), shares in zip(predictor.pairs, predictor.shares, strict=True):
        networks.append(network_record(network, tasks, shares, stored.params))
    record = ModelRecord(
        format=MODEL_FORMAT,
        schema_version=SCHEMA,
        versions=installed_versions(),
        estimator=params,
        tasks=list(map(task_to_config, stored.tasks)),
        data=stored.data,
        networks=networks,
        seed=stored.seed,
        best_epoch=stored.best_epoch,
        n_labelled=stored.n_labelled,
        seconds=stored.seconds,
        trials=stored.trials,
        candidates=_candidates(stored),
        calibrated=calibration_records(predictor.calibration, stored.calibrated),
        scores=scores_records(predictor.calibration),
        decisions=decision_records(stored.decisions),
        representation=representation,
        weights_sha256=weights_sha256,
        profiles_sha256=profiles_sha256,
    ).model_dump(mode="json")
    return record | {"sha256": _record_hash(record)}


def _candidates(stored: StoredModel) -> list[CandidateRecord]:
    records = []
    for row in stored.candidates:
        known = row.copy()
        known["loss"] = _finite_or_none(row["loss"])
        known["mean_loss"] = _finite_or_none(row["mean_loss"])
        records.append(CandidateRecord(**known))
    return records


def _finite_or_none(loss: float | None) -> float | None:
    if loss is None or not math.isfinite(loss):
        return None
    return loss


def _save_representation(
    stored: StoredModel, folder: Path
) -> RepresentationRecord | None:
    if stored.encoder is None:
        return None
    kind = save_representation(stored.encoder, folder, save_model)
    n_features = len(stored.predictor.network_list[0].stems[0].inputs.channels)
    digest = _representation_hash(folder)
    return RepresentationRecord(kind=kind, n_features=n_features, sha256=digest)


def _load_representation(
    record: RepresentationRecord, folder: Path, inputs: object, transformer: object
) -> tuple[Inputs, Encoder]:
    """Return the inputs with the representation, and its encoder."""
    try:
        digest = _representation_hash(folder)
    except OSError as error:
        raise StoreError(
            f"{str(folder)!r} must hold the model's representation; "
            f"it does not ({error})."
        ) from error
    if digest != record.sha256:
        raise StoreError(
            f"The representation in {str(folder)!r} was "
            "altered or damaged after it was written."
        )
    spec, encoder = load_representation(record.kind, folder, transformer, load_model)
    return replace_representation(inputs, spec), encoder


def _representation_hash(folder: Path) -> str:
    """Return the hash of the representation's file.

    For a model it is that of its record, which holds the hashes of the other files.
    """
    path = folder / FILE
    if not path.is_file():
        path = folder / FOLDER / MODEL_FILE
    return _sha256(path.read_bytes())


def _weights(predictor: Predictor) -> dict[str, Tensor]:
    state = predictor.networks.state_dict()
    weights = {}
    for name, tensor in state.items():
        weights[name] = tensor.contiguous().clone()
    return weights | calibration_weights(predictor.calibration)


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
            f"{str(path)!r} was altered or "
            "damaged after it was written: "
            "its hash does not match."
        )
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        raise StoreError(f"{str(path)!r} cannot be read: {error}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _record_hash(record: dict[str, object]) -> str:
    content = {}
    for key, value in record.items():
        if key != "sha256":
            content[key] = value
    return _sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
