"""Count the values in tensors, e.g. the parameters of a network."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def count_values(tensors: Iterable[Tensor]) -> int:
    """Return the number of values in all tensors."""
    return sum(tensor.numel() for tensor in tensors)
