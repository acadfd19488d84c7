"""Pooling operators over time, for values of convolutions minus biases."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._imputation import last_measured_by_count

# A step below this fits in int16, in which cumulative maxima are fast.
MOST_SHORT = 2**15


def fraction_above(z: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return PPV, the fraction of time above the bias.

    Parameters
    ----------
    z : Tensor, shape (batch, kernels, biases, time)
        Values minus biases. It is overwritten, which takes half of the time.
    lengths : Tensor of int64, shape (batch,), optional
        How many steps of each series count. Default: all.

    Returns
    -------
    Tensor, shape (batch, 1, kernels, biases)
    """
    above = z.sign_().clamp_(min=0)
    if lengths is None:
        return above.mean(dim=-1)[:, None]
    steps = torch.arange(z.shape[-1], device=z.device)
    counts = (steps < lengths[:, None])[:, None, None]
    n_above = above.mul_(counts).sum(dim=-1)
    return (n_above / lengths[:, None, None])[:, None]


def four_operators(z: Tensor) -> Tensor:
    """Return the pooling operators of MultiRocket: PPV, LSPV, MPV and MIPV.

    They are the fraction of time above the bias; the longest stretch of time not below it; the mean
    of what exceeds it; and the mean position of the steps above it. Stretches and positions are
    fractions of the number of steps, so that they do not grow with the series. Without a step above
    the bias, MPV is 0 and MIPV is the position of step -1.

    Parameters
    ----------
    z : Tensor, shape (batch, kernels, biases, time)
        Values minus biases.

    Returns
    -------
    Tensor, shape (batch, 4, kernels, biases)
    """
    n_steps = z.shape[-1]
    steps = torch.arange(n_steps, dtype=z.dtype, device=z.device)
    sign = z.sign()
    below = (-sign).clamp_(min=0)
    above = sign.clamp_(min=0)
    count = above.sum(dim=-1)
    divisor = count.clamp(min=1)
    mean = z.clamp(min=0).sum(dim=-1) / divisor
    index = above.mul_(steps).sum(dim=-1) / divisor
    index = torch.where(count > 0, index, -1.0)
    stretch = longest_stretch(below.mul_(steps))
    return torch.stack([count / n_steps, stretch / n_steps, mean, index / n_steps], 1)


def longest_stretch(marks: Tensor) -> Tensor:
    """Return the largest distance between marked steps that follow each other.

    The first and the last step count as marked.

    Parameters
    ----------
    marks : Tensor, shape (..., time)
        The number of each marked step; 0 for the others.

    Returns
    -------
    Tensor, shape (...)
    """
    n_steps = marks.shape[-1]
    if n_steps == 1:
        return marks[..., 0]
    last = _latest(marks[..., :-1])
    steps = torch.arange(1, n_steps, dtype=last.dtype, device=marks.device)
    distances = steps - last
    if (
        torch.compiler.is_compiling()
    ):  # also true in an export, whose series may have one step
        distances = F.pad(distances, (1, 0))
    return distances.amax(dim=-1).to(marks.dtype)


def _latest(marks: Tensor) -> Tensor:
    """Return the cumulative maximum over time."""
    if torch.compiler.is_compiling():  # also true in an export
        return _latest_by_count(marks)
    if marks.shape[-1] < MOST_SHORT:
        marks = marks.to(torch.int16)
    return marks.cummax(dim=-1).values


def _latest_by_count(marks: Tensor) -> Tensor:
    """Compute the same without a cumulative maximum, which ONNX does not have."""
    series = marks.reshape(1, -1, marks.shape[-1])
    latest = last_measured_by_count(series > 0)
    return latest.clamp(min=0).view(marks.shape).to(marks.dtype)
