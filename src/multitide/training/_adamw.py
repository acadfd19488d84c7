"""AdamW without the class of torch, whose first step imports the compiler of torch.

That import takes about two seconds of the processor in every process that trains. The update itself
is torch's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

BETAS, EPSILON = (0.9, 0.999), 1e-8


class _WithGradient(NamedTuple):
    """A parameter with a gradient, and what the optimiser knows about it."""

    parameter: Tensor
    gradient: Tensor
    mean: Tensor
    square: Tensor
    step: Tensor


class AdamW:
    """AdamW, bit by bit like ``torch.optim.AdamW(groups, fused=True)``.

    Parameters
    ----------
    groups : sequence of dict
        Each with ``params``, ``lr`` and ``weight_decay``; a rate may be a tensor.

    Attributes
    ----------
    param_groups : list of dict
        The groups; further entries are the user's.
    state : dict of Parameter to dict of str to Tensor
        By the names of torch: "step", "exp_avg" and "exp_avg_sq", of parameters that have had a
        gradient.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    https://arxiv.org/abs/1711.05101
    """

    # Any: what groups hold differs by their entries.
    def __init__(self, groups: Sequence[dict[str, Any]]) -> None:
        self.param_groups = list(groups)
        self.state: dict[nn.Parameter, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Let no parameter have a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters that have a gradient."""
        for group in self.param_groups:
            found = list(self._with_gradient(group["params"]))
            if not found:
                continue
            parameters, gradients, means, squares, steps = map(
                list, zip(*found, strict=True)
            )
            adamw(
                parameters,
                gradients,
                means,
                squares,
                [],
                steps,
                fused=True,
                amsgrad=False,
                maximize=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                eps=EPSILON,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
            )

    def _with_gradient(
        self, parameters: Sequence[nn.Parameter]
    ) -> Iterator[_WithGradient]:
        for parameter in parameters:
            if parameter.grad is None:
                continue
            own = self.state[parameter]
            if not own:
                device = parameter.device
                own["step"] = torch.zeros((), dtype=torch.float32, device=device)
                own["exp_avg"] = torch.zeros_like(parameter)
                own["exp_avg_sq"] = torch.zeros_like(parameter)
            yield _WithGradient(
                parameter,
                parameter.grad,
                own["exp_avg"],
                own["exp_avg_sq"],
                own["step"],
            )
