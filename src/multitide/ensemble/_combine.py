"""The predictions of an ensemble's fits, combined for each task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from multitide.data._data_sets import DataSets
from multitide.ensemble._store import EnsembleResult
from multitide.fitting._recipe import resolve_device
from multitide.model._aligned import aligned
from multitide.model._prediction import decode_all
from multitide.tasks import Target
from multitide.training._decode_samples import Decoded


def combined_predictions(
    result: EnsembleResult,
    targets: Mapping[str, Target],
    data_sets: DataSets,
    how: Callable[[list[np.ndarray], list[float]], np.ndarray],
) -> dict[str, Decoded]:
    """Return each task's predictions, combined over the fits with a weight, by data set.

    Parameters
    ----------
    result : EnsembleResult
        The fits and their weights.
    targets : mapping of str to Target
        The reference target of each task.
    data_sets : DataSets
        What is predicted.
    how : callable
        Combines predictions with weights.
    """
    values: dict[tuple[str, str], list[np.ndarray]] = {}
    weights: dict[tuple[str, str], list[float]] = {}
    for data, task, weight, array in _weighted(result, targets, data_sets):
        values.setdefault((data, task), []).append(array)
        weights.setdefault((data, task), []).append(weight)
    combined: dict[str, Decoded] = {}
    for data in data_sets:
        combined[data] = {}
        for task in targets:
            if (data, task) in values:
                combined[data][task] = how(values[data, task], weights[data, task])
    return combined


def _weighted(
    result: EnsembleResult, targets: Mapping[str, Target], data_sets: DataSets
) -> Iterator[tuple[str, str, float, np.ndarray]]:
    """Yield data set, task, weight and predictions of every fit with a weight."""
    for member in result.members.values():
        if not any(member.weights.values()):
            continue
        for estimator in member.fits.values():
            device = resolve_device(estimator.device)
            decoded = decode_all(estimator.stored_, data_sets, device)
            for data, own in decoded.items():
                matching = aligned(own, estimator.model_, targets)
                for task, array in matching.items():
                    weight = member.weights[task] / len(member.fits)
                    if weight > 0:
                        yield data, task, weight, array
