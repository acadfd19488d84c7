"""The spectrum of series with gaps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Steps up to which an export computes a spectrum by a matrix, which has half their square entries.
MOST_MULTIPLIED = 2048


def spectrum(x: Tensor, n: int) -> Tensor:
    """Return the magnitudes of all frequencies but 0 of the first n steps.

    In float64, so that the rounded result does not depend on the other series of a batch.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, time)
        NaN for missing values, which are replaced by the mean.
    n : int

    Returns
    -------
    Tensor, shape (batch, channels, n // 2)
    """
    measured = ~x.isnan()
    count = measured.sum(dim=2, keepdim=True)
    filled = torch.where(measured, x, 0.0).double()
    mean = filled.sum(dim=2, keepdim=True) / count
    centred = torch.where(measured, filled - mean, 0.0)
    waves = _magnitudes(centred, n)
    found: Tensor = (waves[:, :, 1:] / count).to(x.dtype)
    return found


def _magnitudes(x: Tensor, n: int) -> Tensor:
    """Return the magnitudes of the frequencies 0 to n // 2 of the first n steps."""
    magnitudes: Tensor
    if not torch.compiler.is_compiling() or n > MOST_MULTIPLIED:
        magnitudes = torch.fft.rfft(x, n=n).abs()
        return magnitudes
    # In an export, the transform would fix the number of steps.
    x = F.pad(x, (0, n))[:, :, :n]
    # Not by torch: the export would round the angle to float32.
    turns = np.outer(np.arange(n), np.arange(n // 2 + 1)) % n * (2 * np.pi / n)
    real = x @ torch.from_numpy(np.cos(turns))
    imaginary = x @ torch.from_numpy(np.sin(turns))
    magnitudes = (real.square() + imaginary.square()).sqrt()
    return magnitudes
