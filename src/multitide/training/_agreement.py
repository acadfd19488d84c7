"""Whether a step that is computed in another way does the same to a network, up to rounding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Of the losses, and of the change or the gradient of all parameters. Where the true gradient is
# 0, as at a bias before a batch norm, it is made of rounding errors.
ROUNDING, OF_CHANGE = 1e-2, 0.3


@torch.no_grad()
def distance(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    """Return the distance of the first tensors to as many others, as one vector."""
    apart = []
    for tensor, other in zip(tensors, others, strict=False):
        apart.append(tensor - other)
    return float(nn.utils.get_total_norm(apart))
