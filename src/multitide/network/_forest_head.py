"""A head that answers with trees instead of a matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from multitide.network._forest import Forest, ForestArrays, ForestShape
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._losses import NumberLoss, Squared
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._regression import RegressionTarget
from multitide.tasks._task import Target

SMALLEST = 1e-12  # probability, so that its logarithm is finite


class Start(NamedTuple):
    """A known value that the labels of a row are predicted from: gain * feature + offset.

    It is in the standard units of the task.
    """

    feature: int
    gain: float
    offset: float


class ForestHead(nn.Module):
    """From features to a task's raw output, by the trees of the task.

    It starts as the best constant predictor. The answer of the trees is mixed with that constant,
    like that of one more tree: without it, a forest gives the probability 0 to a class that no
    training row near by has.

    The trees of a forecast of an input answer with differences to its last value. If that is
    missing, the mean of the training labels replaces it.

    Parameters
    ----------
    n_features : int
        Number of features.
    target : Target
        Gives the outputs and the best constant.
    shape : ForestShape, optional
        That of the trees; by default a single leaf.

    Attributes
    ----------
    forest : Forest
    share : Tensor of float64, shape ()
        Weight of the constant in the answer.
    line : Tensor of float64, shape (2,)
        Gain and offset of the :class:`Start`, if there is one.
    """

    share: Tensor
    constant: Tensor
    line: Tensor

    def __init__(
        self, n_features: int, target: Target, shape: ForestShape | None = None
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.has_classes = isinstance(target, ClassificationTarget)
        self.has_labels = isinstance(target, MultiLabelTarget)
        self._loss: NumberLoss = Squared()
        if isinstance(target, RegressionTarget):
            self._loss = target.loss
        self.smoothing = 0.0
        if isinstance(target, ClassificationTarget):
            self.smoothing = target.task.label_smoothing
        if shape is None:
            shape = ForestShape(n_values=target.n_outputs)
        if shape.start is not None and shape.start >= n_features:
            raise ValueError(f"`start` must be one of {n_features} features")
        self.forest = Forest(n_features, shape)
        self.register_buffer("share", torch.ones((), dtype=torch.float64))
        bias = self._loss.values(target.bias.double()[None])
        self.register_buffer("constant", self.expected(bias)[0])
        if shape.start is not None:
            self.register_buffer("line", torch.zeros(2, dtype=torch.float64))

    def start_from(self, start: Start) -> None:
        """Let the trees answer with differences."""
        shape = replace(self.forest.shape, start=start.feature)
        self.forest = Forest(self.n_features, shape)
        line = torch.tensor([start.gain, start.offset], dtype=torch.float64)
        self.register_buffer("line", line)

    @property
    def has_start(self) -> bool:
        """Whether the trees answer with differences."""
        return self.forest.shape.start is not None

    def grow(self, arrays: ForestArrays, share: float) -> None:
        """Replace the trees, and the weight of the constant."""
        shape = replace(arrays.shape, start=self.forest.shape.start)
        self.forest = Forest.of(replace(arrays, shape=shape), self.n_features)
        self.share.fill_(share)

    def forward(self, features: Tensor) -> Tensor:
        """Return log-probabilities, log-odds or outputs for numbers, (batch, n_outputs)."""
        outputs = self.forest(features)
        if not self.forest.shape.averaged:
            outputs = self.expected(outputs)
        answer = self.answer(outputs, self.share)
        if self.has_start:
            answer = answer + self.start(features)[:, None]
        return answer.to(features.dtype)

    def start(self, features: Tensor) -> Tensor:
        """Return the known value of each row in standard units, 0 if missing; float64 (batch,)."""
        value = features[:, self.forest.shape.start].double()
        return (self.line[0] * value + self.line[1]).nan_to_num()

    def expected(self, outputs: Tensor) -> Tensor:
        """Return the probabilities or numbers of raw outputs, such as those of boosting."""
        if self.has_labels:
            return outputs.sigmoid()
        if not self.has_classes:
            return outputs
        if outputs.shape[1] == 1:  # the log-odds of the second of two classes
            outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
        return outputs.softmax(dim=1)

    def answer(self, expected: Tensor, share: Tensor | float) -> Tensor:
        """Return the raw output of the task.

        Parameters
        ----------
        expected : Tensor of float64, shape (batch, n_outputs)
            The answer of the trees: probabilities, or standardised numbers, such as quantiles.
        share : float
            Weight of the constant.
        """
        if self.smoothing:
            even = 1 / expected.shape[1]
            expected = (1 - self.smoothing) * expected + self.smoothing * even
        mixed = (1 - share) * expected + share * self.constant
        if self.has_classes:
            return mixed.clamp(min=SMALLEST).log()
        if self.has_labels:
            return mixed.logit(eps=SMALLEST)
        return self._loss.outputs(mixed)
