"""Running a fitted model over any number of samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from multitide.backbones._backbone import check_shortest
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._weights import weights_of
from multitide.encodings._representation import Encoder
from multitide.errors import DataError, MultitideWarning
from multitide.fitting._data_sets import check_names
from multitide.model._channel_mismatch import channel_mismatch
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel
from multitide.model._stored_representation import chunks
from multitide.network._network import Predictor
from multitide.representations import represent
from multitide.tasks import SurvivalTarget, Target, label_names
from multitide.tasks._own_metric import Metric
from multitide.tasks._task import Column
from multitide.training._decode_samples import Decoded, decode_samples, joined


def decode_all(
    stored: StoredModel, data_sets: DataSets, device: torch.device
) -> dict[str, Decoded]:
    """Run a model once over every data set.

    Parameters
    ----------
    stored : StoredModel
        The fitted model.
    data_sets : DataSets
        Some of the data sets that it was fitted on, by name. Samples without a name belong to the
        only one.
    device : torch.device
        Where to compute.

    Raises
    ------
    ParameterError
        If a name is unknown.
    DataError
        As in :func:`decode`.
    """
    records = {}
    for record in stored.data:
        records[record.name] = record
    if not data_sets.named and len(records) == 1:
        records = dict.fromkeys(data_sets, stored.data[0])
    check_names(data_sets, list(records), "X")
    by_data_set = {}
    for name, samples in data_sets.items():
        decoded = decode(
            stored.predictor, samples, records[name], device, stored.encoder
        )
        by_data_set[name] = {task: decoded[task] for task in records[name].tasks}
    return by_data_set


@torch.no_grad()
def decode(
    predictor: Predictor,
    samples: Samples,
    record: DataRecord,
    device: torch.device,
    encoder: Encoder | None = None,
) -> Decoded:
    """Return the decoded predictions of every task.

    Parameters
    ----------
    predictor : Predictor
        The fitted model. It is not changed, so that several threads can use it.
    samples : Samples
        Raw series.
    record : DataRecord
        The data set that the samples belong to, as it was in training.
    device : torch.device
        Where to compute.
    encoder : Encoder, optional
        Makes the vectors that the model reads.

    Raises
    ------
    DataError
        If the channels or the static inputs are not those of the training samples, or a series is
        too short for the backbone.
    """
    check_like_training(predictor, samples, record)
    if encoder is None:
        return decode_samples(predictor, samples, device, record.name)
    n_features = len(predictor.network_list[0].stems[0].inputs.channels)
    parts = []
    for rows in chunks(samples, n_features):
        vectors = represent(samples[rows], encoder)
        parts.append(decode_samples(predictor, vectors, device, record.name))
    return joined(parts)


def check_like_training(
    predictor: Predictor, samples: Samples, record: DataRecord
) -> None:
    """Raise unless the samples can be read like the training samples of their data set."""
    if not len(samples):
        raise DataError("`X` must have at least one sample; got none.")
    channels = record.channels
    if samples.channels != channels:
        raise DataError(channel_mismatch(samples, channels))
    if samples.static is None and _reads_static(predictor, record.name):
        raise DataError(
            "`static` must be given: the model was fitted with static inputs."
        )
    check_shortest(predictor, int(samples.lengths.min()))
    if samples.n_timepoints > 4 * record.n_timepoints:
        warnings.warn(
            f"`X` has series of {samples.n_timepoints} steps; "
            f"the longest in training had {record.n_timepoints}.",
            MultitideWarning,
            stacklevel=7,  # the caller of the estimator
        )


def _reads_static(predictor: Predictor, data_set: str) -> bool:
    for network in predictor.network_list:
        for stem in network.stems:
            if stem.name == data_set and stem.static is not None:
                return True
    return False


class HasTargets(Protocol):
    """What the tables of predictions need of a model."""

    def target(self, name: str) -> Target:
        """Return the fitted target of a task."""


@dataclass(frozen=True)
class TargetsByTask:
    """Targets by the name of their task, for a model of several predictors."""

    by_task: dict[str, Target]

    def target(self, name: str) -> Target:
        """Return the fitted target of a task."""
        return self.by_task[name]


def prediction_table(model: HasTargets, decoded: Decoded) -> pd.DataFrame:
    """Return predictions in the units of the labels: the columns of all tasks, side by side."""
    columns: dict[str, Column] = {}
    for name, values in decoded.items():
        columns |= model.target(name).predictions(values)
    return pd.DataFrame(columns, copy=False)


def probability_tables(model: HasTargets, decoded: Decoded) -> dict[str, pd.DataFrame]:
    """Return the probabilities of every task that has any, by task."""
    tables = {}
    for name, values in decoded.items():
        table = model.target(name).probabilities(values)
        if table is not None:
            tables[name] = table
    return tables


def survival_tables(model: HasTargets, decoded: Decoded) -> dict[str, pd.DataFrame]:
    """Return the survival curves of every task that predicts any, by task."""
    tables = {}
    for name, values in decoded.items():
        target = model.target(name)
        if isinstance(target, SurvivalTarget):
            tables[name] = target.survival(values)
    return tables


def risk_table(model: HasTargets, decoded: Decoded) -> pd.DataFrame:
    """Return the risks of every task that predicts survival curves, one column per task."""
    risks = {}
    for name, values in decoded.items():
        target = model.target(name)
        if isinstance(target, SurvivalTarget):
            risks[name] = target.risk(values)
    return pd.DataFrame(risks)


def quantile_tables(model: HasTargets, decoded: Decoded) -> dict[str, pd.DataFrame]:
    """Return the quantiles of every task that predicts any, by task."""
    tables = {}
    for name, values in decoded.items():
        table = model.target(name).quantiles(values)
        if table is not None:
            tables[name] = table
    return tables


def _check_labels(y: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise unless `y` has these columns."""
    missing = []
    for column in columns:
        if column not in y:
            missing.append(column)
    if not missing:
        return
    if y.columns.empty:
        raise DataError(
            f"`y` must hold the labels of {missing} to evaluate; "
            "got none. "
            "Give them as evaluate(X, y), "
            "or Samples that have labels."
        )
    raise DataError(
        f"`y` must have a column for every task; {missing} are missing from {list(y)}."
    )


def metric_table(
    model: HasTargets,
    data_sets: DataSets,
    decoded: Mapping[str, Decoded],
    own: Mapping[str, Sequence[Metric]] | None = None,
) -> pd.DataFrame:
    """Evaluate decoded predictions; see :meth:`multitide.MultiTaskEstimator.evaluate`.

    Parameters
    ----------
    model : HasTargets
        The model that made the predictions.
    data_sets : DataSets
        The samples with their labels.
    decoded : mapping of str to dict
        The predictions for each data set, from :func:`decode_all`.
    own : mapping of str to sequence of Metric, optional
        Metrics of the user, by task.
    """
    tables = []
    for name, samples in data_sets.items():
        targets = {}
        for task in decoded[name]:
            targets[task] = model.target(task)
        columns = label_names(target.task for target in targets.values())
        _check_labels(samples.y, columns)
        for task, target in targets.items():
            table = target.evaluate(samples, decoded[name][task])
            if own is not None and own.get(task):
                more = _own_rows(target, own[task], samples, decoded[name][task])
                table = pd.concat([table, more], ignore_index=True)
            table.insert(0, "task", task)
            if name:
                table.insert(0, "data", name)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _own_rows(
    target: Target, metrics: Sequence[Metric], samples: Samples, decoded: np.ndarray
) -> pd.DataFrame:
    """Return the rows of the user's metrics of a task, like those of :meth:`Target.metrics`."""
    labels = samples.y[target.task.columns]
    known = target.has_label(target.truth(labels))
    written = target.written(labels)[known]
    weights = weights_of(samples, target.task.name)
    if weights is not None:
        weights = weights[known]
    constant = target.trivial_predictions(int(known.sum()))
    rows = []
    for metric in metrics:
        rows.append(
            {
                "metric": metric.name,
                "value": metric.value(target, written, decoded[known], weights),
                "trivial": metric.value(target, written, constant, weights),
                "n_labelled": int(known.sum()),
                "higher_is_better": metric.higher_is_better,
            }
        )
    return pd.DataFrame(rows)
