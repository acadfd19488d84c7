"""Linear: no hidden layer; the heads are fitted directly to the vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from multitide.backbones._backbone import Backbone, BackboneModule
from multitide.backbones._flatten import flatten_steps

STRENGTHS = tuple(10.0**power for power in range(3, -7, -1))


@dataclass
class Linear(Backbone):
    """Linear heads on vectors: a ridge or logistic regression per task, without a training loop.

    Fast, and a strong baseline on top of a representation. Series are flattened. The head of each
    task is fitted to the labelled rows of that task. The strength of its L2 penalty is the one with
    the smallest loss on the validation set (without validation set, on a fifth of the training
    set). Unless `rank` is given, tasks share nothing. Sharing, weightings, epochs and learning
    rates have no effect.

    Parameters
    ----------
    strengths : tuple of float
        Candidates for the L2 penalty, in units of the mean squared length of the vectors.
    rank : int or "auto", optional
        For many related tasks with few labels: the heads of all tasks are projected onto a common
        subspace of this dimension, or of 1, 2, 3, 4, 6, 8, ... dimensions with "auto", where that
        lowers the validation loss of a task. Default: each head is fitted alone.

    Notes
    -----
    (batch, n_channels, time) -> (batch, n_channels * time). Class weights are used. Heads minimise
    the squared error instead of an absolute or Huber loss, and the cross-entropy instead of a focal
    or smoothed loss; the loss of the task only chooses the strength. Quantiles, forecasts and
    multi-label tasks are refused. The ridge regression is that of Hoerl and Kennard [1]_.

    References
    ----------
    .. [1] Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems",
       Technometrics 12, 1970. https://doi.org/10.1080/00401706.1970.10488634
    """

    reads_vectors: ClassVar[bool] = True
    is_trained: ClassVar[bool] = False
    strengths: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)
    ] = STRENGTHS
    rank: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None

    @property
    def fixes_length(self) -> bool:
        """Every step has weights of its own."""
        return True

    def build(self, n_channels: int, n_timepoints: int) -> BackboneModule:
        """Return a module without trainable parameters."""
        return Flat(n_channels, n_timepoints)


class Flat(BackboneModule):
    """Flattens series; see :class:`Linear`.

    Parameters
    ----------
    n_channels, n_timepoints : int
        Size of the longest series.
    """

    def __init__(self, n_channels: int, n_timepoints: int) -> None:
        super().__init__()
        self.n_timepoints = n_timepoints
        self.n_features = n_channels * n_timepoints

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the series as vectors, (batch, n_features)."""
        return flatten_steps(x, lengths, self.n_timepoints)
