"""Series as flat vectors of a fixed length."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._masked import zero_invalid
from multitide.errors import DataError


def flatten_steps(x: Tensor, lengths: Tensor | None, n_steps: int) -> Tensor:
    """Return series as vectors, with zeros where a series has ended: (batch, channels, time) -> (batch, channels * n).

    Raises
    ------
    DataError
        If there are more steps than `n_steps`.
    """
    if x.shape[2] > n_steps:
        raise DataError(
            f"`X` must have at most {n_steps} time steps here, as in training, because this backbone reads vectors; "
            f"got {x.shape[2]}. Cut the series, or use a backbone that reads any length."
        )
    x = zero_invalid(x, lengths)
    return F.pad(x, (0, n_steps - x.shape[2])).flatten(1)
