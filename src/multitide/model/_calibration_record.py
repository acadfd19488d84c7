"""What ``model.json`` says about the calibration of a model, whose numbers are in the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt
from torch import Tensor

from multitide.calibration import COLUMN_MAPS, ShiftedTemperature, Temperature
from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.calibration._calibration import Calibration
from multitide.calibration._calibrator import Calibrator
from multitide.calibration._column_map import ColumnMap
from multitide.calibration._conformity_of import conformity_of
from multitide.calibration._labels import Labels
from multitide.calibration._scores import Scores
from multitide.calibration._two_classes import TwoClasses
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._task import Target

WEIGHTS = "calibration."  # how the keys of its numbers begin


class CalibratedRecord(BaseModel):
    """The calibration of a task, or of a label of it; see :class:`CalibratedLabel`.

    ``n_knots`` is the number of knots of an isotonic regression. Losses are None where there was no
    label.
    """

    model_config = ConfigDict(extra="forbid")
    task: str
    label: str
    method: Literal[
        "temperature", "shifted temperature", "platt", "isotonic", "unchanged"
    ]
    n_knots: Annotated[int, Field(ge=0)]
    rows: Literal["calibration", "validation"]
    n_labels: NonNegativeInt
    log_loss: FiniteFloat | None
    calibrated_log_loss: FiniteFloat | None


class ScoresRecord(BaseModel):
    """The conformal scores of a task, which are in the weights.

    Attributes
    ----------
    task : str
        Its name.
    n_scores : int
        Number of stored scores over all of its columns.
    """

    model_config = ConfigDict(extra="forbid")
    task: str
    n_scores: NonNegativeInt


def scores_records(calibration: Calibration) -> list[ScoresRecord]:
    """Return what a model stores about its conformal scores, besides numbers."""
    records = []
    for task, scores in calibration.scores.items():
        records.append(ScoresRecord(task=task, n_scores=len(scores.values)))
    return records


def calibration_records(
    calibration: Calibration, rows: Sequence[CalibratedLabel]
) -> list[CalibratedRecord]:
    """Return what a model stores about its calibration, besides numbers."""
    knots: dict[str, list[int]] = {}
    for task, calibrator in calibration.by_task.items():
        knots[task] = [each.n_knots for each in _maps(calibrator)]
    records = []
    for row in rows:
        known = knots[row["task"]]
        n_knots = known.pop(0) if known else 0
        values = dict(row, n_knots=n_knots)
        for name in ("log_loss", "calibrated_log_loss"):
            values[name] = None if row[name] != row[name] else row[name]
        records.append(CalibratedRecord.model_validate(values))
    return records


def calibrated_labels(records: Sequence[CalibratedRecord]) -> list[CalibratedLabel]:
    """Return the rows that a stored model had; an unknown loss is NaN."""
    rows: list[CalibratedLabel] = []
    for record in records:
        losses = []
        for loss in (record.log_loss, record.calibrated_log_loss):
            losses.append(float("nan") if loss is None else loss)
        rows.append(
            {
                "task": record.task,
                "label": record.label,
                "method": record.method,
                "rows": record.rows,
                "n_labels": record.n_labels,
                "log_loss": losses[0],
                "calibrated_log_loss": losses[1],
            }
        )
    return rows


def rebuild_calibration(
    records: Sequence[CalibratedRecord],
    scores: Sequence[ScoresRecord],
    targets: Mapping[str, Target],
    weights: Mapping[str, Tensor],
) -> Calibration:
    """Return the calibration that records describe, with its numbers.

    Parameters
    ----------
    records : sequence of CalibratedRecord
        In the order of the tasks and their labels.
    scores : sequence of ScoresRecord
        One per task with scores.
    targets : mapping of str to Target
        The target of each task.
    weights : mapping of str to Tensor
        Of the whole model.

    Raises
    ------
    ValueError
        If a record does not fit its task.
    RuntimeError
        If the numbers do not fit the records.
    """
    by_task: dict[str, list[CalibratedRecord]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    calibrators = {}
    for task, own in by_task.items():
        if task not in targets:
            raise ValueError(f"there is no task {task!r}")
        calibrators[task] = _calibrator(own, targets[task])
    calibration = Calibration(calibrators, _scores(scores, targets))
    state = {}
    for key, tensor in weights.items():
        if key.startswith(WEIGHTS):
            state[key.removeprefix(WEIGHTS)] = tensor
    calibration.load_state_dict(state)
    return calibration.eval()


def _scores(
    records: Sequence[ScoresRecord], targets: Mapping[str, Target]
) -> dict[str, Scores]:
    """Return scores of the right sizes, without their numbers."""
    by_task = {}
    for record in records:
        conformity = None
        if record.task in targets:
            conformity = conformity_of(targets[record.task])
        if conformity is None or record.task in by_task:
            raise ValueError(
                f"there is no task {record.task!r} with intervals, or twice"
            )
        by_task[record.task] = Scores(record.n_scores, len(conformity.columns))
    return by_task


def calibration_weights(calibration: Calibration) -> dict[str, Tensor]:
    """Return the numbers of a calibration by the keys that they are stored under."""
    weights = {}
    for name, tensor in calibration.state_dict().items():
        weights[WEIGHTS + name] = tensor.contiguous().clone()
    return weights


def _calibrator(records: Sequence[CalibratedRecord], target: Target) -> Calibrator:
    if isinstance(target, MultiLabelTarget):
        if [record.label for record in records] != list(target.task.columns):
            raise ValueError("a multi-label task must have a record per label")
        return Labels([_map(record) for record in records])
    if not isinstance(target, ClassificationTarget) or len(records) != 1:
        raise ValueError("only tasks with classes are calibrated, and once")
    if target.n_outputs == 2:
        return TwoClasses(_map(records[0]))
    if records[0].method == "shifted temperature":
        return ShiftedTemperature(target.n_outputs)
    if records[0].method != "temperature":
        raise ValueError("several classes must be calibrated by temperature")
    return Temperature()


def _map(record: CalibratedRecord) -> ColumnMap:
    if record.method not in COLUMN_MAPS:
        raise ValueError(f"{record.method!r} is not for yes/no labels")
    if record.method == "isotonic" and record.n_knots < 2:
        raise ValueError("isotonic regression must have at least two knots")
    return COLUMN_MAPS[record.method](record.n_knots)


def _maps(calibrator: Calibrator) -> list[ColumnMap]:
    """Return the maps of a calibrator, of which each label has one."""
    if isinstance(calibrator, Labels):
        return calibrator.maps
    if isinstance(calibrator, TwoClasses):
        return [calibrator.of_second]
    return []
