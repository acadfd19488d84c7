"""Tasks that predict the next steps of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from multitide.data._samples import Samples
from multitide.data._weights import weights_of
from multitide.data.tables._windows import last_known
from multitide.errors import DataError
from multitide.tasks._label_column import (
    Value,
    as_numbers,
    not_finite_problem,
    number_problem,
)
from multitide.tasks._label_place import LabelColumn
from multitide.tasks._losses import LOSSES
from multitide.tasks._metrics import FORECAST, forecast_metrics, weights_of_labels
from multitide.tasks._several import SeveralTarget, label_weights
from multitide.tasks._standardised import StandardisedTarget
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Column, TargetConfig, Task


@dataclass
class Forecast(Task):
    """Predict the next steps of a number after the window, all at once.

    ``Forecast("load", horizon=6)`` has the columns ``load[+1]`` to ``load[+6]`` of ``y``.
    :func:`multitide.read_table` creates them from the column ``load``; steps beyond the end of a
    series or across a gap are missing. The same column can also be a channel, because all labels
    lie after the window. The trivial predictor is the best constant for each step. If the last
    value before the forecast is known, the forecast is compared with it, too.

    Parameters
    ----------
    name, column, weight
        See :class:`Task`.
    horizon : int, default=1
        Number of steps.
    lead : int, default=0
        Number of steps between the window and the first step of the forecast, so the columns start
        at [+lead + 1].
    loss : {"mse", "mae", "huber"}, default="mse"
        Loss of each step, as in :class:`Regression`. The loss of a row is the mean over its known
        steps.
    delta : float, default=1.0
        Error at which Huber's loss becomes linear, in standard deviations of the training labels.
    """

    label_at: Literal["end"] = "end"
    horizon: Annotated[int, Field(ge=1, le=100_000)] = 1
    loss: Literal["mse", "mae", "huber"] = "mse"
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    kind: ClassVar[str] = "forecast"

    @property
    def steps(self) -> list[int]:
        """The predicted steps, counted from the end of the window."""
        numbers = []
        for step in range(1, self.horizon + 1):
            numbers.append(self.lead + step)
        return numbers

    @property
    def columns(self) -> list[str]:
        """Columns of ``y``, one per step."""
        names = []
        for step in self.steps:
            names.append(f"{self.name}[+{step}]")
        return names

    @property
    def last_column(self) -> str:
        """Column of ``Samples.extra`` that holds the last value in the window."""
        return f"{self.column or self.name}[last]"

    def label_columns(self) -> list[LabelColumn]:
        """Return where each step comes from: the same column, with increasing lead."""
        self.check(f"tasks.{self.name}")  # a large horizon would fill the memory
        columns: list[LabelColumn] = []
        for name, step in zip(self.columns, self.steps, strict=True):
            columns.append(
                {
                    "name": name,
                    "column": self.column or self.name,
                    "label_at": "end",
                    "lead": step,
                    "kind": self.kind,
                    "task": self.name,
                    "weight": self.weight,
                }
            )
        return columns

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return a message if these labels cannot be used as numbers."""
        problem = number_problem(self.name, *self.read_labels(labels))
        if problem:
            return [problem]
        return []

    def read_labels(self, labels: pd.DataFrame) -> tuple[np.ndarray, list[Value]]:
        """Read the labels of all steps as numbers; see `as_numbers`.

        Returns
        -------
        numbers : ndarray of float64, shape (n_samples, horizon)
            NaN for missing labels.
        refused : list
            The distinct values that are not finite numbers.
        """
        numbers = []
        refused: list[Value] = []
        for column in self.columns:
            column_numbers, column_refused = as_numbers(labels[column])
            numbers.append(column_numbers)
            refused.extend(column_refused)
        return np.stack(numbers, axis=1), list(dict.fromkeys(refused))

    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> ForecastTarget:
        """Compute mean and scale of the labels, and the best constant of each step.

        Raises
        ------
        DataError
            If there are no labels, a label is not a finite number, or all labels are equal.
        """
        self.check_labels(labels)
        target = ForecastTarget(self)
        target.learn(target.truth(labels), weights)
        return target

    def target_from_config(self, config: TargetConfig) -> ForecastTarget:
        """Rebuild a target; its buffers hold everything."""
        return ForecastTarget(self)


class ForecastTarget(StandardisedTarget, SeveralTarget):
    """One number per step. All steps share one mean and scale, because they are one quantity."""

    def __init__(self, task: Forecast) -> None:
        super().__init__()
        self.task: Forecast = task
        self.loss = LOSSES[task.loss](task.delta)
        self.add_buffers(task.horizon)

    def learn(self, truth: np.ndarray, of_rows: np.ndarray | None = None) -> None:
        """Fill the buffers from the training labels, float64 (n, horizon), NaN if missing.

        `of_rows` are the weights of rows, (n,).
        """
        weights = label_weights(truth, of_rows)
        known = ~np.isnan(truth)
        self.fit_scale(truth[known], weights_of_labels(of_rows, known))
        codes = self.standardise(truth).astype(np.float32).astype(np.float64)
        best = self.best_constants(codes, of_rows)
        self.bias.copy_(torch.from_numpy(best))
        losses = self._standard_losses(
            np.nan_to_num(codes), np.tile(best, (len(codes), 1))
        )
        trivial = float((weights * losses).sum() / weights.sum())
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    def best_constants(
        self, codes: np.ndarray, of_rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the best constant of each step for labels in standard units, (horizon,).

        0 for a step without any label.
        """
        weights = label_weights(codes, of_rows)
        best = np.zeros(self.n_outputs)
        for step, rows in enumerate((weights > 0).T):
            if rows.any():
                best[step] = self.loss.best(codes[rows, step], weights[rows, step])[0]
        return best

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return standardised labels, float32 (n_samples, horizon); NaN for missing labels."""
        return self.standardise(self.truth(labels)).astype(np.float32)

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as numbers, float64 (n_samples, horizon); NaN for missing labels.

        Raises
        ------
        DataError
            If a label is not a finite number.
        """
        numbers, refused = self.task.read_labels(labels)
        if refused:
            raise DataError(not_finite_problem(self.task.name, refused))
        return numbers

    def label_losses(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each step."""
        return self.loss.measure(output.reshape(-1, 1), codes.reshape(-1)).view_as(
            codes
        )

    def decoded_label_losses(
        self, truth: np.ndarray, decoded: np.ndarray
    ) -> np.ndarray:
        """Return the loss of each step from numbers in the units of the user."""
        predicted = self.standardise(decoded.astype(np.float64))
        return self._standard_losses(self.standardise(truth), predicted)

    def forward(self, output: Tensor) -> Tensor:
        """Return predictions in the units of the user, float64 (batch, horizon)."""
        return output.double() * self.scale + self.mean

    def predictions(self, decoded: np.ndarray) -> dict[str, Column]:
        """Return one column per step."""
        return dict(zip(self.task.columns, decoded.T, strict=True))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics in `metric_values`."""
        return FORECAST

    def metric_values(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Compare all known steps of all rows."""
        return forecast_metrics(truth, decoded, weights)

    def evaluate(self, samples: Samples, decoded: np.ndarray) -> pd.DataFrame:
        """Return `metrics`, and a comparison with the last known value (persistence).

        The persistence forecast repeats the last value of the window. ``persistence_rmse`` is its
        RMSE, in both the `value` and the `trivial` column. ``skill`` is 1 - (RMSE / RMSE of
        persistence)^2 (Murphy 1988 [1]_), computed on the rows whose last value is known; above 0
        is better than persistence. Without last values, only `metrics` are returned.

        References
        ----------
        .. [1] Murphy, "Skill Scores Based on the Mean Square Error and Their Relationships to the
           Correlation Coefficient", Monthly Weather Review 116 (1988).
        """
        table = super().evaluate(samples, decoded)
        last = last_values(samples, self.task)
        if last is None:
            return table
        truth = self.truth(samples.y[self.task.columns])
        truth = np.where(np.isnan(last)[:, None], np.nan, truth)
        repeated = np.tile(last[:, None], (1, self.n_outputs))
        weights = weights_of(samples, self.task.name)
        naive = forecast_metrics(truth, repeated, weights)["rmse"]
        error = forecast_metrics(truth, decoded, weights)["rmse"]
        constant = self.constant(len(truth))
        trivial_error = forecast_metrics(truth, constant, weights)["rmse"]
        persistence = pd.DataFrame(
            {
                "metric": ["persistence_rmse", "skill"],
                "value": [naive, _skill(error, naive)],
                "trivial": [naive, _skill(trivial_error, naive)],
                "n_labelled": int(self.has_label(truth).sum()),
                "higher_is_better": [False, True],
            }
        )
        return pd.concat([table, persistence], ignore_index=True)

    def _standard_losses(self, codes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the loss of each step, all in standard units."""
        losses = self.label_losses(torch.from_numpy(predicted), torch.from_numpy(codes))
        return losses.numpy()


def last_values(samples: Samples, task: Forecast) -> np.ndarray | None:
    """Return the last known value of the forecast column in each window, float64 (n_samples,).

    :func:`multitide.read_table` stores it in ``samples.extra``. Otherwise it is read from the
    channel of the same name; None if there is no such channel.
    """
    if samples.extra is not None and task.last_column in samples.extra:
        stored = samples.extra[task.last_column]
        last: np.ndarray = stored.to_numpy(dtype=np.float64, na_value=np.nan)
        return last
    column = task.column or task.name
    if column not in samples.channels or column in samples.categories:
        return None
    values = samples.values[:, samples.channels.index(column)].astype(np.float64)
    return last_known(values, samples.starts, samples.lengths)


def _skill(error: float, naive: float) -> float:
    if naive > 0:
        return 1 - (error / naive) ** 2
    return float("nan")
