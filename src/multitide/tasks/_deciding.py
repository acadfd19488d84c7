"""Targets whose predictions are decisions: yes from a probability on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from multitide.tasks._task import Target

MORE_PROBABLE = -1.0  # stands for a threshold that no one has chosen


class DecidingTarget(Target):
    """A target with a threshold per yes/no answer.

    Attributes
    ----------
    thresholds : Tensor, shape (n_answers,)
        The probabilities from which yes is predicted; `MORE_PROBABLE`: if it is the more probable
        answer. They belong to a model, not to the training labels: ``model.json`` holds them.
    """

    thresholds: Tensor
    # Metrics for which the most frequent answer is the best constant. A low threshold says yes to
    # every row, which is the best constant for the F1 of yes, but not for these.
    of_most_frequent: ClassVar[tuple[str, ...]]

    @abstractmethod
    def decide(self, decoded: np.ndarray) -> np.ndarray:
        """Return the position of the predicted class, or for each label whether it is yes."""

    @abstractmethod
    def metrics_of(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        predicted: np.ndarray | None,
        weights: np.ndarray | None,
    ) -> dict[str, float]:
        """Return the metrics of probabilities and of what `decide` makes of them.

        With None for `predicted`, the most probable answers are predicted.
        """

    def metric_values(
        self,
        truth: np.ndarray,
        decoded: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Compare probabilities and decisions with the known labels."""
        predicted = self.decide(decoded) if len(truth) else None
        return self.metrics_of(truth, decoded, predicted, weights)

    def trivial_values(
        self, truth: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """Return the metrics of the trivial predictor; see `of_most_frequent`."""
        values = super().trivial_values(truth, weights)
        constant = self.trivial_predictions(len(truth))
        undecided = self.metrics_of(truth, constant, None, weights)
        for name in self.of_most_frequent:
            values[name] = undecided[name]
        return values

    def chosen(self, decoded: np.ndarray) -> np.ndarray:
        """Return which classes, or labels, are predicted: bool, of the shape of `decoded`."""
        decided = self.decide(decoded)
        if decided.ndim == 1:
            decided = decided[:, None] == np.arange(decoded.shape[1])
        return decided

    def add_thresholds(self, n: int, given: object) -> None:
        """Create the buffer, with the threshold that the task has if it is a number."""
        value = MORE_PROBABLE
        if isinstance(given, (int, float)):
            value = float(given)
        thresholds = torch.full((n,), value, dtype=torch.float64)
        self.register_buffer("thresholds", thresholds, persistent=False)

    def set_thresholds(self, values: Sequence[float | None]) -> None:
        """Set the thresholds; None stands for the more probable answer."""
        known = [MORE_PROBABLE if value is None else value for value in values]
        self.thresholds.copy_(torch.tensor(known, dtype=torch.float64))

    @property
    def thresholds_or_none(self) -> list[float | None]:
        """The thresholds; None where the more probable answer is predicted."""
        values = self.thresholds.tolist()
        return [None if value == MORE_PROBABLE else value for value in values]
