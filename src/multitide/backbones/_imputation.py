"""Fill missing values of channels with the latest measured one."""

from __future__ import annotations

import torch
from torch import Tensor


def forward_filled(x: Tensor, last: Tensor, first: Tensor) -> Tensor:
    """Return series in which each missing value is the latest measured one.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, time)
    last : Tensor of int64, same shape
        From :func:`last_measured`.
    first : Tensor, shape (channels, 1)
        The values before the first measured one.
    """
    return torch.where(last >= 0, x.gather(2, last.clamp(min=0)), first)


def last_measured(measured: Tensor) -> Tensor:
    """Return for each step the latest measured step so far, or -1 if there is none.

    Parameters
    ----------
    measured : bool Tensor, shape (batch, channels, time)

    Returns
    -------
    Tensor of int64, same shape
    """
    if torch.compiler.is_compiling():  # also true in an export
        return last_measured_by_count(measured)
    steps = torch.arange(measured.shape[2], device=measured.device)
    return torch.where(measured, steps, -1).cummax(dim=2).values


def last_measured_by_count(measured: Tensor) -> Tensor:
    """Compute the same without a cumulative maximum, which ONNX does not have; half as fast."""
    steps = torch.arange(measured.shape[2], device=measured.device)
    count = measured.long().cumsum(dim=2)
    # The step of the n-th measurement is stored at index n; unmeasured steps write -1 to index 0.
    places = torch.full(
        (*measured.shape[:2], measured.shape[2] + 1), -1, device=measured.device
    )
    places = places.scatter(2, count * measured, torch.where(measured, steps, -1))
    return places.gather(2, count)


def steps_since(last: Tensor) -> Tensor:
    """Return the number of steps since the latest measured one."""
    return torch.arange(last.shape[2], device=last.device) - last
