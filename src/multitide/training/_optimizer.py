"""The optimiser: AdamW, its parameters grouped by learning rate and weight decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from multitide.training._adamw import AdamW


def make_optimizer(
    parameters: Sequence[nn.Parameter],
    more_groups: Sequence[dict[str, object]],
    *,
    lr: float,
    weight_decay: float,
    lr_factors: Mapping[int, float],
) -> AdamW:
    """Return an optimiser.

    Parameters
    ----------
    parameters : sequence of Parameter
        Those of the network; frozen ones are included.
    more_groups : sequence of dict
        Further groups, with their own ``lr`` and ``weight_decay``.
    lr : float
        The learning rate at its highest.
    weight_decay : float
        Of parameters with two or more dimensions; the others have none.
    lr_factors : mapping of int to float
        Factors on the learning rate by the ``id`` of the parameter; 1 for all others.
    """
    members: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        rate = lr * lr_factors.get(id(parameter), 1.0)
        if parameter.ndim > 1:
            decay = weight_decay
        else:
            decay = 0.0
        members.setdefault((rate, decay), []).append(parameter)
    groups: list[dict[str, object]] = []
    for (rate, decay), of_group in members.items():
        groups.append({"params": of_group, "lr": rate, "weight_decay": decay})
    groups += more_groups
    for group in groups:
        group["base_lr"] = group["lr"]
    return AdamW(groups)


def set_learning_rates(optimizer: AdamW, factor: float) -> None:
    """Multiply the base learning rate of every group by a factor.

    A rate that is a tensor stays the same tensor, which a recorded step reads.
    """
    for group in optimizer.param_groups:
        group["rate"] = group["base_lr"] * factor
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(group["rate"])
        else:
            group["lr"] = group["rate"]
