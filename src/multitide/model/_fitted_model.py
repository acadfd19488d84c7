"""What a fitted estimator does: it predicts, evaluates, and shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Self, TypeAlias, TypeVar, overload

import numpy as np
import pandas as pd

from multitide._require_fitted import require_fitted
from multitide.calibration._calibrated_label import calibration_table
from multitide.calibration._calibration import Calibration
from multitide.calibration._scores import Scores
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import DataError
from multitide.fitting._data_sets import (
    Data,
    Labels,
    SampleWeight,
    Series,
    to_data_sets,
)
from multitide.fitting._decide import decision_table
from multitide.fitting._recipe import resolve_device
from multitide.fitting._weighed import weighed_sets
from multitide.model._has_classes import HasClasses
from multitide.model._intervals import check_level, coverage_table, interval_table
from multitide.model._notebook_view import fitted_html
from multitide.model._prediction import (
    HasTargets,
    decode_all,
    metric_table,
    prediction_table,
    probability_tables,
    quantile_tables,
    risk_table,
    survival_tables,
)
from multitide.model._schema import DataRecord
from multitide.model._store import StoredModel
from multitide.model._weighted_fit import WeightedFit
from multitide.tasks import Task, task_names
from multitide.tasks._own_metric import Metrics, own_metrics
from multitide.training._decode_samples import Decoded

Several: TypeAlias = (
    "Mapping[str, Samples | tuple[Series, Labels]]"  # data sets by name
)
Tables: TypeAlias = "dict[str, pd.DataFrame]"  # by task


Value = TypeVar("Value")


class FittedModel(HasClasses):
    """The part of :class:`~multitide.MultiTaskEstimator` that works on a fitted model."""

    device: str
    history_: pd.DataFrame
    tasks_: list[Task]
    targets_: HasTargets
    scores_: Mapping[str, Scores]
    data_: list[DataRecord]

    @overload
    def predict(
        self, X: Several, *, static: None = None
    ) -> dict[str, pd.DataFrame]: ...
    @overload
    def predict(
        self, X: Series, *, static: pd.DataFrame | None = None
    ) -> pd.DataFrame: ...
    def predict(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """Predict every task for every sample.

        Parameters
        ----------
        X : Samples or array, shape (n_samples, n_channels, n_timepoints), or dict of Samples
            The raw series. For a model fitted on several data sets, a dict with one or more of
            them.
        static : DataFrame, optional
            Static inputs, if `X` is an array and the model was fitted with some.

        Returns
        -------
        DataFrame, n_samples rows, or dict of DataFrame
            The columns of ``y`` of every task that has labels in the data set: classes as in ``y``,
            numbers in the units of the labels. A dict by data set if `X` is a dict.
        """
        data_sets, decoded = self._decode(X, static=static)
        tables = {}
        for name, each in decoded.items():
            tables[name] = prediction_table(self.targets_, each)
        return data_sets.like_input(tables)

    @overload
    def predict_proba(
        self, X: Several, *, static: None = None
    ) -> dict[str, Tables]: ...
    @overload
    def predict_proba(
        self, X: Series, *, static: pd.DataFrame | None = None
    ) -> Tables: ...
    def predict_proba(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> Tables | dict[str, Tables]:
        """Return probabilities by task, one column per class.

        For a multi-label task there is one column per label, the probability of yes. If `X` is a
        dict of data sets, so is the result.
        """
        data_sets, decoded = self._decode(X, static=static)
        tables = {}
        for name, each in decoded.items():
            tables[name] = probability_tables(self.targets_, each)
        return data_sets.like_input(tables)

    @overload
    def predict_quantiles(
        self, X: Several, *, static: None = None
    ) -> dict[str, Tables]: ...
    @overload
    def predict_quantiles(
        self, X: Series, *, static: pd.DataFrame | None = None
    ) -> Tables: ...
    def predict_quantiles(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> Tables | dict[str, Tables]:
        """Return the quantiles of every task with ``loss="quantile"``, one column per level.

        They are in the units of the labels. If `X` is a dict of data sets, so is the result.
        """
        data_sets, decoded = self._decode(X, static=static)
        tables = {}
        for name, each in decoded.items():
            tables[name] = quantile_tables(self.targets_, each)
        return data_sets.like_input(tables)

    def predict_survival(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> Tables | dict[str, Tables]:
        """Return the survival curves of every :class:`~multitide.Survival` task.

        A column per time, the end of an interval: the probability that the event happens later. If
        `X` is a dict of data sets, so is the result.
        """
        data_sets, decoded = self._decode(X, static=static)
        tables = {}
        for name, each in decoded.items():
            tables[name] = survival_tables(self.targets_, each)
        # Without a name for it, mypy would infer a union within a union.
        found = data_sets.like_input(tables)
        return found  # noqa: RET504

    def predict_risk(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """Return the risk of every :class:`~multitide.Survival` task, one column per task.

        It is the share of the time up to the horizon that is expected to be lost, from 0 to 1: one
        minus the mean of the survival curve. If `X` is a dict of data sets, so is the result.
        """
        data_sets, decoded = self._decode(X, static=static)
        tables = {}
        for name, each in decoded.items():
            tables[name] = risk_table(self.targets_, each)
        return data_sets.like_input(tables)

    @overload
    def predict_interval(
        self, X: Several, *, level: float = 0.9, static: None = None
    ) -> dict[str, pd.DataFrame]: ...
    @overload
    def predict_interval(
        self, X: Series, *, level: float = 0.9, static: pd.DataFrame | None = None
    ) -> pd.DataFrame: ...
    def predict_interval(
        self, X: Data, *, level: float = 0.9, static: pd.DataFrame | None = None
    ) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """Return, for every task, an interval or a set that has the label with probability `level`.

        This holds for samples like those that the model was calibrated on, whatever the model, by
        conformal prediction. It does not if what is measured drifts.

        Parameters
        ----------
        X, static
            As in :meth:`predict`.
        level : float, default=0.9
            The probability.

        Returns
        -------
        DataFrame, n_samples rows, or dict of DataFrame
            For each number or step of a forecast the columns ``NAME_low`` and ``NAME_high``, for
            each class or yes/no label the column ``NAME_set`` of tuples, the most probable value
            first. A dict by data set if `X` is a dict.

        Raises
        ------
        ParameterError
            If the model has no scores, or too few for `level`; the message has the number needed.
        """
        require_fitted(self, "tasks_")
        level = check_level(level, self.scores_)
        data_sets, decoded = self._decode(X, static=static)
        tables = {}
        for name, each in decoded.items():
            tables[name] = interval_table(self.targets_, self.scores_, each, level)
        return data_sets.like_input(tables)

    def evaluate_interval(
        self,
        X: Data,
        y: Labels = None,
        *,
        level: float = 0.9,
        static: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Return how many labels are in their interval or set of :meth:`predict_interval`.

        Returns
        -------
        DataFrame
            Columns ``task``, ``level``, ``coverage`` (ideally the level), ``width`` (the mean width
            of intervals, or the mean size of sets) and ``n_labelled``; ``by_recording``, the mean
            coverage of recordings or groups, which is what intervals promise where these are held
            out whole, and ``size_linked``, whether their size goes with their errors, so that
            both differ; with several data sets also ``data``.
        """
        require_fitted(self, "tasks_")
        level = check_level(level, self.scores_)
        data_sets, decoded = self._decode(X, y, static=static)
        return coverage_table(self.targets_, self.scores_, data_sets, decoded, level)

    @overload
    def decode(self, X: Several, *, static: None = None) -> dict[str, Decoded]: ...
    @overload
    def decode(self, X: Series, *, static: pd.DataFrame | None = None) -> Decoded: ...
    def decode(
        self, X: Data, *, static: pd.DataFrame | None = None
    ) -> Decoded | dict[str, Decoded]:
        """Return each task's predictions as arrays: probabilities or numbers, by task.

        If `X` is a dict of data sets, the result is a dict of such dicts.
        """
        data_sets, decoded = self._decode(X, static=static)
        # Without a name for it, mypy would infer a union within a union.
        result = data_sets.like_input(decoded)
        return result  # noqa: RET504

    def evaluate(
        self,
        X: Data,
        y: Labels = None,
        *,
        static: pd.DataFrame | None = None,
        sample_weight: SampleWeight = None,
        metrics: Metrics | None = None,
    ) -> pd.DataFrame:
        """Compute the metrics of every task on the samples that have its label.

        Parameters
        ----------
        X, y, static, sample_weight
            As in :meth:`fit`. Samples may have weights of their own.
        metrics : dict of str to list of callable, optional
            Metrics of your own, by task: functions of ``(y_true, y_pred)`` such as those of
            scikit-learn, a dict of them by name, or :class:`multitide.Metric`.

        Returns
        -------
        DataFrame
            Columns ``task``, ``metric``, ``value``, ``trivial`` (the metric of the best constant
            prediction), ``n_labelled``, ``higher_is_better``; the main metric of each task comes
            first. "loss" is in units of the trivial loss. If `X` is a dict of data sets, the first
            column is ``data``, and a task is evaluated on each data set that had its labels.

        Raises
        ------
        DataError
            If there is no label of any task, or a weight is wrong.
        """
        require_fitted(self, "tasks_")
        own = own_metrics(metrics, task_names(self.tasks_))
        given = to_data_sets(X, y, static=static, sample_weight=sample_weight)
        data_sets = weighed_sets(given, self.tasks_)
        decoded = self.decode_data_sets(data_sets)
        table = metric_table(self.targets_, data_sets, decoded, own)
        if not (table["n_labelled"] > 0).any():
            tasks = task_names(self.tasks_)
            raise DataError(
                "`y` must have a label of some task to evaluate; "
                f"got none of {tasks} in "
                f"{sum(map(len, data_sets.values()))} samples."
            )
        return table

    def score(
        self, X: Data, y: Labels = None, sample_weight: SampleWeight = None
    ) -> float:
        """Return the mean over tasks of 1 - loss / trivial loss; 0 is the best constant."""
        table = self.evaluate(X, y, sample_weight=sample_weight)
        losses = table.loc[table["metric"] == "loss", "value"].to_numpy(dtype=float)
        return float(np.nanmean(1 - losses))

    def _take(self, stored: StoredModel) -> Self:
        """Set the fitted attributes, after fitting or loading."""
        self.stored_ = stored
        self.tasks_ = stored.tasks
        self.model_ = stored.predictor
        self.targets_ = stored.predictor
        self.data_ = stored.data
        self.seed_ = stored.seed
        self.best_epoch_ = stored.best_epoch
        self.n_labelled_ = stored.n_labelled
        self.seconds_ = stored.seconds
        self.trials_ = pd.DataFrame(stored.trials)
        self.candidates_ = pd.DataFrame(stored.candidates)
        self.scores_ = stored.predictor.calibration.scores
        self.calibration_ = calibration_table(stored.calibrated)
        self.decisions_ = decision_table(stored.decisions)
        self.representation_ = stored.encoder
        data = stored.data
        self.channels_ = _one_or_by_name(data, lambda record: record.channels)
        self.reading_ = _one_or_by_name(data, lambda record: record.reading)
        self.n_timepoints_in_ = _one_or_by_name(
            data, lambda record: record.n_timepoints
        )
        self.n_channels_in_ = _one_or_by_name(data, lambda record: len(record.channels))
        return self

    @property
    def weighted_fits(self) -> list[WeightedFit]:
        """What predicts: the model itself, or the fits of an ensemble."""
        weights = dict.fromkeys(task_names(self.tasks_), 1.0)
        return [WeightedFit(self.stored_, weights)]

    @property
    def calibration_of_mean(self) -> Calibration:
        """What is applied to the mean of these fits; a single model has its own inside."""
        return Calibration()

    def decode_data_sets(self, data_sets: DataSets) -> dict[str, Decoded]:
        """Return each task's predictions as arrays, by data set; "" is the only, unnamed one."""
        return decode_all(self.stored_, data_sets, resolve_device(self.device))

    def decode_as_trained(self, data_sets: DataSets) -> dict[str, Decoded]:
        """Return what `decode_data_sets` would without calibration."""
        stored = replace(self.stored_, predictor=self.stored_.predictor.uncalibrated())
        return decode_all(stored, data_sets, resolve_device(self.device))

    def _decode(
        self, X: Data, y: Labels = None, *, static: pd.DataFrame | None = None
    ) -> tuple[DataSets, dict[str, Decoded]]:
        """Return the data sets and, for each, the predictions of its tasks."""
        require_fitted(self, "tasks_")
        data_sets = to_data_sets(X, y, static=static)
        return data_sets, self.decode_data_sets(data_sets)

    def _html_repr(self) -> str:
        """Return what notebooks show: scikit-learn's diagram and, once fitted, the model."""
        from sklearn.utils import estimator_html_repr

        if hasattr(self, "stored_"):
            fitted = fitted_html(self.stored_, self.history_)
        else:
            fitted = ""
        return str(estimator_html_repr(self)) + fitted


def _one_or_by_name(
    records: Sequence[DataRecord], read: Callable[[DataRecord], Value]
) -> Value | dict[str, Value]:
    """Return a fact of the only, unnamed data set, or a dict by name."""
    if [record.name for record in records] == [DataSets.UNNAMED]:
        return read(records[0])
    by_name = {}
    for record in records:
        by_name[record.name] = read(record)
    return by_name
