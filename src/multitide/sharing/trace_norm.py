"""Trace-norm sharing: a backbone a task, whose weights are drawn towards few directions common to all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from multitide.backbones.backbone import Backbone
from multitide.sharing.hard import HardModule
from multitide.sharing.sharing import Sharing, SharingModule
from multitide.sharing.soft import SoftModule

# Added to squared singular values: the norm's gradient stays finite, and of length 0, where one of them is zero.
SMOOTHING = 1e-12


@dataclass
class TraceNorm(Sharing):
    """A backbone a task, tied by the trace norm of each layer's weights stacked over tasks (Yang and Hospedales 2017).

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    strength : float, default=0.001
        Weight of the sum over layers of the trace norms, added to the weighted losses (which are in units of their
        trivial losses).
    same_start : bool, default=True
        Whether all backbones start from the same weights, as those of :class:`Soft` do.

    Notes
    -----
    The last-axis flattening of the paper: a layer's weights are a matrix (n_tasks, n_weights), whose trace norm is the
    sum of its singular values; it is least where the tasks' weights span few directions. Biases and batch norms are
    free, as in the authors' code, whose strength is 0.001. There every network starts from random weights of its own
    (``same_start=False``), or from networks trained alone; one start for all had less validation loss
    (``benchmarks/further_sharings.py``). The authors take the gradient ``U V'`` of a singular value decomposition;
    here singular values come from the (n_tasks, n_tasks) Gram matrix in float64, smoothed by 1e-6, so that the
    gradient is finite where some are zero. The norm shrinks the weights of all tasks, of one without labels in the
    batch, too.

    References
    ----------
    .. [1] Yang and Hospedales, "Trace norm regularised deep multi-task learning", ICLR 2017 workshop.
       https://arxiv.org/abs/1606.04038
    """

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001
    same_start: bool = True

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Nowhere: each loss reaches its own backbone only."""
        return ()

    def build(self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int) -> SharingModule:
        """Return a module with a backbone a task."""
        modules = [backbone.build(n_channels, n_timepoints) for _ in range(n_tasks)]
        if n_tasks == 1:
            return HardModule(modules[0], 1)
        for module in modules[1:] if self.same_start else []:
            module.load_state_dict(modules[0].state_dict())
        return TraceNormModule(modules, self.strength)


class TraceNormModule(SoftModule):
    """One backbone a task and the trace norm that ties them."""

    def penalty(self) -> Tensor | None:
        """Return the strength times the sum over layers of the trace norm of the tasks' stacked weights, shape ()."""
        layers = zip(*(backbone.parameters() for backbone in self.backbones), strict=True)
        tied = [same for same in layers if same[0].ndim > 1]
        return self.strength * trace_norms(tied).to(tied[0][0].dtype) if self.strength and tied else None


def trace_norms(layers: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the sum over layers of the trace norm of the matrix of all tasks' weights, float64 of shape ().

    Parameters
    ----------
    layers : sequence of sequence of Tensor
        For each layer the weights of each task, of one shape.
    """
    grams = []
    for same in layers:
        rows = torch.stack([weights.flatten() for weights in same]).double()
        grams.append(rows @ rows.T)
    # Only eigenvalues: their gradient stays finite where some are equal, that of eigenvectors does not.
    squares = torch.linalg.eigvalsh(torch.stack(grams)).clamp(min=0)
    return (squares + SMOOTHING).sqrt().sum()
