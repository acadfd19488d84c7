"""Tasks whose answer is a number."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from multitide.errors import DataError
from multitide.tasks._labels import as_numbers, shorten
from multitide.tasks._losses import LOSSES
from multitide.tasks._metrics import (
    QUANTILE,
    REGRESSION,
    mean,
    metric_table,
    quantile_metrics,
    regression_metrics,
)
from multitide.tasks._standardised import StandardisedTarget
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Task


def _check_quantiles(levels: tuple[float, ...]) -> tuple[float, ...]:
    ascending = sorted(set(levels)) == list(levels) and len(levels) > 1
    if ascending and 0.5 in levels and levels[0] > 0 and levels[-1] < 1:
        return levels
    raise ValueError(
        "ascending numbers between 0 and 1, 0.5 and at least one more, e.g. (0.1, 0.5, 0.9)"
    )


@dataclass
class Regression(Task):
    """How much is it? Learned on labels standardised by the training rows.

    Parameters
    ----------
    name, column, label_at, lead
        See :class:`Task`.
    loss : {"mse", "mae", "huber", "quantile"}, default="mse"
        Squared error; absolute error; Huber's loss: squared up to `delta`, linear beyond, so that a
        few far labels do not rule the fit; or the pinball loss of `quantiles`, whose median is the
        prediction.
    delta : float, default=1.0
        Where Huber's loss turns linear, in standard deviations of the training labels.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        What ``loss="quantile"`` learns, ascending; they never cross. The outermost are an interval,
        whose coverage and width are measured.
    """

    loss: Literal["mse", "mae", "huber", "quantile"] = "mse"
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    quantiles: Annotated[tuple[float, ...], AfterValidator(_check_quantiles)] = (0.1, 0.5, 0.9)

    kind: ClassVar[str] = "regression"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Say what keeps these labels from being numbers that can be learned."""
        numbers, refused = as_numbers(labels[self.name])
        known = numbers[~np.isnan(numbers)]
        problem = ""
        if refused:
            problem = (
                f"must hold finite numbers; got {shorten(refused)}. Blank what nobody measured, "
                + ("or declare the task as a classification.")
            )
        elif not len(known):
            problem = f"must have a label in some row; got none in {len(labels)} rows. Leave the task out."
        elif is_constant(known):
            problem = (
                f"must have labels that differ; got only {known[0]:g} in {len(known)} labelled rows. "
                + ("Leave the task out, or use rows with other labels.")
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


class RegressionTarget(StandardisedTarget):
    """A number a row."""

    def __init__(self, task: Regression) -> None:
        super().__init__()
        self.task: Regression = task
        self.loss = LOSSES[task.loss](task.delta, task.quantiles)
        self.hold(self.loss.n_outputs)

    def learn(self, labels: np.ndarray) -> None:
        """Fill the buffers from the labels of the training rows, float64 (n_labelled,), not all equal."""
        self.settle(labels)
        codes = self.standardise(labels).astype(np.float32).astype(np.float64)
        best = self.loss.best(codes, np.ones_like(codes))
        self.bias.copy_(torch.from_numpy(best))
        values = self.loss.values(torch.from_numpy(best)[None].expand(len(codes), -1))
        trivial = float(self.loss.measure(values, torch.from_numpy(codes)).mean())
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

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
        return self.standardise(self._numbers(labels)).astype(np.float32)

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, bool (batch,)."""
        return ~codes.isnan()

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return each row's loss on standardised labels, shape (batch,), for outputs (batch, n_outputs)."""
        return self.loss.measure(self.loss.values(output), codes)

    headline: ClassVar[str] = "rmse"

    def headline_rows(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return squared errors on standardised labels, shape (batch,); of quantiles those of the median."""
        return (self.loss.values(output)[:, self._at] - codes).square()

    def headline_of(self, mean: float) -> float:
        """Return the root of the mean squared error, in the user's units."""
        return float(np.sqrt(mean) * float(self.scale))

    def forward(self, output: Tensor) -> Tensor:
        """Turn outputs into the user's units, float64 (batch,); (batch, n_quantiles) where quantiles are asked for."""
        numbers = self.loss.values(output).double() * self.scale + self.mean
        return numbers if self.n_outputs > 1 else numbers[:, 0]

    def point(self, decoded: np.ndarray) -> np.ndarray:
        """Return one number a row: of quantiles the median."""
        return decoded[:, self._at] if decoded.ndim > 1 else decoded

    def quantiles(self, decoded: np.ndarray) -> pd.DataFrame | None:
        """Return a column for every quantile, named by its level; None where none are asked for."""
        if self.n_outputs == 1:
            return None
        return pd.DataFrame(decoded, columns=pd.Index(self.task.quantiles, name=self.task.name))

    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return the predictions as a column."""
        return pd.DataFrame({self.task.name: self.point(decoded)})

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as numbers, float64 (n_samples,); NaN where nobody measured."""
        return self._numbers(labels)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of `figures`."""
        return REGRESSION if self.n_outputs == 1 else (*REGRESSION, *QUANTILE)

    def figures(self, truth: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
        """Compare numbers with numbers, all measured."""
        found = regression_metrics(truth, self.point(decoded))
        return (
            found
            if decoded.ndim == 1
            else found | quantile_metrics(truth, decoded, self.task.quantiles)
        )

    def row_losses(self, labels: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
        """Return each row's loss in units of the trivial loss; NaN where there is no label."""
        return self._losses(self._numbers(labels), decoded)

    def metrics(self, labels: pd.DataFrame, decoded: np.ndarray) -> pd.DataFrame:
        """Compare predictions with labels on the labelled rows; the headline is the RMSE.

        Parameters
        ----------
        labels : DataFrame, n_samples rows
            The task's column.
        decoded : ndarray, shape (n_samples,) or (n_samples, n_quantiles)
            Predictions in the user's units.

        Returns
        -------
        DataFrame
            As :meth:`Target.metrics`; ``n_labelled`` of ``mape`` counts the rows whose label is not
            zero.
        """
        numbers = self._numbers(labels)
        known = ~np.isnan(numbers)
        numbers, decoded = numbers[known], decoded[known].astype(np.float64)
        values, trivial = (
            self.figures(numbers, guess) | {"loss": mean(self._losses(numbers, guess))}
            for guess in (decoded, self.constant(len(numbers)))
        )
        n_labelled = dict.fromkeys(values, len(numbers)) | {"mape": int(np.count_nonzero(numbers))}
        return metric_table(values, trivial, n_labelled)

    @property
    def _at(self) -> int:
        """Which of the outputs is the prediction itself."""
        return list(self.task.quantiles).index(0.5) if self.n_outputs > 1 else 0

    def _numbers(self, labels: pd.DataFrame) -> np.ndarray:
        numbers, refused = as_numbers(labels[self.task.name])
        if refused:
            raise DataError(
                f"`{self.task.name}` must hold finite numbers; got {shorten(refused)}. Blank what nobody measured."
            )
        return numbers

    def _losses(self, labels: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return losses in float64, in units of the trivial one."""
        values = torch.from_numpy(
            self.standardise(decoded.astype(np.float64)).reshape(len(labels), self.n_outputs)
        )
        losses = self.loss.measure(values, torch.from_numpy(self.standardise(labels)))
        return losses.numpy() / float(self.trivial_loss)


def is_constant(values: np.ndarray) -> bool:
    """Whether labels differ by no more than rounding."""
    low, high = values.min(), values.max()
    return bool(high / 2 - low / 2 <= 4 * np.finfo(np.float64).eps * max(abs(low), abs(high)))
