"""Flatten series to vectors of a fixed length."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._masked import zero_invalid
from multitide.errors import DataError


def flatten_steps(x: Tensor, lengths: Tensor | None, n_steps: int) -> Tensor:
    """Return series as vectors, padded with zeros after the end of each series.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, time)
    lengths : Tensor or None, shape (batch,)
    n_steps : int
        Number of steps of the flattened series.

    Returns
    -------
    Tensor, shape (batch, channels * n_steps)

    Raises
    ------
    DataError
        If there are more steps than `n_steps`.
    """
    if x.shape[2] > n_steps:
        raise DataError(
            f"`X` must have at most {n_steps} time steps, as in "
            "training, because this backbone needs a fixed length; "
            f"got {x.shape[2]}. "
            "Shorten the series, or use another backbone."
        )
    x = zero_invalid(x, lengths)
    return F.pad(x, (0, n_steps - x.shape[2])).flatten(1)
