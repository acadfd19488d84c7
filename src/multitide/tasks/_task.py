"""The two classes that make up a kind of task.

A :class:`Task` is the spec that a user writes. Fitted to training labels, it gives a
:class:`Target`, which encodes labels, computes losses and metrics, and decodes outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from multitide._part import Part
from multitide._weighted_mean import weighted_mean
from multitide.data._samples import Samples
from multitide.data._weights import weights_of
from multitide.errors import DataError
from multitide.tasks._label_place import LabelAt, LabelColumn
from multitide.tasks._metric_table import metric_table
from multitide.tasks._missing_labels import zero_missing

# Lower bound of a trivial loss: dividing by less than this would only amplify rounding errors.
SMALLEST_TRIVIAL_LOSS = 1e-6

# What buffers do not hold, as JSON values. Any: each kind of task has its own keys.
TargetConfig: TypeAlias = dict[str, Any]
# The predictions of one column of ``y``.
Column: TypeAlias = "np.ndarray | pd.api.extensions.ExtensionArray"


@dataclass
class Task(Part, ABC):
    """What to predict about a sample: the kind of task, its loss, and where its label comes from.

    Parameters
    ----------
    name : str
        Name of the task; also of its column in ``y`` and in predictions.
    column : str, optional
        Column of the table that holds the label. Default: `name`.
    label_at : {"end", "start", "mean", "majority", "any"}, default="end"
        Which step of a window provides the label, or how the labels of all steps are combined.
    lead : int, default=0
        The label lies this many steps after the end of the window (after its start for
        ``label_at="start"``). For ``"mean"``, ``"majority"`` and ``"any"``, all steps are shifted
        by `lead`.
    weight : str, optional
        Column of the table that says how much each row counts for this task; read where the label
        is. Default: the `weight` of the table, if it has one.
    """

    name: str
    column: str | None = None
    label_at: LabelAt = "end"
    lead: Annotated[int, Field(ge=0, lt=2**31)] = 0
    weight: str | None = field(default=None, kw_only=True)

    kind: ClassVar[str]
    needs_all_columns: ClassVar[bool] = False  # a label is complete, or missing

    @property
    def columns(self) -> list[str]:
        """Columns of ``y`` that belong to the task."""
        return [self.name]

    @property
    def settings_key(self) -> tuple[str, ...]:
        """The kind and its own settings, without the name of the task and the place of its labels.

        Tasks with equal keys can share computations.
        """
        place = [each.name for each in fields(Task)]
        own = [each.name for each in fields(self) if each.name not in place]
        return (self.kind, *(repr(getattr(self, name)) for name in own))

    def label_columns(self) -> list[LabelColumn]:
        """Return where each of `columns` comes from."""
        return [
            {
                "name": self.name,
                "column": self.column or self.name,
                "label_at": self.label_at,
                "lead": self.lead,
                "kind": self.kind,
                "task": self.name,
                "weight": self.weight,
            }
        ]

    @abstractmethod
    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return one message, with a remedy, for each reason why these labels cannot be used.

        Parameters
        ----------
        labels : DataFrame
            The columns of the task.
        """

    def check_labels(self, labels: pd.DataFrame) -> None:
        """Raise one :class:`DataError` that lists all `label_problems`."""
        problems = self.label_problems(labels)
        if problems:
            raise DataError("\n".join(problems))

    @abstractmethod
    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> Target:
        """Fit a target to the training labels (classes, mean and scale, best constant).

        Parameters
        ----------
        labels : DataFrame
            The columns of the task for the training samples. Use NaN, None or blank text for
            missing labels.
        weights : ndarray, shape (n_samples,), optional
            How much each row counts; above 0 where there is a label.

        Raises
        ------
        DataError
            If there are no labels, or all labels are equal.
        """

    @abstractmethod
    def target_from_config(self, config: TargetConfig) -> Target:
        """Rebuild a target from `Target.to_config`; fill its buffers with ``load_state_dict``."""


class Target(nn.Module, ABC):
    """A task fitted to its training labels.

    It encodes labels, computes losses and metrics, and decodes the outputs of a head. It is a
    module, so it is saved, exported and moved to a device together with the network.

    Attributes
    ----------
    task : Task
        The spec that it was made from.
    n_outputs : int
        Number of outputs of the head.
    bias : Tensor, shape (n_outputs,)
        Outputs of the best constant predictor. A new head starts with this bias and zero weights.
    trivial_loss : Tensor, shape ()
        Mean raw loss of that constant on the labelled training samples. All reported losses are
        divided by it.
    """

    task: Task
    n_outputs: int
    bias: Tensor
    trivial_loss: Tensor

    # The metric computed after every epoch; also the first row of `metrics`. "" computes none.
    headline: ClassVar[str] = ""

    def headline_rows(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the values whose mean over the labelled rows determines the headline metric.

        Parameters
        ----------
        output, codes : Tensor
            As in `raw_loss`, but labels may be missing.

        Returns
        -------
        Tensor, shape (batch,)
            Values in rows without a label are ignored.
        """
        return output.new_zeros(len(output))

    def headline_of(self, mean: float) -> float:
        """Return the headline metric, given the mean of `headline_rows` over the labelled rows."""
        return mean

    @property
    def loss_key(self) -> Hashable | None:
        """Targets with equal keys compute the same `raw_loss`, so their rows can be stacked.

        None means that the raw loss depends on what this target has learned.
        """
        return None

    @abstractmethod
    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as numbers that a loss can use.

        Returns
        -------
        ndarray, shape (n_samples,) or (n_samples, n_columns)
            `measured` says which rows have a label.
        """

    @abstractmethod
    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label that training can use, bool (batch,)."""

    def labelled(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, also of a class that training has not seen, (batch,)."""
        return self.measured(codes)

    @abstractmethod
    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each row, shape (batch,), before division by the trivial loss.

        Parameters
        ----------
        output : Tensor, shape (batch, n_outputs)
            Outputs of the head.
        codes : Tensor, shape (batch,) or (batch, n_columns)
            Labels from `encode`, with missing labels already replaced by `fill_missing`.
        """

    def clipped_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the raw loss of each row as `decoded_losses` does: with clipped probabilities.

        Rows without a label may have any value.
        """
        return self.raw_loss(output, self.fill_missing(codes))

    @abstractmethod
    def forward(self, output: Tensor) -> Tensor:
        """Decode outputs (batch, n_outputs) to probabilities, or to numbers in the user's units."""

    @abstractmethod
    def predictions(self, decoded: np.ndarray) -> dict[str, Column]:
        """Return predictions in the user's own values, by column of the task."""

    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return predictions in the user's own values, one column per column of the task."""
        return pd.DataFrame(self.predictions(decoded))

    def probabilities(self, decoded: np.ndarray) -> pd.DataFrame | None:
        """Return the probability of each class, or of "yes" for each label; None for numbers."""
        return None

    def quantiles(self, decoded: np.ndarray) -> pd.DataFrame | None:
        """Return the predicted quantiles, one column per level; None if there are none."""
        return None

    def point(self, decoded: np.ndarray) -> np.ndarray:
        """Return the point prediction, where `decoded` contains more (quantiles)."""
        return decoded

    @abstractmethod
    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as `metric_values` takes them.

        Returns
        -------
        ndarray, shape (n_samples,) or (n_samples, n_columns)
        """

    @abstractmethod
    def has_label(self, truth: np.ndarray) -> np.ndarray:
        """Return which rows of `truth` have a label, bool (n_samples,)."""

    @property
    @abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics in `metric_values`."""

    def level_of(self, metric: str) -> float | None:
        """Return the value at which a metric is best; None if the best is one of its ends."""
        return None

    @abstractmethod
    def metric_values(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Return the metrics, apart from the loss, for rows that all have a label.

        Parameters
        ----------
        truth, decoded : ndarray, n_samples rows
            Labels from `truth`, and predictions as `forward` returns them.
        weights : ndarray, shape (n_samples,), optional
            How much each row counts.
        """

    @abstractmethod
    def decoded_losses(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the loss of each row in units of the trivial loss.

        Parameters
        ----------
        truth : ndarray, shape (n_samples,) or (n_samples, n_columns)
            Labels from `truth`.
        decoded : ndarray, shape (n_samples,) or (n_samples, n_classes)
            Predictions as `forward` returns them.

        Returns
        -------
        ndarray of float64, shape (n_samples,); NaN in rows without a label.
        """

    def written(self, labels: pd.DataFrame) -> np.ndarray:
        """Return labels in the user's own values, like `to_frame`; None or NaN if missing."""
        return self.truth(labels)

    def as_trained(self, decoded: np.ndarray) -> np.ndarray:
        """Return predictions as the loss of training judges them; see `ClassDecisions`."""
        return decoded

    def row_losses(self, labels: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
        """Return `decoded_losses` for labels as the user wrote them."""
        return self.decoded_losses(self.truth(labels), decoded)

    def trivial_predictions(self, n_samples: int) -> np.ndarray:
        """Return decoded predictions of the baseline that metrics other than the loss use."""
        return self.constant(n_samples)

    def trivial_values(
        self, truth: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """Return `metric_values` of the trivial predictor."""
        return self.metric_values(truth, self.trivial_predictions(len(truth)), weights)

    def metrics(
        self,
        labels: pd.DataFrame,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> pd.DataFrame:
        """Compare predictions with labels on the labelled rows.

        Parameters
        ----------
        labels : DataFrame, n_samples rows
            The columns of the task.
        decoded : ndarray, n_samples rows
            Predictions as `forward` returns them.
        weights : ndarray, shape (n_samples,), optional
            How much each row counts.

        Returns
        -------
        DataFrame
            One row per metric, the headline first: ``metric``, ``value``, ``trivial`` (of a
            constant fitted to the training labels), ``n_labelled`` and ``higher_is_better``. "loss"
            is in units of the trivial loss. Undefined metrics are NaN.
        """
        truth = self.truth(labels)
        known = self.has_label(truth)
        truth, decoded = truth[known], decoded[known]
        weights = None if weights is None else weights[known]
        values = self.metric_values(truth, decoded, weights)
        losses = self.decoded_losses(truth, self.as_trained(decoded))
        values["loss"] = weighted_mean(losses, weights)
        trivial = self.trivial_values(truth, weights)
        losses = self.decoded_losses(truth, self.constant(len(truth)))
        trivial["loss"] = weighted_mean(losses, weights)
        return metric_table(values, trivial, len(truth))

    def evaluate(self, samples: Samples, decoded: np.ndarray) -> pd.DataFrame:
        """Return `metrics` on samples, with further metrics that need more than the labels."""
        weights = weights_of(samples, self.task.name)
        return self.metrics(samples.y[self.task.columns], decoded, weights)

    @abstractmethod
    def to_config(self) -> TargetConfig:
        """Return what the buffers do not hold, as JSON values; see `Task.target_from_config`."""

    def fill_missing(self, codes: Tensor) -> Tensor:
        """Return `codes` with missing labels replaced by a valid value, so that no loss is NaN."""
        return zero_missing(codes, self.measured(codes))

    def row_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each row in units of the trivial loss; 0 in rows without a label."""
        losses = self.raw_loss(output, self.fill_missing(codes)) / self.trivial_loss
        return zero_missing(losses, self.measured(codes))

    def mean_loss(
        self, output: Tensor, codes: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Return the mean of `row_loss` over the labelled rows, shape (); 0 if there are none.

        The losses are multiplied by `weights`, (batch,), whose mean over a training set is 1.
        """
        losses = self.row_loss(output, codes)
        if weights is not None:
            losses = losses * weights
        return losses.sum() / self.measured(codes).sum().clamp(min=1)

    def constant(self, n_samples: int) -> np.ndarray:
        """Return the decoded predictions of the best constant for `n_samples` rows."""
        with torch.no_grad():
            decoded: Tensor = self(self.bias.expand(n_samples, -1))
        return decoded.cpu().numpy()
