"""A warning if gradients vanish, explode or are not finite."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from multitide.sharing._sharing import parameters_of
from multitide.training._callbacks import Callback

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer

logger = logging.getLogger("multitide")
EXPLODING = 1e3  # norm of the whole gradient; in units of the trivial loss, losses start at about 1
VANISHING = 1e-6  # norm in the lowest block relative to that in the heads


class GradientHealth(Callback):
    """Warns once per run if gradients vanish or explode; part of every training.

    Norms are collected on the device and read at the end of an epoch, so that no step waits.
    Gradients explode if the median norm of an epoch's steps, before clipping, is above 1000. They
    vanish if in the last step of an epoch the norm in the lowest block is less than a millionth of
    that in the heads.
    """

    def __init__(self) -> None:
        self._norms: list[Tensor] = []
        self._has_warned = False
        self._n_steps = 0

    def state(self) -> dict[str, Any]:
        """Return the norms of the epoch so far, and what has been said."""
        norms = torch.stack(self._norms).tolist() if self._norms else []
        return {
            "norms": norms,
            "has_warned": self._has_warned,
            "n_steps": self._n_steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self._norms = [torch.tensor(float(norm)) for norm in state["norms"]]
        self._has_warned = bool(state["has_warned"])
        self._n_steps = int(state["n_steps"])

    def on_step_end(self, trainer: Trainer) -> None:
        """Collect the step's norm, if clipping computed it."""
        self._n_steps += 1
        if trainer.gradient_norm is not None:
            self._norms.append(trainer.gradient_norm.detach())

    def on_epoch_end(self, trainer: Trainer, rows: object) -> None:
        """Read the norms, and warn of the first problem."""
        norms, self._norms = self._norms, []
        if self._has_warned:
            return
        problem = _problem(trainer, norms, is_first_step=self._n_steps == 1)
        if problem:
            logger.warning("Epoch %d: %s", trainer.epoch, problem)
            self._has_warned = True


def _problem(trainer: Trainer, norms: list[Tensor], *, is_first_step: bool) -> str:
    lowest_modules = trainer.network.sharing.levels()[0]
    heads = _norm([trainer.network.heads])
    lowest = _norm(lowest_modules)
    gathered = torch.stack([norm.to(heads.device) for norm in norms] or [heads])
    n_broken, median, low, top = torch.stack(
        [(~gathered.isfinite()).sum().to(heads), gathered.nanmedian(), lowest, heads]
    ).tolist()
    if n_broken:
        return f"the gradient was not finite in {n_broken:.0f} steps; try a lower `lr`."
    if median > EXPLODING:
        return (
            f"gradients explode (median norm {median:.2g}); "
            "lower `lr`, or use LSTM or GRU instead of RNN."
        )
    if is_first_step:
        # Heads start as constants, which let no gradient through to the layers below.
        return ""
    trained = any(p.requires_grad for p in parameters_of(lowest_modules))
    if trained and top > 0 and low < VANISHING * top:
        return (
            f"gradients vanish (norm {low:.2g} in the "
            f"lowest block, {top:.2g} in the heads); "
            "use LSTM or GRU instead of RNN, "
            "fewer layers, or shorter windows. "
            "`gradient_flow` shows where they vanish."
        )
    return ""


def _norm(modules: Sequence[nn.Module]) -> Tensor:
    """Return the norm of the gradient at the parameters of these modules, shape ()."""
    parameters = parameters_of(modules)
    gradients = []
    for p in parameters:
        if p.grad is not None:
            gradients.append(p.grad)
    if gradients:
        return nn.utils.get_total_norm(gradients)
    return torch.zeros((), device=parameters[0].device if parameters else None)
