"""Mask missing labels: they are filled before a loss is computed, and the loss is masked after it.

The filling must come first. Masking a loss that is already NaN with ``torch.where`` still
propagates NaN gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor


def zero_missing(values: Tensor, known: Tensor) -> Tensor:
    """Return labels, or their losses, with 0 where the label is missing.

    Parameters
    ----------
    values : Tensor, shape (batch, ...)
    known : bool Tensor that broadcasts to the shape of `values`
        Which labels are known.
    """
    return torch.where(known, values, torch.zeros_like(values))
