"""Tasks with one of several classes per sample."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from multitide._checks import suggest
from multitide.errors import DataError, MultitideWarning
from multitide.tasks._class_decisions import ClassDecisions
from multitide.tasks._class_losses import ClassLoss
from multitide.tasks._class_problems import class_problem
from multitide.tasks._class_weight import ClassWeight
from multitide.tasks._label_column import (
    Value,
    distinct_values,
    no_label_problem,
    shorten,
    unusable_problem,
    unusable_values,
)
from multitide.tasks._metrics import (
    BINARY,
    CLASSIFICATION,
    classification_metrics,
    log_losses,
)
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Column, TargetConfig, Task
from multitide.tasks._threshold import Threshold

MISSING = -1  # code of a missing label
UNSEEN = -2  # code of a class that training has not seen


@dataclass
class Classification(Task):
    """Predict one of several classes, trained with cross-entropy or the focal loss.

    Parameters
    ----------
    name, column, label_at, lead, weight
        See :class:`Task`. ``label_at="mean"`` is not available.
    class_weight : None, "balanced" or dict, default=None
        Weight of a row, depending on its class: equal for all rows, balanced so that all classes
        have the same total weight, or a weight for some classes (1 for the others). Weights are
        scaled to a mean of 1 over the labelled training rows.
    n_classes : int, optional
        Number of classes that the labels must have; other numbers are refused.
    loss : {"cross_entropy", "focal"}, default="cross_entropy"
        The focal loss (Lin et al. 2017) multiplies the cross-entropy by (1 - p)^gamma, which gives
        less weight to rows that are already predicted well.
    gamma : float, default=2.0
        Exponent of the focal loss.
    label_smoothing : float, default=0.0
        This fraction of the target is distributed evenly over all classes, so that the network is
        not pushed towards probabilities of exactly 0 or 1.
    positive : bool, int, float or str, optional
        The positive class of two, which precision, recall, F1, ROC AUC and average precision are
        about. Default: the rarer one of the training labels.
    threshold : float, str or dict, optional
        For two classes, the probability from which the positive one is predicted: a number, or how
        it is chosen on samples that the model was not trained on: "f1", "balanced" (balanced
        accuracy), "recall>=0.9" (with the best precision), "precision>=0.8" (with the best recall),
        or the lowest cost, ``{"false_negative": 10, "false_positive": 1}``. Default: the more
        probable class is predicted.
    """

    label_at: Literal["end", "start", "majority", "any"] = "end"
    class_weight: ClassWeight = None
    n_classes: Annotated[int, Field(ge=2)] | None = None
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    positive: bool | int | float | str | None = None
    threshold: Threshold = None

    kind: ClassVar[str] = "classification"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Return a message if these labels cannot be used as classes."""
        positions, values = distinct_values(labels[self.name])
        unusable = unusable_values(values)
        if unusable:
            return [unusable_problem(self.name, unusable)]
        if not values:
            return [no_label_problem(self.name, len(labels))]
        of_two = {"positive": self.positive, "threshold": self.threshold}
        n_labelled = int((positions >= 0).sum())
        problem = class_problem(values, n_labelled, self.n_classes, of_two)
        if problem:
            return [f"`{self.name}` {problem}"]
        return []

    def fit_target(
        self, labels: pd.DataFrame, weights: np.ndarray | None = None
    ) -> ClassificationTarget:
        """Find the classes and their frequencies.

        Parameters
        ----------
        labels : DataFrame
            The column of the task for the training samples.
        weights : ndarray, shape (n_samples,), optional
            How much each row counts.

        Raises
        ------
        DataError
            If fewer than two classes have labels, or `class_weight` names an unknown class.
        """
        self.check_labels(labels)
        _, values = distinct_values(labels[self.name])
        target = ClassificationTarget(self, sorted(values, key=_by_type_and_value))
        codes = target.encode(labels)
        known = codes >= 0
        if weights is not None:
            weights = weights[known]
        target.learn(np.bincount(codes[known], weights, minlength=target.n_outputs))
        return target

    def target_from_config(self, config: TargetConfig) -> ClassificationTarget:
        """Rebuild a target from its classes."""
        return ClassificationTarget(self, config["classes"])


class ClassificationTarget(ClassDecisions):
    """The classes with their training frequencies and weights.

    Attributes
    ----------
    classes : list of bool, int, float or str
        The classes as the user wrote them, sorted.
    class_weights : Tensor, shape (n_classes,)
        Weight of a row, by class. The mean over the labelled training rows is 1.
    frequencies : Tensor, shape (n_classes,)
        Fraction of each class among the labelled training rows. They are the predictions of the
        trivial predictor, except for ``loss``, where it is the best constant of the weighted loss.
    """

    class_weights: Tensor
    frequencies: Tensor

    def __init__(self, task: Classification, classes: Sequence[Value]) -> None:
        super().__init__()
        self.task: Classification = task
        gamma = task.gamma if task.loss == "focal" else 0.0
        self.loss = ClassLoss(gamma, task.label_smoothing)
        self.classes = list(classes)
        self._class_column = pd.Series(self.classes).array
        self.n_outputs = len(self.classes)
        for name in ("bias", "class_weights", "frequencies"):
            self.register_buffer(name, torch.ones(self.n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))
        self.add_decision_weights(self.n_outputs)
        self._position = {value: i for i, value in enumerate(self.classes)}
        # Another table or a configuration file may contain the classes 1, 2, ... as text.
        self._position_by_text = {str(value): i for i, value in enumerate(self.classes)}
        self._positive = task.positive
        self.add_thresholds(1, task.threshold)

    @property
    def positive(self) -> int | None:
        """Position of the positive class of two; None if there are more."""
        if self.n_outputs != 2:
            return None
        if self._positive is not None:
            return self._known_position(self._positive)
        first, second = self.frequencies.tolist()
        return int(second <= first)

    def name_positive(self, value: Value) -> None:
        """Say which class is the positive one, whatever its frequency."""
        self._positive = value

    def learn(self, counts: np.ndarray) -> None:
        """Fill the buffers from the number, or weight, of training rows per class, (n_classes,)."""
        frequencies = counts / counts.sum()
        weights = self._weights(counts)
        self.frequencies.copy_(torch.as_tensor(frequencies))
        self.class_weights.copy_(torch.as_tensor(weights))
        best, trivial = self.loss.best(frequencies * weights)
        self.bias.copy_(torch.as_tensor(best))
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    @property
    def loss_key(self) -> Hashable | None:
        """The settings and the number of classes; None if the classes have their own weights."""
        if self.task.class_weight is not None:
            return None
        return self.task.settings_key, self.n_outputs

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the position of the class of each row, int64 (n_samples,).

        -1 stands for a missing label, and -2 for a class that training has not seen.

        Warns
        -----
        MultitideWarning
            With the classes that training has not seen.
        """
        codes, unseen = self.positions(labels)
        self._warn(unseen)
        return np.where(codes < self.n_outputs, codes, UNSEEN)

    def positions(self, labels: pd.DataFrame) -> tuple[np.ndarray, list[Value]]:
        """Find the class of each row.

        Returns
        -------
        codes : ndarray of int64, shape (n_samples,)
            -1 for a missing label; n_classes, n_classes + 1, ... for classes that training has not
            seen.
        unseen : list
            These classes.
        """
        codes, values = distinct_values(labels[self.task.name])
        table = []
        unseen: list[Value] = []
        for value in values:
            position = self._position_of(value)
            if position is None:
                position = self.n_outputs + len(unseen)
                unseen.append(value)
            table.append(position)
        return np.array([*table, -1], dtype=np.int64)[codes], unseen

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label that training can use, bool (batch,)."""
        return codes >= 0

    def labelled(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, of any class, (batch,)."""
        return codes != MISSING

    def has_label(self, truth: np.ndarray) -> np.ndarray:
        """Return which rows have a label, bool (n_samples,)."""
        return truth >= 0

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the weighted loss of each row, shape (batch,), for logits (batch, n_classes)."""
        losses = self.loss.rows(output, codes)
        if self.task.class_weight is None:
            return losses
        return self.class_weights[codes] * losses

    def clipped_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the weighted loss of each row, (batch,), as `decoded_losses` measures it."""
        weights = self.class_weights[codes.clamp(min=0)].masked_fill(codes < 0, 1.0)
        return weights * self.loss.clipped_rows(output, codes)

    headline: ClassVar[str] = "accuracy"

    def headline_rows(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return whether the most probable class is the true one, bool (batch,)."""
        return output.argmax(dim=1) == codes

    def forward(self, output: Tensor) -> Tensor:
        """Return class probabilities, shape (batch, n_classes), for logits."""
        return output.softmax(dim=-1)

    def predictions(self, decoded: np.ndarray) -> dict[str, Column]:
        """Return the most probable class of each row, with the type of the user's classes."""
        return {self.task.name: self._class_column.take(self.decide(decoded))}

    def probabilities(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return one column per class."""
        return pd.DataFrame(
            decoded, columns=pd.Index(self.classes, name=self.task.name)
        )

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the position of the class of each row, as `positions` does."""
        return self.positions(labels)[0]

    def written(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the classes, as `to_frame` does; None for missing labels."""
        codes, unseen = self.positions(labels)
        classes = np.empty(len(self.classes) + len(unseen) + 1, dtype=object)
        classes[:-1] = [*self.classes, *unseen]
        written: np.ndarray = classes[codes]
        return written

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics in `metric_values`."""
        if self.positive is not None:
            return (*CLASSIFICATION, *BINARY)
        return CLASSIFICATION

    def metrics_of(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        predicted: np.ndarray | None,
        weights: np.ndarray | None,
    ) -> dict[str, float]:
        """Compare class probabilities and predicted classes with classes, all of them known."""
        return classification_metrics(
            truth, decoded, weights, positive=self.positive, predicted=predicted
        )

    def decoded_losses(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the weighted loss of each row in units of the trivial loss; NaN without a label.

        A class that training has not seen has weight 1.
        """
        losses = np.full(len(truth), np.nan)
        known = self.has_label(truth)
        codes, probabilities = truth[known], decoded[known]
        weights = np.append(self.class_weights.cpu().numpy().astype(np.float64), 1.0)
        true = log_losses(codes, probabilities)
        raw = self.loss.of_probabilities(true, probabilities)
        weighted = weights[np.minimum(codes, self.n_outputs)] * raw
        losses[known] = weighted / float(self.trivial_loss)
        return losses

    def trivial_predictions(self, n_samples: int) -> np.ndarray:
        """Return the training frequencies of the classes for each row."""
        return np.tile(self.frequencies.cpu().numpy(), (n_samples, 1))

    def metrics(
        self,
        labels: pd.DataFrame,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> pd.DataFrame:
        """Compare class probabilities with labels; see :meth:`Target.metrics`.

        Warns
        -----
        MultitideWarning
            With the classes that training has not seen; every prediction for them counts as wrong.
        """
        _, unseen = self.positions(labels)
        self._warn(unseen)
        return super().metrics(labels, decoded, weights)

    def to_config(self) -> TargetConfig:
        """Return the classes."""
        return {"classes": list(self.classes)}

    def _position_of(self, value: Value) -> int | None:
        return self._position.get(value, self._position_by_text.get(str(value)))

    def _warn(self, unseen: list[Value]) -> None:
        if unseen:
            warnings.warn(
                f"`{self.task.name}` has classes that training has not seen: {shorten(unseen)}. "
                "Their labels are not used for training, and every prediction for them counts as "
                "wrong.",
                MultitideWarning,
                stacklevel=3,
            )

    def _weights(self, counts: np.ndarray) -> np.ndarray:
        """Return the weight of each class, with a mean of 1 over the rows counted."""
        weights = np.ones(self.n_outputs)
        if isinstance(self.task.class_weight, dict):
            for value, weight in self.task.class_weight.items():
                weights[self._known_position(value)] = weight
        elif self.task.class_weight == "balanced":
            weights = 1 / counts
        scaled: np.ndarray = weights * counts.sum() / (weights * counts).sum()
        return scaled

    def _known_position(self, value: Value) -> int:
        position = self._position_of(value)
        if position is None:
            raise DataError(
                f"`{self.task.name}.class_weight` must name classes "
                f"of the training labels, {shorten(self.classes)}; "
                f"got {value!r}."
                f"{suggest(str(value), map(str, self.classes))}"
            )
        return position


def _by_type_and_value(value: Value) -> tuple[bool, Value]:
    return isinstance(value, str), value
