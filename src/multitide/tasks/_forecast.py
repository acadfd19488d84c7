"""Tasks whose answer is the next steps of a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from multitide.data._samples import Samples
from multitide.data.tables._windows import last_known
from multitide.errors import DataError
from multitide.tasks._labels import as_numbers, shorten
from multitide.tasks._losses import LOSSES
from multitide.tasks._metrics import FORECAST, forecast_metrics
from multitide.tasks._regression import is_constant
from multitide.tasks._several import SeveralTarget, cell_weights
from multitide.tasks._standardised import StandardisedTarget
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Task


@dataclass
class Forecast(Task):
    """How does it go on? The next steps of a number after the window, all at once.

    ``Forecast("load", horizon=6)`` owns the columns ``load[+1]`` ... ``load[+6]`` of ``y``, which
    :func:`multitide.read_table` makes of the column ``load``; a step beyond the series or a gap is
    missing. That column may be a channel too, as the labels lie ahead of the window. The trivial
    predictor is the best constant of each step; where the last value before the forecast is known,
    it is compared with, too.

    Parameters
    ----------
    name, column
        See :class:`Task`.
    horizon : int, default=1
        How many steps.
    lead : int, default=0
        The first step is this many steps later than the one after the window, so the columns begin
        at [+lead + 1].
    loss : {"mse", "mae", "huber"}, default="mse"
        Of each step, as in :class:`Regression`; a row's loss is the mean over its known steps.
    delta : float, default=1.0
        Where Huber's loss turns linear, in standard deviations of the training labels.
    """

    label_at: Literal["end"] = "end"
    horizon: Annotated[int, Field(ge=1)] = 1
    loss: Literal["mse", "mae", "huber"] = "mse"
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    kind: ClassVar[str] = "forecast"

    @property
    def steps(self) -> list[int]:
        """The steps after the window's end that are asked for."""
        return [self.lead + step for step in range(1, self.horizon + 1)]

    @property
    def columns(self) -> list[str]:
        """One column of ``y`` a step."""
        return [f"{self.name}[+{step}]" for step in self.steps]

    @property
    def last_column(self) -> str:
        """The column of ``Samples.extra`` that holds the last value in the window."""
        return f"{self.column or self.name}[last]"

    def label_columns(self) -> list[dict[str, Any]]:
        """Return where each step comes from: the same column, one row later each."""
        pairs = zip(self.columns, self.steps, strict=True)
        place = {"column": self.column or self.name, "label_at": "end", "kind": self.kind}
        return [{"name": name, "lead": step, **place} for name, step in pairs]

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Say what keeps these labels from being numbers that can be learned."""
        found = [as_numbers(labels[column]) for column in self.columns]
        refused = list(dict.fromkeys(value for _, strange in found for value in strange))
        known = np.concatenate([numbers for numbers, _ in found])
        known = known[~np.isnan(known)]
        problem = ""
        if refused:
            problem = (
                f"must hold finite numbers; got {shorten(refused)}. Blank what nobody measured."
            )
        elif not len(known):
            problem = f"must have a label in some row; got none in {len(labels)} rows. Leave the task out."
        elif is_constant(known):
            problem = f"must have labels that differ; got only {known[0]:g}. Leave the task out."
        return [f"`{self.name}` {problem}"] if problem else []

    def fit_target(self, labels: pd.DataFrame) -> ForecastTarget:
        """Learn mean and spread of the labels, and the best constant of each step.

        Raises
        ------
        DataError
            If no row is labelled, a label is no finite number, or all of them are equal.
        """
        if problems := self.label_problems(labels):
            raise DataError("\n".join(problems))
        target = ForecastTarget(self)
        target.learn(target.truth(labels))
        return target

    def target_from_config(self, config: dict[str, Any]) -> ForecastTarget:
        """Rebuild a target; the buffers hold it all."""
        return ForecastTarget.from_config(self, config)


class ForecastTarget(StandardisedTarget, SeveralTarget):
    """A number a step: one mean and scale for all steps, as they are one quantity."""

    def __init__(self, task: Forecast) -> None:
        super().__init__()
        self.task: Forecast = task
        self.loss = LOSSES[task.loss](task.delta)
        self.hold(task.horizon)

    def learn(self, truth: np.ndarray) -> None:
        """Fill the buffers from the labels of the training rows, float64 (n, horizon), NaN where nobody measured."""
        weights = cell_weights(truth)
        self.settle(truth[~np.isnan(truth)])
        codes = self.standardise(truth).astype(np.float32).astype(np.float64)
        best = np.zeros(self.n_outputs)  # the mean, for a step that no training row knows
        for step, rows in enumerate((weights > 0).T):
            if rows.any():
                best[step] = self.loss.best(codes[rows, step], weights[rows, step])[0]
        self.bias.copy_(torch.from_numpy(best))
        losses = self._measure(np.tile(best, (len(codes), 1)), np.nan_to_num(codes))
        self.trivial_loss.fill_(
            max(float((weights * losses).sum() / weights.sum()), SMALLEST_TRIVIAL_LOSS)
        )

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return standardised labels, float32 (n_samples, horizon); NaN where nobody measured."""
        return self.standardise(self.truth(labels)).astype(np.float32)

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as numbers, float64 (n_samples, horizon); NaN where nobody measured.

        Raises
        ------
        DataError
            If a label is no finite number.
        """
        found = [as_numbers(labels[column]) for column in self.task.columns]
        if refused := [value for _, strange in found for value in strange]:
            raise DataError(
                f"`{self.task.name}` must hold finite numbers; got {shorten(refused)}. Blank what nobody measured."
            )
        return np.stack([numbers for numbers, _ in found], axis=1)

    def cells(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of every step."""
        return self.loss.measure(output.reshape(-1, 1), codes.reshape(-1)).view_as(codes)

    def decoded_cells(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the loss of every step, from numbers in the user's units."""
        return self._measure(self.standardise(decoded.astype(np.float64)), self.standardise(truth))

    def forward(self, output: Tensor) -> Tensor:
        """Turn outputs into the user's units, float64 (batch, horizon)."""
        return output.double() * self.scale + self.mean

    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return a column a step."""
        return pd.DataFrame(decoded, columns=pd.Index(self.task.columns))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of `figures`."""
        return FORECAST

    def figures(self, truth: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
        """Compare all known steps of all rows."""
        return forecast_metrics(truth, decoded)

    def evaluate(self, samples: Samples, decoded: np.ndarray) -> pd.DataFrame:
        """Return `metrics`, and the figures of the last value as a forecast (persistence) where it is known.

        ``persistence_rmse`` is the last value's, at both `value` and `trivial`; ``skill`` is 1 -
        (RMSE / RMSE of the last value)^2 on the rows where it is known: above 0 is better than it
        (Murphy 1988 [1]_).

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
        guesses = {"persistence": np.tile(last[:, None], (1, self.n_outputs)), "value": decoded}
        guesses["trivial"] = self.constant(len(truth))
        errors = {name: forecast_metrics(truth, guess)["rmse"] for name, guess in guesses.items()}
        naive = errors["persistence"]
        n_labelled = int((~np.isnan(truth)).any(axis=1).sum())
        more = pd.DataFrame(
            {
                "metric": ["persistence_rmse", "skill"],
                "value": [naive, _skill(errors["value"], naive)],
                "trivial": [naive, _skill(errors["trivial"], naive)],
                "n_labelled": n_labelled,
                "higher_is_better": [False, True],
            }
        )
        return pd.concat([table, more], ignore_index=True)

    def _measure(self, values: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return self.cells(torch.from_numpy(values), torch.from_numpy(codes)).numpy()


def last_values(samples: Samples, task: Forecast) -> np.ndarray | None:
    """Return the last value of the forecast column in each window, float64 (n_samples,); None where nobody kept it.

    :func:`multitide.read_table` keeps it in ``samples.extra``; else it is the channel of that name.
    """
    if samples.extra is not None and task.last_column in samples.extra:
        return samples.extra[task.last_column].to_numpy(dtype=np.float64, na_value=np.nan)
    column = task.column or task.name
    if column not in samples.channels or column in samples.categories:
        return None
    values = samples.values[:, samples.channels.index(column)].astype(np.float64)
    return last_known(values, samples.starts, samples.lengths)


def _skill(error: float, naive: float) -> float:
    return 1 - (error / naive) ** 2 if naive > 0 else float("nan")
