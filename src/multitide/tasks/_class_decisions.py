"""How one of several classes is decided: by probabilities, and by weights that they lack."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from multitide.tasks._deciding import DecidingTarget


class ClassDecisions(DecidingTarget):
    """A target with classes, whose weights move the borders between them.

    Training with class weights gives weighted probabilities. Calibration frees them of the weights,
    and the border stays where the weights have put it.

    Attributes
    ----------
    decision_weights : Tensor, shape (n_classes,)
        The class weights, if calibrated probabilities do not have them; otherwise 1. The class is
        predicted whose probability times this weight is the largest. They belong to a model, not to
        the training labels.
    """

    of_most_frequent: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
    )
    class_weights: Tensor
    decision_weights: Tensor

    @property
    @abstractmethod
    def positive(self) -> int | None:
        """Position of the positive class of two; None if there are more."""

    def add_decision_weights(self, n_classes: int) -> None:
        """Create the buffer."""
        weights = torch.ones(n_classes, dtype=torch.float64)
        self.register_buffer("decision_weights", weights, persistent=False)

    def weigh_decisions(self) -> None:
        """Decide by class weights from now on; with two classes that is a threshold."""
        if getattr(self.task, "class_weight", None) is None:
            return
        self.decision_weights.copy_(self.class_weights)
        place = self.positive
        if place is not None and getattr(self.task, "threshold", None) is None:
            weights = self.class_weights.double()
            self.set_thresholds([float(weights[1 - place] / weights.sum())])

    def decide(self, decoded: np.ndarray) -> np.ndarray:
        """Return the position of the predicted class of each row, int64 (n_samples,)."""
        weighted = decoded * self.decision_weights.cpu().numpy()
        likely: np.ndarray = weighted.argmax(axis=1)
        threshold = self.thresholds_or_none[0]
        if threshold is not None and self.positive is not None:
            said_yes = decoded[:, self.positive] >= threshold
            likely = np.where(said_yes, self.positive, 1 - self.positive)
        return likely

    def as_trained(self, decoded: np.ndarray) -> np.ndarray:
        """Return probabilities with class weights, which the loss of training is about."""
        factors = self.decision_weights.cpu().numpy()
        if (factors == 1).all():
            return decoded
        weighted = decoded * factors
        normed: np.ndarray = weighted / weighted.sum(axis=1, keepdims=True)
        return normed.astype(decoded.dtype)
