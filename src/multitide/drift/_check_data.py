"""Compare new data with the data that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

import pandas as pd

from multitide._checks import check_type
from multitide._estimator import MultiTaskEstimator
from multitide._require_fitted import require_fitted
from multitide._torch_defaults import torch_defaults
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.drift._drift_report import DriftReport
from multitide.drift._score import THRESHOLD, score_of
from multitide.ensemble._ensemble import Ensemble
from multitide.errors import ParameterError
from multitide.fitting._data_sets import check_names
from multitide.model._fitted_model import FittedModel
from multitide.model._profile import ColumnProfile, TrainingProfile
from multitide.model._profile_columns import (
    Column,
    drawn,
    input_columns,
    label_columns,
    prediction_columns,
)


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

    The **score** of a column is the largest of six differences from the training set. Five are
    over what chance explains: of the distributions, of their level, of the spread within samples,
    and of the shares of missing values and of constant samples. A score of 2 is the limit for one
    more part of the training set of the same size, be it neighbouring samples or samples of one
    series, which all columns together exceed in some 3 % of the cases. Few parts, or parts that
    resemble their neighbours, have high limits: what training has seen of five machines says
    little about a sixth. So the score allows for rows that depend on each other and for series
    that differ. The sixth is the share of values ten ranges of training beyond it: from 5 % on, the
    score is above 2.

    Parameters
    ----------
    model : MultiTaskEstimator or Ensemble
        A fitted model. Of an ensemble each fit is asked, and a column has the median of its scores.
    samples : Samples, or dict with one Samples
        The new data, with or without labels; for a model of several data sets with the name of one.
    threshold : float, default=2.0
        Scores above it are drift; see the page on drift for false alarms.

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
    require_fitted(model, "tasks_")
    _check_threshold(threshold)
    data_sets = DataSets(samples)
    data = data_sets.only("`check_data`")
    fits = _fits(model)
    name = next(iter(data_sets))
    used = drawn(data)
    tables = [
        _table(fit, _profile(fit, data_sets), name, used, len(data)) for fit in fits
    ]
    table = _middle(tables).sort_values("score", ascending=False, kind="stable")
    table.insert(4, "drifted", table["score"] > threshold)
    n_in_training = _profile(fits[0], data_sets).n_samples
    return DriftReport(
        table.reset_index(drop=True), float(threshold), len(data), n_in_training
    )


def _table(
    estimator: MultiTaskEstimator,
    profile: TrainingProfile,
    name: str,
    used: Samples,
    n_samples: int,
) -> pd.DataFrame:
    """Return a row per column that a fit knows, of samples that stand for `n_samples`."""
    tasks = [task for task in estimator.tasks_ if task.columns]
    decoded = estimator.decode_data_sets(DataSets({name: used}))[name]
    targets = {task: estimator.targets_.target(task) for task in decoded}
    known = {(each.source, each.name): each for each in profile.columns}
    compared = []
    for column in (
        *input_columns(used),
        *label_columns(used, tasks),
        *prediction_columns(targets, decoded),
    ):
        trained = known.get((column.source, column.name))
        if trained is not None and _has_something(column):
            compared.append((trained, column))
    rows = []
    for trained, column in compared:
        rows.append(_row(trained, column, n_samples, len(compared)))
    return pd.DataFrame(rows)


def _middle(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return, for each column, the row of the table that has its median score."""
    joined = pd.concat(tables, ignore_index=True)
    places = []
    for _, rows in joined.groupby(["source", "name"], sort=False):
        order = rows["score"].sort_values(kind="stable").index
        places.append(order[len(order) // 2])
    return joined.loc[places]


def _check_threshold(threshold: object) -> None:
    is_number = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not is_number or not 0 < float(threshold) < float("inf"):  # type: ignore[arg-type]
        raise ParameterError(
            f"`threshold` must be a finite number above 0; got {threshold!r}."
        )


def _fits(model: FittedModel) -> list[MultiTaskEstimator]:
    """Return the model, or all fits of an ensemble."""
    if isinstance(model, Ensemble):
        fits = []
        for members in model.members_.values():
            fits += members
        return fits
    check_type("model", model, MultiTaskEstimator)
    assert isinstance(model, MultiTaskEstimator)
    return [model]


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


def _row(
    trained: ColumnProfile, column: Column, n_samples: int, n_columns: int
) -> dict[str, object]:
    # Labels come later, or for a part of the samples: how many are missing says nothing.
    score, usual, found = score_of(
        trained,
        column.values,
        n_samples,
        n_columns,
        with_missing=column.source != "label",
    )
    parts = trained.parts_for(n_samples)
    return {
        "source": column.source,
        "name": column.name,
        "kind": column.kind,
        "score": score,
        "distance": found.distance,
        "usual": usual,
        "shift": found.shift,
        "missing": found.missing,
        "missing_in_training": trained.missing,
        "outside": found.outside,
        "parts": min(each.n_parts for each in parts),
    }
