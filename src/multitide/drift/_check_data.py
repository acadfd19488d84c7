"""Compare new data with the data that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd

from multitide._checks import check_type
from multitide._estimator import MultiTaskEstimator
from multitide._torch_defaults import torch_defaults
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.drift._drift_report import DriftReport
from multitide.ensemble._ensemble import Ensemble
from multitide.errors import ParameterError
from multitide.fitting._data_sets import check_names
from multitide.model._fitted_model import FittedModel
from multitide.model._profile import ColumnProfile, TrainingProfile, difference
from multitide.model._profile_columns import (
    Column,
    drawn,
    input_columns,
    label_columns,
    prediction_columns,
)

# Differences below these are never drift, however small those between parts of the training set.
LEAST_DISTANCE = 0.1
LEAST_MISSING = 0.05
THRESHOLD = 2.0


@torch_defaults()
def check_data(
    model: FittedModel,
    samples: Samples | Mapping[str, Samples],
    *,
    threshold: float = THRESHOLD,
) -> DriftReport:
    """Say what differs between new data and those that a model was trained on.

    Every channel, static input, length, sampling step, label and prediction is compared with what
    the model remembers of its training set; predictions with those for its validation set.

    The **score** of a column is its distance from the training set over the distance that is
    usual: the largest one of some 20 parts of the training set of the same size (neighbouring
    samples, and samples of the same series) from the rest of it, or 0.1 if that is larger. The
    difference of the shares of missing values is scored in the same way (at least 0.05); the larger
    score counts. So the score allows for rows that depend on each other and for series that differ.

    Parameters
    ----------
    model : MultiTaskEstimator or Ensemble
        A fitted model; for an ensemble, the predictions are those of its first fit.
    samples : Samples, or dict with one Samples
        The new data, with or without labels; for a model of several data sets with the name of one.
    threshold : float, default=2.0
        Scores above it are drift. In simulations without drift, 0 to 8 % of new data sets of ten
        channels reach 2; see the page on drift.

    Returns
    -------
    DriftReport
        With one row per column.

    Raises
    ------
    ParameterError
        If the model does not know its training data because an earlier version fitted it.
    DataError
        If the samples cannot be read like the training samples.
    """
    check_type("model", model, FittedModel, "Give a fitted estimator or ensemble.")
    _check_threshold(threshold)
    estimator = _estimator(model)
    data_sets = DataSets(samples)
    data = data_sets.only("`check_data`")
    profile = _profile(estimator, data_sets)
    used = drawn(data)
    tasks = [task for task in estimator.tasks_ if task.columns]
    name = next(iter(data_sets))
    decoded = estimator.decode_data_sets(DataSets({name: used}))[name]
    targets = {task: estimator.targets_.target(task) for task in decoded}
    columns = [
        *input_columns(used),
        *label_columns(used, tasks),
        *prediction_columns(targets, decoded),
    ]
    known = {(each.source, each.name): each for each in profile.columns}
    rows = []
    for column in columns:
        trained = known.get((column.source, column.name))
        if trained is not None and _has_something(column):
            rows.append(_row(trained, column, len(data)))
    table = pd.DataFrame(rows).sort_values("score", ascending=False, kind="stable")
    table.insert(4, "drifted", table["score"] > threshold)
    return DriftReport(
        table.reset_index(drop=True), float(threshold), len(data), profile.n_samples
    )


def _check_threshold(threshold: object) -> None:
    is_number = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not is_number or not 0 < float(threshold) < float("inf"):  # type: ignore[arg-type]
        raise ParameterError(
            f"`threshold` must be a finite number above 0; got {threshold!r}."
        )


def _estimator(model: FittedModel) -> MultiTaskEstimator:
    """Return the model, or the first fit of an ensemble."""
    if isinstance(model, Ensemble):
        return next(iter(model.members_.values()))[0]
    check_type("model", model, MultiTaskEstimator)
    assert isinstance(model, MultiTaskEstimator)
    return model


def _profile(estimator: MultiTaskEstimator, data_sets: DataSets) -> TrainingProfile:
    """Return what the model remembers of the data set that the samples belong to."""
    profiles = {profile.data: profile for profile in estimator.stored_.profiles}
    if not profiles:
        raise ParameterError(
            "`model` must know what its training data looked like; an earlier version of "
            "multitide fitted it, which did not store that. Fit it again."
        )
    if not data_sets.named and len(profiles) == 1:
        return next(iter(profiles.values()))
    check_names(data_sets, list(profiles), "samples")
    return profiles[next(iter(data_sets))]


def _has_something(column: Column) -> bool:
    """Return whether a column has a value, or is an input: labels may be absent."""
    if column.source != "label":
        return True
    return bool(pd.notna(column.values).any())


def _row(trained: ColumnProfile, column: Column, n_samples: int) -> dict[str, object]:
    found = difference(trained, column.values)
    usual = trained.usual_for(n_samples)
    of_distance = found.distance / max(usual.distance, LEAST_DISTANCE)
    gap = abs(found.missing - trained.missing)
    if column.source == "label":
        gap = 0.0  # labels come later, or for a part of the samples
    of_missing = gap / max(usual.missing, LEAST_MISSING)
    return {
        "source": column.source,
        "name": column.name,
        "kind": column.kind,
        "score": float(np.nanmax([of_distance, of_missing])),
        "distance": found.distance,
        "usual": usual.distance,
        "shift": found.shift,
        "missing": found.missing,
        "missing_in_training": trained.missing,
        "outside": found.outside,
    }
