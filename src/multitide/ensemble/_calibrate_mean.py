"""Calibrating the mean of an ensemble's members, on samples that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from multitide._estimator import MultiTaskEstimator
from multitide.data._data_sets import DataSets
from multitide.data._split_data import SplitData
from multitide.ensemble._average import mean
from multitide.ensemble._store import EnsembleResult
from multitide.ensemble._validation_rows import Held, common_rows
from multitide.fitting._calibrate import calibration_of
from multitide.fitting._recipe import make_recipe
from multitide.fitting._unseen import Unseen, are_whole, joined, unseen_rows
from multitide.tasks import Target
from multitide.training._decode_samples import Decoded
from multitide.training._settings import Training

# From the most that a member may ask for to the least; the ensemble does the least.
SETTINGS = ("auto", "intervals", "none")


def held_out_means(
    held: Mapping[str, Held],
    weights: Mapping[str, Sequence[float]],
    data: Sequence[SplitData],
    targets: Mapping[str, Target],
) -> dict[str, Unseen]:
    """Return the weighted means of what members predict for the rows that they held out, by task.

    Parameters
    ----------
    held : mapping of str to Held
        By member.
    weights : mapping of str to sequence of float
        The weights of the members in each task.
    data : sequence of SplitData
        As the first seed divides them.
    targets : mapping of str to Target
        The reference target of each task.
    """
    found = {}
    for task, target in targets.items():
        parts = []
        n_before = 0
        for each in data:
            rows = common_rows(held, each, task)
            if not len(rows):
                continue
            predictions = [own.mean(each.name, task, rows) for own in held.values()]
            whole = are_whole(each, each.split.validation)
            decoded = mean(predictions, weights[task])
            parts.append(unseen_rows(target, each, rows, decoded, n_before, whole))
            n_before += len(rows)
        if parts:
            found[task] = joined(parts)
    return found


def calibrated_mean(
    result: EnsembleResult,
    members: Mapping[str, MultiTaskEstimator],
    data: Sequence[SplitData],
    targets: Mapping[str, Target],
    predict: Callable[[DataSets], Mapping[str, Decoded]],
) -> EnsembleResult:
    """Return an ensemble whose mean is calibrated.

    Parameters
    ----------
    result : EnsembleResult
        The fitted ensemble.
    members : mapping of str to MultiTaskEstimator
        They say what is calibrated.
    data : sequence of SplitData
        As the first seed divides them; the calibration set is the same for all seeds.
    targets : mapping of str to Target
        The reference target of each task.
    predict : callable
        Returns the mean predictions for data sets.
    """
    settings = _settings(members)
    if settings.calibrate == "none":
        return result
    sets = {}
    for each in data:
        if len(each.split.calibration):
            sets[each.name] = each.calibration_set
    if not sets:
        calibration, labels = calibration_of(result.held_out, "validation", settings)
        return replace(result, calibration=calibration, calibrated=labels)
    parts: dict[str, list[Unseen]] = {}
    n_before = 0
    decoded = predict(DataSets(sets))
    for each in data:
        index = each.split.calibration
        for task, values in decoded.get(each.name, {}).items():
            rows = unseen_rows(targets[task], each, index, values, n_before)
            parts.setdefault(task, []).append(rows)
        n_before += len(index)
    unseen = {task: joined(each) for task, each in parts.items()}
    calibration, labels = calibration_of(unseen, "calibration", settings)
    return replace(result, calibration=calibration, calibrated=labels)


def _settings(members: Mapping[str, MultiTaskEstimator]) -> Training:
    """Return the settings of the member that asks for the least."""
    asked = []
    for member in members.values():
        asked.append(make_recipe(member.get_params(deep=False)).training)
    return max(asked, key=lambda training: SETTINGS.index(training.calibrate))
