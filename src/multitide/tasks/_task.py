"""What every kind of task is: a spec that the user writes, and a target that it becomes on the training labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from multitide._part import Part
from multitide.data._samples import Samples

LabelAt = Literal["end", "start", "mean", "majority", "any"]

# The floor of a trivial loss: below it, a loss in units of it would be rounding noise.
SMALLEST_TRIVIAL_LOSS = 1e-6


@dataclass
class Task(Part, ABC):
    """A named question about a sample: its kind, its loss, and where its label comes from.

    Parameters
    ----------
    name : str
        The task's name; also the name of its column in ``y`` and in predictions.
    column : str, optional
        The column of the table that holds the label; `name` when not given.
    label_at : {"end", "start", "mean", "majority", "any"}, default="end"
        Which step of a window gives its label, or how the steps' labels become one.
    lead : int, default=0
        The label lies this many steps after the window's end (after its start for
        ``label_at="start"``; for ``"mean"``, ``"majority"`` and ``"any"`` the whole window is
        moved).
    """

    name: str
    column: str | None = None
    label_at: LabelAt = "end"
    lead: Annotated[int, Field(ge=0)] = 0

    kind: ClassVar[str]

    @property
    def columns(self) -> list[str]:
        """The columns of ``y`` that the task owns."""
        return [self.name]

    @property
    def question(self) -> tuple[str, ...]:
        """The kind and its settings, without the task's name and the place of its labels."""
        place = {field.name for field in fields(Task)}
        return (
            self.kind,
            *(repr(getattr(self, field.name)) for field in fields(self) if field.name not in place),
        )

    def label_columns(self) -> list[dict[str, Any]]:
        """Return where each of `columns` comes from: ``name, column, label_at, lead, kind``, one dict each."""
        place = {"label_at": self.label_at, "lead": self.lead, "kind": self.kind}
        return [{"name": self.name, "column": self.column or self.name, **place}]

    @abstractmethod
    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return one sentence, with its remedy, for everything that keeps the task from learning these labels.

        Parameters
        ----------
        labels : DataFrame
            The task's columns.
        """

    @abstractmethod
    def fit_target(self, labels: pd.DataFrame) -> Target:
        """Learn what the training labels say (classes, units, best constant).

        Parameters
        ----------
        labels : DataFrame
            The task's columns of the training rows; NaN, None and blanks are labels that nobody
            measured.

        Raises
        ------
        DataError
            If no row is labelled, or all labels are equal.
        """

    @abstractmethod
    def target_from_config(self, config: dict[str, Any]) -> Target:
        """Rebuild a target of this task from `Target.to_config`; ``load_state_dict`` fills its buffers."""


def labelled(tasks: Sequence[Task], y: pd.DataFrame) -> pd.DataFrame:
    """Return a column a task: 1 where any of its columns of ``y`` has a label, NaN where none has."""
    known = {
        task.name: np.where(y[task.columns].notna().any(axis=1), 1.0, np.nan) for task in tasks
    }
    return pd.DataFrame(known, index=y.index)


class Target(nn.Module, ABC):
    """A task that has seen its training labels: codes labels, measures losses, and decodes a head's outputs.

    It is a module, so that what it learned is saved, exported and moved to a device with the
    network.

    Attributes
    ----------
    task : Task
        The spec it was made from.
    n_outputs : int
        Number of outputs of the task's head.
    bias : Tensor, shape (n_outputs,)
        The outputs of the best constant predictor: a new head starts there, with zero weights.
    trivial_loss : Tensor, shape ()
        The mean raw loss of that constant on the labelled training rows; losses are reported in
        units of it.
    """

    task: Task
    n_outputs: int
    bias: Tensor
    trivial_loss: Tensor

    # The metric that is measured at every epoch's end, which heads `metrics`; "": none is.
    headline: ClassVar[str] = ""

    def headline_rows(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return what the headline figure is made of the mean of, shape (batch,); rows without a label are dropped.

        Parameters
        ----------
        output, codes : Tensor
            As in `raw_loss`, but missing labels are missing.
        """
        return output.new_zeros(len(output))

    def headline_of(self, mean: float) -> float:
        """Return the headline figure of the mean over the labelled rows."""
        return mean

    @property
    def alike(self) -> Hashable | None:
        """What other targets must share for `raw_loss` of any of them to be that of all, or None: it is its own alone.

        The rows of targets that are alike are then computed together (see `stacking`).
        """
        return None

    @abstractmethod
    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as numbers a loss can use, (n_samples,) or (n_samples, n_columns); see `measured`."""

    @abstractmethod
    def measured(self, codes: Tensor) -> Tensor:
        """Return a bool tensor, shape (batch,): which rows have a label."""

    @abstractmethod
    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of every row, shape (batch,), in the loss's own units; `codes` are all measured.

        Parameters
        ----------
        output : Tensor, shape (batch, n_outputs)
            What the head gave.
        codes : Tensor, shape (batch,) or (batch, n_columns)
            Labels from `encode`, with missing ones already replaced by any measured value.
        """

    @abstractmethod
    def forward(self, output: Tensor) -> Tensor:
        """Decode a head's output, (batch, n_outputs), to probabilities or to numbers in the user's own units."""

    @abstractmethod
    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return predictions in the user's own values, one column a column of the task."""

    def probabilities(self, decoded: np.ndarray) -> pd.DataFrame | None:
        """Return the probabilities of classes, or of yes for every label; None for numbers."""
        return None

    def quantiles(self, decoded: np.ndarray) -> pd.DataFrame | None:
        """Return the quantiles of a number, a column a level; None where none are asked for."""
        return None

    def point(self, decoded: np.ndarray) -> np.ndarray:
        """Return the prediction itself, where `decoded` says more (quantiles)."""
        return decoded

    @abstractmethod
    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the labels as `figures` takes them, (n_samples,) or (n_samples, n_columns)."""

    @property
    @abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """The names of `figures`."""

    @abstractmethod
    def figures(self, truth: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
        """Return the figures of merit, without the loss, on rows that all have a label."""

    @abstractmethod
    def row_losses(self, labels: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
        """Return each row's loss in units of the trivial loss, float64 (n_samples,); NaN where there is no label.

        Parameters
        ----------
        labels : DataFrame
            The task's columns.
        decoded : ndarray, shape (n_samples,) or (n_samples, n_classes)
            Predictions as `forward` gives them.
        """

    @abstractmethod
    def metrics(self, labels: pd.DataFrame, decoded: np.ndarray) -> pd.DataFrame:
        """Compare predictions with labels on the labelled rows.

        Returns
        -------
        DataFrame
            Columns ``metric``, ``value``, ``trivial`` (the same metric of the trivial predictor: a
            constant learned in training), ``n_labelled``, ``higher_is_better``. The first row is
            the task's headline figure; "loss" is among them, in units of the trivial loss. NaN
            where a metric is not defined.
        """

    def evaluate(self, samples: Samples, decoded: np.ndarray) -> pd.DataFrame:
        """Return `metrics` on samples, and whatever else these say (a forecast is set beside the last value)."""
        return self.metrics(samples.y[self.task.columns], decoded)

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Return what the buffers do not hold (classes as the user wrote them), as plain JSON values."""

    @classmethod
    @abstractmethod
    def from_config(cls, task: Task, config: dict[str, Any]) -> Target:
        """Rebuild a target from `to_config`; the buffers are filled by ``load_state_dict``."""

    def fill_missing(self, codes: Tensor) -> Tensor:
        """Return `codes` with missing labels replaced by a harmless one, *before* any loss is computed.

        ``where`` on a loss that is already NaN still sends NaN gradients back, so the target has to
        be mended first.
        """
        return torch.where(self.measured(codes), codes, torch.zeros_like(codes))

    def row_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return each row's loss in units of the trivial loss, shape (batch,), and 0 where there is no label."""
        losses = self.raw_loss(output, self.fill_missing(codes)) / self.trivial_loss
        return torch.where(self.measured(codes), losses, torch.zeros_like(losses))

    def mean_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the mean loss over the labelled rows, shape (), in units of the trivial loss; 0 if there is none."""
        return self.row_loss(output, codes).sum() / self.measured(codes).sum().clamp(min=1)

    def constant(self, n_samples: int) -> np.ndarray:
        """Return what the best constant predicts for `n_samples` rows, decoded."""
        with torch.no_grad():
            return self(self.bias.expand(n_samples, -1)).cpu().numpy()
