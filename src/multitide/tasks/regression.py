"""Tasks whose answer is a number."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional as F

from multitide.errors import DataError
from multitide.tasks.labels import as_numbers, shorten
from multitide.tasks.metrics import mean, metric_table, regression_metrics
from multitide.tasks.task import SMALLEST_TRIVIAL_LOSS, Target, Task


@dataclass
class Regression(Task):
    """How much is it? Learned on labels standardised by the training rows.

    Parameters
    ----------
    name, column, label_at, lead
        See :class:`Task`.
    loss : {"mse", "mae", "huber"}, default="mse"
        Squared error, absolute error, or Huber's loss: squared up to `delta`, linear beyond, so that a few far labels
        do not rule the fit.
    delta : float, default=1.0
        Where Huber's loss turns linear, in standard deviations of the training labels.
    """

    loss: Literal["mse", "mae", "huber"] = "mse"
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    kind: ClassVar[str] = "regression"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Say what keeps these labels from being numbers that can be learned."""
        numbers, refused = as_numbers(labels[self.name])
        known = numbers[~np.isnan(numbers)]
        problem = ""
        if refused:
            problem = f"must hold finite numbers; got {shorten(refused)}. Blank what nobody measured, " + (
                "or declare the task as a classification."
            )
        elif not len(known):
            problem = f"must have a label in some row; got none in {len(labels)} rows. Leave the task out."
        elif _is_constant(known):
            problem = f"must have labels that differ; got only {known[0]:g} in {len(known)} labelled rows. " + (
                "Leave the task out, or use rows with other labels."
            )
        return [f"`{self.name}` {problem}"] if problem else []

    def fit_target(self, labels: pd.DataFrame) -> RegressionTarget:
        """Learn mean and spread of the labels, and the best constant under the loss.

        Parameters
        ----------
        labels : DataFrame
            The task's column of the training rows.

        Raises
        ------
        DataError
            If no row is labelled, a label is no finite number, or all of them are equal.
        """
        if problems := self.label_problems(labels):
            raise DataError("\n".join(problems))
        numbers, _ = as_numbers(labels[self.name])
        target = RegressionTarget(self)
        target.learn(numbers[~np.isnan(numbers)])
        return target

    def target_from_config(self, config: dict[str, Any]) -> RegressionTarget:
        """Rebuild a target from what `to_config` gave."""
        return RegressionTarget.from_config(self, config)


class RegressionTarget(Target):
    """Standardised labels; mean and scale are float64, so that 1e9 + 0.5 is not 1e9.

    Attributes
    ----------
    mean, scale : Tensor of float64, shape ()
        Mean and standard deviation of the labelled training rows, in the user's units.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, task: Regression) -> None:
        super().__init__()
        self.task: Regression = task
        self.n_outputs = 1
        self.register_buffer("bias", torch.zeros(1))
        self.register_buffer("trivial_loss", torch.ones(()))
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def learn(self, labels: np.ndarray) -> None:
        """Fill the buffers from the labels of the training rows, float64 (n_labelled,), not all equal."""
        # In units of the largest one, so that neither a sum nor a square leaves the range of float64.
        unit = np.abs(labels).max()
        self.mean.fill_((labels / unit).mean() * unit)
        self.scale.fill_(max((labels / unit).std() * unit, np.finfo(np.float64).tiny))
        codes = self._standardise(labels).astype(np.float32).astype(np.float64)
        best = _best_constant(codes, self.task.loss, self.task.delta)
        self.bias.fill_(best)
        self.trivial_loss.fill_(max(float(self._loss(codes - best).mean()), SMALLEST_TRIVIAL_LOSS))

    @property
    def alike(self) -> Hashable:
        """Targets with the same settings: what each has learned stands in its labels, and not in the raw loss."""
        return self.task.question, self.n_outputs

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return standardised labels, float32 (n_samples,); NaN where nobody measured.

        Raises
        ------
        DataError
            If a label is no finite number.
        """
        return self._standardise(self._numbers(labels)).astype(np.float32)

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, bool (batch,)."""
        return ~codes.isnan()

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return each row's loss on standardised labels, shape (batch,), for outputs (batch, 1)."""
        predicted = output[:, 0]
        if self.task.loss == "mse":
            return F.mse_loss(predicted, codes, reduction="none")
        if self.task.loss == "mae":
            return F.l1_loss(predicted, codes, reduction="none")
        return F.huber_loss(predicted, codes, reduction="none", delta=self.task.delta)

    def forward(self, output: Tensor) -> Tensor:
        """Turn outputs into the user's units, float64 (batch,)."""
        return output[:, 0].double() * self.scale + self.mean

    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return the predictions as a column."""
        return pd.DataFrame({self.task.name: decoded})

    def row_losses(self, labels: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
        """Return each row's loss in units of the trivial loss; NaN where there is no label."""
        return self._losses(self._numbers(labels), decoded)

    def metrics(self, labels: pd.DataFrame, decoded: np.ndarray) -> pd.DataFrame:
        """Compare predictions with labels on the labelled rows; the headline is the RMSE.

        Parameters
        ----------
        labels : DataFrame, n_samples rows
            The task's column.
        decoded : ndarray, shape (n_samples,)
            Predictions in the user's units.

        Returns
        -------
        DataFrame
            As :meth:`Target.metrics`; ``n_labelled`` of ``mape`` counts the rows whose label is not zero.
        """
        numbers = self._numbers(labels)
        known = ~np.isnan(numbers)
        numbers, decoded = numbers[known], decoded[known].astype(np.float64)
        values, trivial = (
            regression_metrics(numbers, guess) | {"loss": mean(self._losses(numbers, guess))}
            for guess in (decoded, self.constant(len(numbers)))
        )
        n_labelled = dict.fromkeys(values, len(numbers)) | {"mape": int(np.count_nonzero(numbers))}
        return metric_table(values, trivial, n_labelled)

    def to_config(self) -> dict[str, Any]:
        """Return nothing: the buffers hold it all."""
        return {}

    @classmethod
    def from_config(cls, task: Task, config: dict[str, Any]) -> RegressionTarget:
        """Make an empty target; the buffers are filled by ``load_state_dict``."""
        assert isinstance(task, Regression)
        return cls(task)

    def _numbers(self, labels: pd.DataFrame) -> np.ndarray:
        numbers, refused = as_numbers(labels[self.task.name])
        if refused:
            raise DataError(
                f"`{self.task.name}` must hold finite numbers; got {shorten(refused)}. Blank what nobody measured."
            )
        return numbers

    def _standardise(self, values: np.ndarray) -> np.ndarray:
        return (values - float(self.mean)) / float(self.scale)

    def _losses(self, labels: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        return self._loss(self._standardise(decoded) - self._standardise(labels)) / float(self.trivial_loss)

    def _loss(self, error: np.ndarray) -> np.ndarray:
        """Return the raw loss of standardised errors in float64, as `raw_loss` does on tensors."""
        size, delta = np.abs(error), self.task.delta
        if self.task.loss == "mse":
            with np.errstate(over="ignore"):
                return size**2
        if self.task.loss == "mae":
            return size
        near = np.minimum(size, delta)
        return near**2 / 2 + delta * (size - near)


def _best_constant(codes: np.ndarray, loss: str, delta: float) -> float:
    """Return the number with the least mean loss: mean, median, or for Huber's loss where its slope is zero."""
    if loss == "mse":
        return float(codes.mean())
    if loss == "mae":
        return float(np.median(codes))
    return float(brentq(lambda c: np.clip(codes - c, -delta, delta).mean(), codes.min(), codes.max()))


def _is_constant(values: np.ndarray) -> bool:
    """Whether labels differ by no more than rounding."""
    low, high = values.min(), values.max()
    return bool(high / 2 - low / 2 <= 4 * np.finfo(np.float64).eps * max(abs(low), abs(high)))
