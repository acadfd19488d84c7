"""Checks that training is still a matter of finite numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from multitide.balancing._diverged import REMEDY, Diverged


def check_losses(losses: np.ndarray, names: Sequence[str], epoch: int) -> None:
    """Raise for the first step of an epoch with a loss that is not finite.

    Parameters
    ----------
    losses : ndarray, shape (n_steps, n_tasks)
    names : sequence of str
        The tasks.
    epoch : int
        Counted from 1.

    Raises
    ------
    Diverged
        With the step and the tasks.
    """
    steps = np.flatnonzero(~np.isfinite(losses).all(axis=1))
    if not len(steps):
        return
    step = int(steps[0])
    got = dict(zip(names, losses[step].tolist(), strict=True))
    broken = []
    for name, loss in got.items():
        if not np.isfinite(loss):
            broken.append(name)
    raise Diverged(
        "The training loss must be finite; "
        f"got {got} in step {step + 1} of epoch {epoch} (not finite: "
        f"{broken}). {REMEDY}"
    )


def check_weights(network: nn.Module, epoch: int) -> None:
    """Raise if the last step of an epoch has made a weight that is not finite.

    Raises
    ------
    Diverged
        Its loss would only be seen in the next epoch, if there is one.
    """
    are_finite = []
    for parameter in network.parameters():
        are_finite.append(parameter.detach().isfinite().all())
    if are_finite and not torch.stack(are_finite).all():
        raise Diverged(
            "The weights must be finite; "
            f"got others at the end of epoch {epoch}. {REMEDY}"
        )
