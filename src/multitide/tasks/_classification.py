"""Tasks whose answer is one of several classes."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from multitide._checks import suggest
from multitide.errors import DataError, MultitideWarning
from multitide.tasks._class_losses import ClassLoss
from multitide.tasks._labels import Value, distinct_values, shorten, strange_values
from multitide.tasks._metrics import (
    CLASSIFICATION,
    SMALLEST_PROBABILITY,
    classification_metrics,
    log_losses,
    mean,
    metric_table,
)
from multitide.tasks._task import SMALLEST_TRIVIAL_LOSS, Target, Task

# More classes than this, and more than half as many as there are rows: that is no class but a name
# or a number.
_MANY_CLASSES = 10


def _check_class_weight(value: Any) -> Any:
    weights = value.values() if isinstance(value, dict) else ()
    positive = all(
        isinstance(w, (int, float)) and not isinstance(w, bool) and 0 < w < float("inf")
        for w in weights
    )
    if value is None or value == "balanced" or (isinstance(value, dict) and positive):
        return value
    raise ValueError('None, "balanced" or a weight above 0 for some classes, e.g. {"leak": 5.0}')


@dataclass
class Classification(Task):
    """Which class is it? Learned by cross-entropy, or by the focal loss.

    Parameters
    ----------
    name, column, label_at, lead
        See :class:`Task`; a mean of classes means nothing.
    class_weight : None, "balanced" or dict, default=None
        How much a row counts by its class: all alike, each class as much as any other, or a weight
        for some classes (1 for those not named). Weights are scaled so that their mean over the
        labelled training rows is 1.
    n_classes : int, optional
        How many classes the labels must have; labels with more or fewer are refused.
    loss : {"cross_entropy", "focal"}, default="cross_entropy"
        The focal loss (Lin et al. 2017) counts rows less that are answered well already: times (1 -
        p)^gamma.
    gamma : float, default=2.0
        How much less; only with the focal loss.
    label_smoothing : float, default=0.0
        This share of the target is spread evenly over all classes, so that no answer has to be
        certain.
    """

    label_at: Literal["end", "start", "majority", "any"] = "end"
    class_weight: Annotated[Any, AfterValidator(_check_class_weight)] = None
    n_classes: Annotated[int, Field(ge=2)] | None = None
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    kind: ClassVar[str] = "classification"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Say what keeps these labels from being classes."""
        positions, values = distinct_values(labels[self.name])
        n_labelled = int((positions >= 0).sum())
        problem = ""
        if strange := strange_values(values):
            problem = f"must hold text, booleans or finite numbers; got {shorten(strange)}. Blank or replace them."
        elif not values:
            problem = f"must have a label in some row; got none in {len(labels)} rows. Leave the task out."
        elif len(values) == 1:
            problem = (
                f"must have at least two classes; got only {values[0]!r} in {n_labelled} labelled rows. "
                + ("Leave the task out, or use rows with other labels.")
            )
        elif len(values) > max(_MANY_CLASSES, n_labelled / 2):
            problem = (
                f"must have classes that repeat; got {len(values)} different labels in {n_labelled} rows. "
                + (
                    "Leave the column out if it is a name; declare the task as a regression if it is a number."
                )
            )
        elif self.n_classes is not None and len(values) != self.n_classes:
            problem = (
                f"must have {self.n_classes} classes, as `n_classes` says; got {len(values)} in {n_labelled} "
                + (
                    f"labelled rows: {shorten(values)}. Change or leave out `n_classes`, or use rows with all classes."
                )
            )
        return [f"`{self.name}` {problem}"] if problem else []

    def fit_target(self, labels: pd.DataFrame) -> ClassificationTarget:
        """Learn the classes and their frequencies.

        Parameters
        ----------
        labels : DataFrame
            The task's column of the training rows.

        Raises
        ------
        DataError
            If fewer than two classes have a label, or `class_weight` names a class that is not
            there.
        """
        if problems := self.label_problems(labels):
            raise DataError("\n".join(problems))
        _, values = distinct_values(labels[self.name])
        target = ClassificationTarget(self, sorted(values, key=_by_type_and_value))
        codes = target.encode(labels)
        target.learn(np.bincount(codes[codes >= 0], minlength=target.n_outputs))
        return target

    def target_from_config(self, config: dict[str, Any]) -> ClassificationTarget:
        """Rebuild a target from what `to_config` gave."""
        return ClassificationTarget.from_config(self, config)


class ClassificationTarget(Target):
    """Classes, their frequencies in training, and their weights.

    Attributes
    ----------
    classes : list of bool, int, float or str
        The classes as the user wrote them, sorted.
    class_weights : Tensor, shape (n_classes,)
        Weight of a row by its class; their mean over the labelled training rows is 1.
    frequencies : Tensor, shape (n_classes,)
        Share of each class among the labelled training rows. With the most frequent class they are
        the trivial predictor that metrics are compared with (for ``loss`` it is the best constant
        of the weighted loss).
    """

    class_weights: Tensor
    frequencies: Tensor

    def __init__(self, task: Classification, classes: Sequence[Value]) -> None:
        super().__init__()
        self.task: Classification = task
        self.loss = ClassLoss(task.gamma if task.loss == "focal" else 0.0, task.label_smoothing)
        self.classes = list(classes)
        self.n_outputs = len(self.classes)
        for name in ("bias", "class_weights", "frequencies"):
            self.register_buffer(name, torch.ones(self.n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))
        self._position = {value: i for i, value in enumerate(self.classes)}
        # A second table may have read the classes 1, 2, ... as text, or a configuration file may
        # write them so.
        self._position_by_text = {str(value): i for i, value in enumerate(self.classes)}

    def learn(self, counts: np.ndarray) -> None:
        """Fill the buffers from the number of training rows of each class, shape (n_classes,)."""
        frequencies = counts / counts.sum()
        weights = self._weights(counts)
        shares = frequencies * weights
        self.frequencies.copy_(torch.as_tensor(frequencies))
        self.class_weights.copy_(torch.as_tensor(weights))
        best, trivial = self.loss.best(shares)
        self.bias.copy_(torch.as_tensor(best))
        self.trivial_loss.fill_(max(trivial, SMALLEST_TRIVIAL_LOSS))

    @property
    def alike(self) -> Hashable | None:
        """Targets with the same settings and number of classes, unless classes have weights, which each learns."""
        return (self.task.question, self.n_outputs) if self.task.class_weight is None else None

    def encode(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the position of each row's class, int64 (n_samples,); -1 without a label or with an unseen one.

        Warns
        -----
        MultitideWarning
            Naming the classes that training has not seen.
        """
        codes, unseen = self.positions(labels)
        self._warn(unseen)
        return np.where(codes < self.n_outputs, codes, -1)

    def positions(self, labels: pd.DataFrame) -> tuple[np.ndarray, list[Value]]:
        """Find each row's class.

        Returns
        -------
        codes : ndarray of int64, shape (n_samples,)
            -1 without a label; n_classes, n_classes + 1, ... for classes that training has not
            seen.
        unseen : list
            Those classes.
        """
        found, values = distinct_values(labels[self.task.name])
        known = [self._position_of(value) for value in values]
        unseen = [value for value, position in zip(values, known, strict=True) if position is None]
        more = iter(range(self.n_outputs, self.n_outputs + len(unseen)))
        table = [next(more) if position is None else position for position in known]
        return np.array([*table, -1], dtype=np.int64)[found], unseen

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have a label, bool (batch,)."""
        return codes >= 0

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the weighted loss of each row, shape (batch,), for logits (batch, n_classes)."""
        return self.class_weights[codes] * self.loss.rows(output, codes)

    headline: ClassVar[str] = "accuracy"

    def headline_rows(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return 1 where the most probable class is the right one, else 0, shape (batch,)."""
        return output.argmax(dim=1) == codes

    def forward(self, output: Tensor) -> Tensor:
        """Turn logits into probabilities, shape (batch, n_classes)."""
        return output.softmax(dim=-1)

    def to_frame(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return the most probable class of each row, with the type that the user's classes have."""
        likely = pd.Series(self.classes).iloc[decoded.argmax(axis=1)]
        return pd.DataFrame({self.task.name: likely.array})

    def probabilities(self, decoded: np.ndarray) -> pd.DataFrame:
        """Return a column for every class, named by it."""
        return pd.DataFrame(decoded, columns=pd.Index(self.classes, name=self.task.name))

    def truth(self, labels: pd.DataFrame) -> np.ndarray:
        """Return the position of each row's class, as `positions` does."""
        return self.positions(labels)[0]

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The figures of `figures`."""
        return CLASSIFICATION

    def figures(self, truth: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
        """Compare class probabilities with classes, all measured."""
        return classification_metrics(truth, decoded)

    def row_losses(self, labels: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
        """Return each row's weighted loss in units of the trivial loss; NaN where there is no label."""
        codes, _ = self.positions(labels)
        labelled = codes >= 0
        losses = np.full(len(codes), np.nan)
        losses[labelled] = self._losses(codes[labelled], decoded[labelled])
        return losses

    def metrics(self, labels: pd.DataFrame, decoded: np.ndarray) -> pd.DataFrame:
        """Compare probabilities with labels on the labelled rows; the headline is the accuracy.

        Parameters
        ----------
        labels : DataFrame, n_samples rows
            The task's column.
        decoded : ndarray, shape (n_samples, n_classes)
            Probabilities.

        Warns
        -----
        MultitideWarning
            Naming the classes that training has not seen; every prediction for them counts as
            wrong.
        """
        codes, unseen = self.positions(labels)
        self._warn(unseen)
        labelled = codes >= 0
        codes, decoded = codes[labelled], decoded[labelled]
        frequencies = np.tile(self.frequencies.cpu().numpy(), (len(codes), 1))
        values = classification_metrics(codes, decoded) | {
            "loss": mean(self._losses(codes, decoded))
        }
        trivial = classification_metrics(codes, frequencies)
        trivial |= {"loss": mean(self._losses(codes, self.constant(len(codes))))}
        return metric_table(values, trivial, dict.fromkeys(values, len(codes)))

    def to_config(self) -> dict[str, Any]:
        """Return the classes as plain JSON values."""
        return {"classes": list(self.classes)}

    @classmethod
    def from_config(cls, task: Task, config: dict[str, Any]) -> ClassificationTarget:
        """Rebuild the target from its classes; the buffers are filled by ``load_state_dict``."""
        assert isinstance(task, Classification)
        return cls(task, config["classes"])

    def _position_of(self, value: Any) -> int | None:
        return self._position.get(value, self._position_by_text.get(str(value)))

    def _warn(self, unseen: list[Value]) -> None:
        if unseen:
            warnings.warn(
                f"`{self.task.name}` has classes that training has not seen: {shorten(unseen)}. "
                "They teach nothing, and every prediction for them counts as wrong.",
                MultitideWarning,
                stacklevel=3,
            )

    def _weights(self, counts: np.ndarray) -> np.ndarray:
        """Return the weight of each class, with a mean of 1 over the rows counted."""
        wanted = self.task.class_weight
        weights = np.ones(self.n_outputs)
        if wanted == "balanced":
            weights = 1 / counts
        for value, weight in wanted.items() if isinstance(wanted, dict) else ():
            position = self._position_of(value)
            if position is None:
                raise DataError(
                    f"`{self.task.name}.class_weight` must name classes of the training rows, {shorten(self.classes)}; "
                    f"got {value!r}.{suggest(str(value), map(str, self.classes))}"
                )
            weights[position] = weight
        return weights * counts.sum() / (weights * counts).sum()

    def _losses(self, codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Return weighted losses in units of the trivial loss; a class never seen has weight 1."""
        weights = np.append(self.class_weights.cpu().numpy().astype(np.float64), 1.0)
        true = log_losses(codes, probabilities)
        losses = self.loss.of_probabilities(true, probabilities, SMALLEST_PROBABILITY)
        return weights[np.minimum(codes, self.n_outputs)] * losses / float(self.trivial_loss)


def _by_type_and_value(value: Value) -> tuple[bool, Any]:
    return isinstance(value, str), value
