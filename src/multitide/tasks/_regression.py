"""Tasks with one number per sample."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from multitide._weighted_mean import weighted_mean
from multitide.errors import DataError
from multitide.tasks._label_column import (
    Value,
    as_numbers,
    not_finite_problem,
    number_problem,
)
from multitide.tasks._losses import LOSSES
from multitide.tasks._metrics import (
    QUANTILE,
    REGRESSION,
    quantile_metrics,
    regression_metrics,
)
from multitide.tasks._quoted_metrics import QUOTED
from multitide.tasks._standardised import StandardisedTarget
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Column, TargetConfig, Task


def _check_quantiles(levels: tuple[float, ...]) -> tuple[float, ...]:
    ascending = sorted(set(levels)) == list(levels) and len(levels) > 1
    if ascending and 0.5 in levels and levels[0] > 0 and levels[-1] < 1:
        return levels
    raise ValueError(
        "ascending numbers between 0 and 1, 0.5 and "
        "at least one more, e.g. (0.1, 0.5, 0.9)"
    )


@dataclass
class Regression(Task):
    """Predict one number, trained on labels standardised by the training set.

    Parameters
    ----------
    name, column, label_at, lead, weight
        See :class:`Task`.
    loss : {"mse", "mae", "huber", "quantile"}, default="mse"
        Squared error; absolute error; Huber's loss, which is squared for errors up to `delta` and
        linear above it, so that a few outliers do not dominate; or the pinball loss of `quantiles`,
        whose median is the prediction.
    delta : float, default=1.0
        Error at which Huber's loss becomes linear, in standard deviations of the training labels.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        Quantiles that ``loss="quantile"`` predicts, ascending; they never cross. The outermost two
        form an interval, whose coverage and width are among the metrics.
    metrics : sequence of {"nasa_score", "rmse_over_std"}
        Metrics in addition to the usual ones: the score of remaining lives of the PHM challenge
        2008 (late predictions cost more), and the RMSE in standard deviations of the labels.
    cap : float, optional
        Labels above it count as `cap`, in training and in metrics. For remaining life, whose large
        values no sensor shows yet: ``cap=125``. Predictions are not capped.
    """

    loss: Literal["mse", "mae", "huber", "quantile"] = "mse"
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    quantiles: Annotated[tuple[float, ...], AfterValidator(_check_quantiles)] = (
        0.1,
        0.5,
        0.9,
    )
    metrics: tuple[Literal["nasa_score", "rmse_over_std"], ...] = ()
    cap: Annotated[float, Field(allow_inf_nan=False)] | None = None

    kind: ClassVar[str] = "regression"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return a message if these labels cannot be used as numbers."""
        numbers, refused = self.read_labels(labels)
        problem = number_problem(self.name, numbers, refused)
        if problem and self.cap is not None and not refused:
            problem += f" `cap` is {self.cap:g}: labels above it count as {self.cap:g}."
        if problem:
            return [problem]
        return []

    def read_labels(self, labels: pd.DataFrame) -> tuple[np.ndarray, list[Value]]:
        """Read the labels as numbers, none above `cap`; see `as_numbers`."""
        numbers, refused = as_numbers(labels[self.name])
        if self.cap is not None:
            numbers = np.minimum(numbers, self.cap)
        return numbers, refused

    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> RegressionTarget:
        """Compute mean and scale of the labels, and the best constant of the loss.

        Parameters
        ----------
        labels : DataFrame
            The column of the task for the training samples.
        weights : ndarray, shape (n_samples,), optional
            How much each row counts.

        Raises
        ------
        DataError
            If there are no labels, a label is not a finite number, or all labels are equal.
        """
        self.check_labels(labels)
        numbers, _ = self.read_labels(labels)
        target = RegressionTarget(self)
        known = ~np.isnan(numbers)
        if weights is not None:
            weights = weights[known]
        target.learn(numbers[known], weights)
        return target

    def target_from_config(self, config: TargetConfig) -> RegressionTarget:
        """Rebuild a target; its buffers hold everything."""
        return RegressionTarget(self)


class RegressionTarget(StandardisedTarget):
    """One number per row, or its quantiles."""

    def __init__(self, task: Regression) -> None:
        super().__init__()
        self.task: Regression = task
        self.loss = LOSSES[task.loss](task.delta, task.quantiles)
        self.add_buffers(self.loss.n_outputs)

    def learn(self, labels: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Fill the buffers from the training labels and their weights, float64 (n_labelled,).

        The labels are not all equal.
        """
        self.fit_scale(labels, weights)
        codes = self.standardise(labels).astype(np.float32).astype(np.float64)
        best = self.loss.best(
            codes, np.ones_like(codes) if weights is None else weights
        )
        self.bias.copy_(torch.from_numpy(best))
        values = self.loss.values(torch.from_numpy(best)[None].expand(len(codes), -1))
        losses = self.loss.measure(values, torch.from_numpy(codes))
        trivial = float(losses.mean())
        if weights is not None:
            trivial = weighted_mean(losses.numpy(), weights)
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    @property
    def loss_key(self) -> Hashable:
        """The settings: what a target has learned is in its codes, not in the raw loss."""
        return self.task.settings_key, self.n_outputs

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return standardised labels, float32 (n_samples,); NaN for missing labels.

        Raises
        ------
        DataError
            If a label is not a finite number.
        """
        return self.standardise(self.truth(labels)).astype(np.float32)

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, bool (batch,)."""
        return ~codes.isnan()

    def has_label(self, truth: np.ndarray) -> np.ndarray:
        """Return which rows have a label, bool (n_samples,)."""
        known: np.ndarray = ~np.isnan(truth)
        return known

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each row on standardised labels, shape (batch,)."""
        return self.loss.measure(self.loss.values(output), codes)

    headline: ClassVar[str] = "rmse"

    def headline_rows(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return squared errors of the point prediction on standardised labels, shape (batch,)."""
        return (self.loss.values(output)[:, self._point_output] - codes).square()

    def headline_of(self, mean: float) -> float:
        """Return the root of the mean squared error, in the units of the user."""
        return float(np.sqrt(mean) * float(self.scale))

    def forward(self, output: Tensor) -> Tensor:
        """Return predictions in the units of the user.

        Returns
        -------
        Tensor of float64, shape (batch,), or (batch, n_quantiles) for ``loss="quantile"``
        """
        numbers = self.loss.values(output).double() * self.scale + self.mean
        if self.n_outputs > 1:
            return numbers
        return numbers[:, 0]

    def point(self, decoded: np.ndarray) -> np.ndarray:
        """Return one number per row: the median if there are quantiles."""
        if decoded.ndim > 1:
            return decoded[:, self._point_output]
        return decoded

    def quantiles(self, decoded: np.ndarray) -> pd.DataFrame | None:
        """Return one column per quantile, named by its level; None without quantiles."""
        if self.n_outputs == 1:
            return None
        return pd.DataFrame(
            decoded, columns=pd.Index(self.task.quantiles, name=self.task.name)
        )

    def predictions(self, decoded: np.ndarray) -> dict[str, Column]:
        """Return the point predictions."""
        return {self.task.name: self.point(decoded)}

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as numbers, float64 (n_samples,); NaN for missing labels.

        Raises
        ------
        DataError
            If a label is not a finite number.
        """
        numbers, refused = self.task.read_labels(labels)
        if refused:
            raise DataError(not_finite_problem(self.task.name, refused))
        return numbers

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics in `metric_values`."""
        if self.n_outputs == 1:
            return (*REGRESSION, *self.task.metrics)
        return (*REGRESSION, *QUANTILE, *self.task.metrics)

    def level_of(self, metric: str) -> float | None:
        """Return, for the coverage, the difference of the outermost levels."""
        if metric == "coverage":
            return float(self.task.quantiles[-1] - self.task.quantiles[0])
        return None

    def metric_values(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Compare predictions with labels, all of them known."""
        values = regression_metrics(truth, self.point(decoded), weights)
        if decoded.ndim > 1:
            values |= quantile_metrics(truth, decoded, self.task.quantiles, weights)
        for name in self.task.metrics:
            values[name] = _quoted(name, truth, self.point(decoded), weights)
        return values

    def decoded_losses(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the loss of each row in units of the trivial loss; NaN without a label."""
        values = self.standardise(decoded.astype(np.float64)).reshape(
            len(truth), self.n_outputs
        )
        codes = self.standardise(truth)
        losses = self.loss.measure(torch.from_numpy(values), torch.from_numpy(codes))
        return losses.numpy() / float(self.trivial_loss)

    def metrics(
        self,
        labels: pd.DataFrame,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> pd.DataFrame:
        """Compare predictions with labels; see :meth:`Target.metrics`.

        ``n_labelled`` of ``mape`` is the number of rows whose label is not zero.
        """
        table = super().metrics(labels, decoded.astype(np.float64), weights)
        n_nonzero = np.count_nonzero(np.nan_to_num(self.truth(labels)))
        table.loc[table["metric"] == "mape", "n_labelled"] = n_nonzero
        return table

    @property
    def _point_output(self) -> int:
        """Position of the output that is the point prediction."""
        if self.n_outputs > 1:
            return list(self.task.quantiles).index(0.5)
        return 0


def _quoted(
    name: str, truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None
) -> float:
    """Return a metric of `QUOTED`; NaN if it is undefined."""
    if not len(truth) or not np.isfinite(predicted).all():
        return float("nan")
    return QUOTED[name](truth, predicted, weights)
