"""Clip the gradient of a step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

EPSILON = 1e-6  # as in torch


def clip_gradient(parameters: Sequence[nn.Parameter], max_norm: float) -> Tensor:
    """Scale the gradient to a norm of at most `max_norm`, and return the norm before, shape ().

    The result is that of :func:`torch.nn.utils.clip_grad_norm_`, bit by bit. That groups the
    gradients by device and type in every step, which takes as long again as the work itself.

    Parameters
    ----------
    parameters : sequence of Parameter
        All on one device and of one type; those without a gradient are left out.
    max_norm : float
        Above 0.
    """
    gradients = []
    for parameter in parameters:
        if parameter.grad is not None:
            gradients.append(parameter.grad)
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm(gradients)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    factor = (max_norm / (norm + EPSILON)).clamp(max=1.0)
    torch._foreach_mul_(gradients, factor)
    return norm
