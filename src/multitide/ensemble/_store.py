"""The folder of an ensemble: a record, and the model folder of every fit."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import safetensors.torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, model_validator

from multitide._count_values import count_values
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import ENSEMBLE_FILE, ENSEMBLE_FORMAT, MODEL_FILE
from multitide._installed_versions import installed_versions
from multitide._partial_folder import refuse_partial
from multitide._result_folder import (
    read_record,
    said_of_newer,
    validated,
    write_file,
)
from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.calibration._calibration import Calibration
from multitide.ensemble._average import reference_targets
from multitide.errors import StoreError
from multitide.fitting._decide import Decision
from multitide.fitting._unseen import Unseen
from multitide.model._calibration_record import (
    CalibratedRecord,
    ScoresRecord,
    calibrated_labels,
    calibration_records,
    calibration_weights,
    rebuild_calibration,
    scores_records,
)
from multitide.model._check_stored import at_most, check_numbers, checking
from multitide.model._decision_record import (
    DecisionRecord,
    check_decisions,
    decision_records,
    decisions_of,
)
from multitide.model._history import HISTORY, PRETRAINING, write_history
from multitide.model._store import write_model
from multitide.model._weighted_fit import WeightedFit

SCHEMA = 1
MEMBERS = "members"
CALIBRATION = "calibration.safetensors"
Weight = Annotated[float, Field(ge=0, le=1)]
# What `MemberFit.key` looks like, perhaps as the draft that a kill has left.
FIT_FOLDER = r"\.?\d+-[a-z0-9_-]{0,40}-[0-9a-f]{12}(-[a-z0-9_]+)?$"
# A name of a folder, never a path.
Key = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$", max_length=200)]


@dataclass(frozen=True)
class MemberResult:
    """A member of a fitted ensemble.

    Attributes
    ----------
    fits : dict of str to MultiTaskEstimator
        Its fitted models by key.
    weights : dict of str to float
        Its weight in the prediction of each task.
    validation_loss : dict of str to float
        The loss of its mean prediction on the validation rows, per task; only tasks with labels.
    """

    fits: dict[str, MultiTaskEstimator]
    weights: dict[str, float]
    validation_loss: dict[str, float]


@dataclass(frozen=True)
class EnsembleResult:
    """A fitted ensemble.

    Attributes
    ----------
    members : dict of str to MemberResult
        By name.
    validation_loss : dict of str to float
        The loss of the weighted mean on the validation rows that chose the weights, per task.
    seed : int
        The first seed.
    seconds : float
        Wall time of the fit.
    calibration : Calibration
        Of the weighted mean.
    calibrated : list of CalibratedLabel
        What it changes.
    decisions : list of Decision
        The thresholds that rules have chosen for the calibrated mean.
    held_out : dict of str to Unseen
        The mean predictions for the rows that the fits held out, by task; not stored.
    """

    members: dict[str, MemberResult]
    validation_loss: dict[str, float]
    seed: int
    seconds: float
    calibration: Calibration = field(default_factory=Calibration)
    calibrated: list[CalibratedLabel] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    held_out: dict[str, Unseen] = field(default_factory=dict)

    @property
    def weighted_fits(self) -> list[WeightedFit]:
        """The fits that have a weight in some task."""
        found = []
        for member in self.members.values():
            weights = {}
            for task, weight in member.weights.items():
                if weight > 0:
                    weights[task] = weight / len(member.fits)
            for estimator in member.fits.values():
                if weights:
                    found.append(WeightedFit(estimator.stored_, weights))
        return found


class MemberRecord(BaseModel):
    """A member in ``ensemble.json``."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1)]
    fits: Annotated[list[Key], Field(min_length=1)]
    weights: dict[str, Weight]
    validation_loss: dict[str, NonNegativeFloat]


class EnsembleRecord(BaseModel):
    """The content of ``ensemble.json``."""

    model_config = ConfigDict(extra="forbid")
    format: str
    schema_version: int
    versions: dict[str, str]
    members: Annotated[list[MemberRecord], Field(min_length=1)]
    validation_loss: dict[str, NonNegativeFloat]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    seconds: NonNegativeFloat
    calibrated: list[CalibratedRecord] = []
    scores: list[ScoresRecord] = []
    calibration_sha256: str = ""
    decisions: list[DecisionRecord] = []

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError("`members` must have different names")
        tasks = set(self.members[0].weights)
        totals = dict.fromkeys(tasks, 0.0)
        for member in self.members:
            if set(member.weights) != tasks:
                raise ValueError("`members` must have weights for the same tasks")
            for task, weight in member.weights.items():
                totals[task] += weight
        if any(abs(total - 1) > 1e-6 for total in totals.values()):
            raise ValueError("the weights of each task must sum to 1")
        return self


def write_ensemble(result: EnsembleResult, folder: Path) -> None:
    """Write the record and the models into an existing folder; models that are there stay."""
    members = []
    for name, member in result.members.items():
        for key, estimator in member.fits.items():
            _write_fit(estimator, folder / MEMBERS / key)
        members.append(
            MemberRecord(
                name=name,
                fits=list(member.fits),
                weights=member.weights,
                validation_loss=member.validation_loss,
            )
        )
    weights = safetensors.torch.save(calibration_weights(result.calibration))
    write_file(folder / CALIBRATION, weights)
    record = EnsembleRecord(
        format=ENSEMBLE_FORMAT,
        schema_version=SCHEMA,
        versions=installed_versions(),
        members=members,
        validation_loss=result.validation_loss,
        seed=result.seed,
        seconds=result.seconds,
        calibrated=calibration_records(result.calibration, result.calibrated),
        scores=scores_records(result.calibration),
        calibration_sha256=hashlib.sha256(weights).hexdigest(),
        decisions=decision_records(result.decisions),
    )
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_file(folder / ENSEMBLE_FILE, text)


def remove_other_fits(result: EnsembleResult, folder: Path) -> None:
    """Remove fits that are not in the ensemble, as of an earlier configuration, and cut drafts."""
    kept = set()
    for member in result.members.values():
        kept |= set(member.fits)
    for place in (folder / MEMBERS).iterdir():
        is_ours = re.match(FIT_FOLDER, place.name) and not place.is_symlink()
        if is_ours and place.is_dir() and place.name not in kept:
            shutil.rmtree(place)


def read_ensemble(folder: Path, device: str | None = None) -> EnsembleResult:
    """Read an ensemble's folder.

    Raises
    ------
    StoreError
        If it holds no ensemble, or one that is damaged, or a model of it cannot be read.
    """
    refuse_partial(folder)
    with said_of_newer(folder / ENSEMBLE_FILE):
        return _read_ensemble(folder, device)


def _read_ensemble(folder: Path, device: str | None) -> EnsembleResult:
    path = folder / ENSEMBLE_FILE
    content = read_record(path, ENSEMBLE_FORMAT, {SCHEMA}, "Fit the ensemble again.")
    record = validated(content, EnsembleRecord, path)
    members = {}
    for member in record.members:
        fits = {}
        for key in member.fits:
            fits[key] = MultiTaskEstimator.load(folder / MEMBERS / key, device=device)
            _check_tasks(fits[key], member, folder / MEMBERS / key)
        members[member.name] = MemberResult(
            fits, member.weights, member.validation_loss
        )
    return EnsembleResult(
        members,
        record.validation_loss,
        record.seed,
        record.seconds,
        _read_calibration(folder, record, members),
        calibrated_labels(record.calibrated),
        _read_decisions(path, record, members),
    )


def _read_decisions(
    path: Path, record: EnsembleRecord, members: Mapping[str, MemberResult]
) -> list[Decision]:
    fit = next(iter(next(iter(members.values())).fits.values()))
    targets = {task.name: fit.model_.target(task.name) for task in fit.tasks_}
    with checking(path, "decisions"):
        check_decisions(record.decisions, targets)
    return decisions_of(record.decisions)


def _read_calibration(
    folder: Path, record: EnsembleRecord, members: Mapping[str, MemberResult]
) -> Calibration:
    """Return the calibration of the mean; an empty one of an older ensemble."""
    if not record.calibration_sha256:
        return Calibration()
    path = folder / CALIBRATION
    with checking(path, "content"):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != record.calibration_sha256:
            raise ValueError("its hash does not match")
        weights = safetensors.torch.load(content)
    predictors = []
    for member in members.values():
        for estimator in member.fits.values():
            predictors.append(estimator.model_)
    targets = reference_targets(predictors, list(record.members[0].weights))
    with (
        checking(folder / ENSEMBLE_FILE, "calibrated"),
        at_most(count_values(weights.values())),
    ):
        calibration = rebuild_calibration(
            record.calibrated, record.scores, targets, weights
        )
    check_numbers(calibration, path)
    return calibration


def _write_fit(estimator: MultiTaskEstimator, folder: Path) -> None:
    if (folder / MODEL_FILE).is_file():
        return
    folder.mkdir(parents=True)
    write_model(estimator.stored_, folder)
    write_history(estimator.history_, folder / HISTORY)
    write_history(estimator.pretrain_history_, folder / PRETRAINING)


def _check_tasks(
    estimator: MultiTaskEstimator, member: MemberRecord, folder: Path
) -> None:
    tasks = {task.name for task in estimator.tasks_}
    if tasks != set(member.weights):
        raise StoreError(
            f"{str(folder)!r} must predict the tasks of its ensemble, "
            f"{sorted(member.weights)}; got {sorted(tasks)}."
        )
