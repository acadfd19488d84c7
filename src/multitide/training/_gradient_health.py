"""Whether gradients arrive: training says once where they vanish on their way down, explode, or are no numbers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multitide.training._callbacks import Callback

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer

logger = logging.getLogger("multitide")
EXPLODING = 1e3  # norm of the whole gradient; losses are in units of their trivial loss, so that they start at 1
VANISHING = 1e-6  # norm in the lowest block, as a share of that in the heads


class GradientHealth(Callback):
    """Warns, once a run, where gradients vanish or explode; every training has one.

    Norms are gathered on the device and read at the end of an epoch, so that no step waits. A
    gradient explodes where the median norm of an epoch's steps is over 1000, before it is clipped;
    it vanishes where the lowest block gets less than a millionth of what the heads get, at an
    epoch's last step.
    """

    def __init__(self) -> None:
        self._norms: list[Tensor] = []
        self._told = False

    def on_step_end(self, trainer: Trainer) -> None:
        """Note the step's norm, if it was taken to clip by."""
        if trainer.gradient_norm is not None:
            self._norms.append(trainer.gradient_norm.detach())

    def on_epoch_end(self, trainer: Trainer, rows: object) -> None:
        """Read what was gathered, and say what is wrong with it."""
        norms, self._norms = self._norms, []
        if not self._told and (problem := _problem(trainer, norms)):
            logger.warning("Epoch %d: %s", trainer.epoch, problem)
            self._told = True


def _problem(trainer: Trainer, norms: list[Tensor]) -> str:
    heads = _norm(trainer.network.heads)
    lowest = _norm(*trainer.network.sharing.levels()[0])
    gathered = torch.stack(norms or [heads])
    n_broken, median, low, top = torch.stack(
        [(~gathered.isfinite()).sum().to(heads), gathered.nanmedian(), lowest, heads]
    ).tolist()
    if n_broken:
        return (
            f"the gradient was not finite in {n_broken:.0f} steps; a lower `lr` usually mends it."
        )
    if median > EXPLODING:
        return f"gradients explode (median norm {median:.2g}); lower `lr`, or use LSTM or GRU instead of RNN."
    frozen = not any(
        p.requires_grad for m in trainer.network.sharing.levels()[0] for p in m.parameters()
    )
    if not frozen and top > 0 and low < VANISHING * top:
        return (
            f"gradients vanish: the lowest block gets a norm of {low:.2g}, the heads {top:.2g}. Use LSTM or GRU "
            "instead of RNN, fewer layers, or shorter windows; `gradient_flow` shows where they get lost."
        )
    return ""


def _norm(*modules: nn.Module) -> Tensor:
    """Return the norm of the gradient at the parameters of some modules, shape ()."""
    parameters = [p for module in modules for p in module.parameters()]
    gradients = [p.grad for p in parameters if p.grad is not None]
    device = parameters[0].device if parameters else None
    return nn.utils.get_total_norm(gradients) if gradients else torch.zeros((), device=device)
