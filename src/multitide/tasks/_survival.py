"""Tasks with the time until an event, of which some have not ended yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator, Field
from torch import Tensor
from torch.nn import functional as F

from multitide._weighted_mean import weighted_mean
from multitide.errors import DataError
from multitide.tasks._label_column import as_numbers, shorten
from multitide.tasks._label_place import LabelColumn
from multitide.tasks._missing_labels import zero_missing
from multitide.tasks._smallest_probability import LARGEST_LOG_LOSS, clipped
from multitide.tasks._survival_metrics import SURVIVAL, risks, survival_metrics
from multitide.tasks._task import (
    SMALLEST_TRIVIAL_LOSS,
    Column,
    Target,
    TargetConfig,
    Task,
)

SMALLEST_HAZARD = 1e-4  # of the best constant, and the smallest 1 - hazard
LEAST_EVENT_TIMES = 2


def _check_column(column: str) -> str:
    if column.strip():
        return column
    raise ValueError('the name of a column, e.g. "hours"')


@dataclass
class Survival(Task):
    """Predict the time until an event, where some samples have only been observed up to a time.

    The network predicts the hazard of each of `n_bins` intervals of time: the probability that the
    event happens in it, if it has not happened before (logistic hazard, Nnet-survival [1]_). The
    loss is the negative log-likelihood. A sample without the event (censored) counts as having
    survived the intervals up to its time, the last one if it lasted beyond the middle of it. The
    trivial predictor has the hazards of the training set (Kaplan and Meier).

    Parameters
    ----------
    name, label_at, lead
        See :class:`Task`. `name` is only the name of the task.
    time : str
        Column of ``y`` and of the table: the time from the sample to the event, or to the end of
        its observation. At least 0.
    event : str
        Column that says whether the event happened at that time: 1 or True, and 0 or False for
        "not until then". A sample that lacks one of the two has no label.
    n_bins : int, default=20
        Number of intervals. They end at quantiles of the times of the training events; the last
        one ends at the longest training time, the horizon.

    References
    ----------
    .. [1] Gensheimer and Narasimhan, "A scalable discrete-time survival model for neural networks",
       PeerJ 7:e6257, 2019. https://doi.org/10.7717/peerj.6257
    """

    column: None = None
    label_at: Literal["end", "start"] = "end"
    time: Annotated[str, AfterValidator(_check_column)] = ""
    event: Annotated[str, AfterValidator(_check_column)] = ""
    n_bins: Annotated[int, Field(ge=2, le=1000)] = 20

    kind: ClassVar[str] = "survival"
    needs_all_columns: ClassVar[bool] = True

    @property
    def columns(self) -> list[str]:
        """Columns of ``y``: the time and the event."""
        return [self.time, self.event]

    def label_columns(self) -> list[LabelColumn]:
        """Return where time and event come from: the columns of the same names."""
        columns: list[LabelColumn] = []
        for column in self.columns:
            columns.append(
                {
                    "name": column,
                    "column": column,
                    "label_at": self.label_at,
                    "lead": self.lead,
                    "kind": self.kind,
                    "task": self.name,
                    "weight": self.weight,
                }
            )
        return columns

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return one message for each reason why these times and events cannot be used."""
        problems = self.value_problems(labels)
        if problems:
            return problems
        times, events = self.read_labels(labels).T
        n_times = len(np.unique(times[events == 1]))
        if n_times < LEAST_EVENT_TIMES:
            return [
                f"`{self.name}` must have events at {LEAST_EVENT_TIMES} different times or more; "
                f"got {n_times} in {len(labels)} samples. Remove it from the tasks, or use "
                f"samples with more events (`{self.event}` = 1)."
            ]
        return []

    def value_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return one message for each column with a value that is no time or no event."""
        times, refused = as_numbers(labels[self.time])
        problems = []
        unusable = [*refused, *np.unique(times[times < 0]).tolist()]
        if unusable:
            problems.append(
                f"`{self.name}`: `{self.time}` must hold times of at least 0; "
                f"got {shorten(unusable)}. Use NaN for missing labels."
            )
        events, refused = as_numbers(labels[self.event])
        known = ~np.isnan(events)
        others = np.unique(events[known & (events != 0) & (events != 1)]).tolist()
        if refused or others:
            problems.append(
                f"`{self.name}`: `{self.event}` must hold 1 (the event happened) or 0 (not until "
                f"then); got {shorten([*refused, *others])}. Use NaN for missing labels."
            )
        return problems

    def read_labels(self, labels: pd.DataFrame) -> np.ndarray:
        """Return times and events, float64 (n_samples, 2); NaN in both if one is missing."""
        pairs = np.stack(
            [as_numbers(labels[self.time])[0], as_numbers(labels[self.event])[0]],
            axis=1,
        )
        return np.where(np.isnan(pairs).any(axis=1, keepdims=True), np.nan, pairs)

    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> SurvivalTarget:
        """Find the intervals, and the hazard of each in the training set.

        Raises
        ------
        DataError
            If there are too few events, or a value is no time or no event.
        """
        self.check_labels(labels)
        truth = self.read_labels(labels)
        known = ~np.isnan(truth[:, 0])
        times, events = truth[known].T
        of_events = times[events == 1]
        levels = np.arange(1, self.n_bins) / self.n_bins
        inner = np.quantile(of_events, levels, method="inverted_cdf")
        edges = np.unique([*inner, times.max()])
        target = SurvivalTarget(self, [0.0, *edges[edges > 0].tolist()])
        target.learn(truth[known], None if weights is None else weights[known])
        return target

    def target_from_config(self, config: TargetConfig) -> SurvivalTarget:
        """Rebuild a target from its intervals."""
        return SurvivalTarget(self, config["edges"])


class SurvivalTarget(Target):
    """The hazards of intervals of time.

    Codes are float32 (n, 2): how many intervals the sample survived, and whether the event happened
    in the next one. Decoded predictions are survival curves, (n, n_bins): the probability that the
    event happens after the end of each interval.

    Attributes
    ----------
    edges : ndarray of float64, shape (n_bins + 1,)
        The ends of the intervals, from 0 to the horizon.
    """

    def __init__(self, task: Survival, edges: Sequence[float]) -> None:
        super().__init__()
        self.task: Survival = task
        self.edges = np.array(edges, dtype=np.float64)
        if len(self.edges) < 2 or not (np.diff(self.edges) > 0).all():
            raise ValueError("`edges` must be two or more ascending times")
        self.n_outputs = len(self.edges) - 1
        self.register_buffer("bias", torch.zeros(self.n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))

    def learn(self, truth: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Fill the buffers from times and events, (n_labelled, 2), and their weights."""
        codes = self._codes(truth)
        if weights is None:
            weights = np.ones(len(codes))
        survived, events = codes.T
        steps = np.arange(self.n_outputs)
        happened = (survived[:, None] == steps) & (events[:, None] == 1)
        at_risk = (survived[:, None] > steps) | happened
        totals = (weights[:, None] * at_risk).sum(axis=0)
        deaths = (weights[:, None] * happened).sum(axis=0)
        hazards = deaths / np.maximum(totals, np.finfo(float).tiny)
        hazards = hazards.clip(SMALLEST_HAZARD, 1 - SMALLEST_HAZARD)
        self.bias.copy_(torch.from_numpy(np.log(hazards / (1 - hazards))))
        output = self.bias.double().expand(len(codes), -1)
        losses = self.raw_loss(output, torch.from_numpy(codes)).numpy()
        trivial = weighted_mean(losses, weights)
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    def _codes(self, truth: np.ndarray) -> np.ndarray:
        """Return survived intervals and events, float64 (n, 2), for times and events."""
        times, events = truth[:, 0], truth[:, 1]
        interval = np.searchsorted(self.edges[1:], times, side="left")
        inside = np.minimum(interval, self.n_outputs - 1)
        middle = (self.edges[inside] + self.edges[inside + 1]) / 2
        lasted = np.where(times >= middle, interval + 1, interval)
        survived = np.where(events == 1, interval, lasted)
        beyond = (
            interval >= self.n_outputs
        )  # later than the horizon: the event is not seen
        survived = np.where(beyond, self.n_outputs, survived)
        seen = np.where(beyond, 0.0, events)
        codes = np.stack([survived.astype(float), seen], axis=1)
        return np.where(np.isnan(truth), np.nan, codes)

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return survived intervals and events, float32 (n_samples, 2); NaN if missing."""
        return self._codes(self.truth(labels)).astype(np.float32)

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, bool (batch,)."""
        return ~codes.isnan().any(dim=1)

    def fill_missing(self, codes: Tensor) -> Tensor:
        """Return `codes` with zeros in rows without a label."""
        return zero_missing(codes, self.measured(codes)[:, None])

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the negative log-likelihood of each row, (batch,)."""
        survived, events = codes[:, :1], codes[:, 1]
        steps = torch.arange(self.n_outputs, device=output.device)
        losses = (F.softplus(output) * (steps < survived)).sum(dim=1)
        last = survived.long().clamp(max=self.n_outputs - 1)
        happened = F.softplus(-output.gather(1, last)[:, 0])
        return losses + events.to(output.dtype) * happened

    def clipped_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the raw loss of each row, (batch,), with clipped likelihoods."""
        return super().clipped_loss(output, codes).clamp(max=LARGEST_LOG_LOSS)

    def forward(self, output: Tensor) -> Tensor:
        """Return the survival curve at the end of each interval, float64 (batch, n_bins)."""
        return torch.exp(-F.softplus(output.double()).cumsum(dim=1))

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return times and events, float64 (n_samples, 2); NaN in both if one is missing.

        Raises
        ------
        DataError
            If a value is no time or no event.
        """
        problems = self.task.value_problems(labels)
        if problems:
            raise DataError("\n".join(problems))
        return self.task.read_labels(labels)

    def has_label(self, truth: np.ndarray) -> np.ndarray:
        """Return which rows have a label, bool (n_samples,)."""
        known: np.ndarray = ~np.isnan(truth).any(axis=1)
        return known

    def predictions(self, decoded: np.ndarray) -> dict[str, Column]:
        """Return the median time, and whether it is reached.

        If the curve stays above 0.5, the time is the horizon and the event 0: later than that.
        """
        reached = decoded[:, -1] <= 0.5
        return {
            self.task.time: self.point(decoded),
            self.task.event: reached.astype(np.int64),
        }

    def point(self, decoded: np.ndarray) -> np.ndarray:
        """Return the median time, linear within an interval; the horizon if it is not reached."""
        curves = np.column_stack([np.ones(len(decoded)), decoded])
        is_below = curves <= 0.5
        place = np.where(is_below.any(axis=1), is_below.argmax(axis=1), self.n_outputs)
        rows = np.arange(len(curves))
        before, after = curves[rows, place - 1], curves[rows, place]
        falls = np.maximum(before - after, np.finfo(float).tiny)
        share = np.clip((before - 0.5) / falls, 0, 1)
        starts, ends = self.edges[place - 1], self.edges[place]
        return np.asarray(starts + share * (ends - starts))

    def survival(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return the survival curves, one column per end of an interval."""
        return pd.DataFrame(
            decoded, columns=pd.Index(self.edges[1:], name=self.task.name)
        )

    def risk(self, decoded: np.ndarray) -> np.ndarray:
        """Return the share of the time up to the horizon that is expected to be lost."""
        return risks(decoded, self.edges)

    def at_edges(self, decoded: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return curves at the ends of other intervals, linear in between, (n, n_edges - 1)."""
        curves = np.column_stack([np.ones(len(decoded)), decoded])
        rows = [np.interp(edges[1:], self.edges, curve) for curve in curves]
        return np.array(rows).reshape(len(decoded), len(edges) - 1)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics in `metric_values`."""
        return SURVIVAL

    def metric_values(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Compare survival curves with times and events, all of them known."""
        times, events = truth.T
        return survival_metrics(times, events, decoded, self.edges, weights)

    def decoded_losses(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the loss of each row in units of the trivial loss; NaN without a label."""
        known = self.has_label(truth)
        codes = np.where(known[:, None], self._codes(truth), 0.0)
        survived, events = codes[:, 0].astype(int), codes[:, 1]
        curves = np.column_stack([np.ones(len(decoded)), decoded.astype(np.float64)])
        rows = np.arange(len(curves))
        until = curves[rows, survived]
        after = curves[rows, np.minimum(survived + 1, self.n_outputs)]
        likelihoods = np.where(events == 1, until - after, until)
        losses = -np.log(clipped(likelihoods))
        return np.where(known, losses / float(self.trivial_loss), np.nan)

    def to_config(self) -> TargetConfig:
        """Return the intervals."""
        return {"edges": self.edges.tolist()}
