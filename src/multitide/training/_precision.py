"""The precision of the steps of a training: float32, bfloat16, or what the first steps allow."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from multitide._bf16 import has_bf16
from multitide.training._agreement import OF_CHANGE, ROUNDING, distance
from multitide.training._callbacks import Callback
from multitide.training._generator_states import GeneratorStates

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer

logger = logging.getLogger("multitide")
# The steps that are computed in both ways. In the first step of new heads, whose weights are 0, the
# backbone has no gradient.
CHECKED = (2, 4, 8)


class Precision(Callback):
    """Says in which precision a step multiplies, and finds it out for "auto".

    With "auto", the first steps are those of float32. Some of them are also computed in bfloat16,
    without dropout, which may draw other random numbers. If the losses and the gradients of the
    backbone agree, the steps after the last of them multiply in bfloat16.

    Parameters
    ----------
    wanted : {"float32", "bf16", "auto"}
        As in the settings; "auto" needs the hooks of this callback.

    Attributes
    ----------
    in_bf16 : bool or None
        None: not known yet, and float32 until then.
    """

    def __init__(self, wanted: Literal["float32", "bf16", "auto"]) -> None:
        self.in_bf16: bool | None = None
        if wanted != "auto":
            self.in_bf16 = wanted == "bf16"
        self._n_steps = 0

    def on_train_begin(self, trainer: Trainer) -> None:
        """Choose float32 where a processor multiplies bfloat16 by way of float32."""
        device = next(trainer.network.parameters()).device
        if trainer.in_any_process(not has_bf16(device)):
            self.in_bf16 = False

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Compare a step in both precisions, if it is one of those to check."""
        if self.in_bf16 is not None:
            return
        self._n_steps += 1
        if self._n_steps not in CHECKED:
            return
        difference = self._problem(trainer, rows, n_labelled)
        if trainer.in_any_process(bool(difference)):
            self.in_bf16 = False
            logger.info(
                "Training in float32: in bfloat16, step %d has %s.",
                self._n_steps,
                difference or "another result in another process",
            )
        elif self._n_steps == CHECKED[-1]:
            self.in_bf16 = True
            logger.info("Training in bfloat16: the first steps agree with float32.")

    def state(self) -> dict[str, Any]:
        """Return what is known so far."""
        return {"in_bf16": self.in_bf16, "n_steps": self._n_steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what was known; a processor without bfloat16 goes on with it all the same."""
        self.in_bf16 = state["in_bf16"]
        self._n_steps = int(state["n_steps"])

    def _problem(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> str:
        """Return what is wrong with a step in bfloat16, or ""."""
        exact = self.computed(False, trainer, rows, n_labelled)
        try:
            rounded = self.computed(True, trainer, rows, n_labelled)
        except RuntimeError as error:  # a layer that torch cannot compute in it
            return f"an error ({str(error).splitlines()[0]})"
        # In this form, what is not a number is a problem.
        if not loss_difference(rounded, exact) <= ROUNDING:
            return "other losses"
        if not gradient_difference(rounded, exact) <= OF_CHANGE:
            return "another gradient"
        return ""

    def computed(
        self,
        in_bf16: bool,
        trainer: Trainer,
        rows: Sequence[Tensor],
        n_labelled: np.ndarray,
    ) -> Computed:
        """Compute a step without dropout, which changes nothing."""
        before = self.in_bf16
        self.in_bf16 = in_bf16
        try:
            with _without_traces(trainer.network, rows[0].device):
                return _compute(trainer, rows, n_labelled)
        finally:
            self.in_bf16 = before


class Computed(NamedTuple):
    """The losses of a step, and the gradient of their sum at the backbone."""

    losses: Tensor
    gradient: list[Tensor]


def loss_difference(one: Computed, exact: Computed) -> float:
    """Return the largest difference of the losses of a task, as a share of the exact loss."""
    return float(((one.losses - exact.losses) / exact.losses).abs().max())


def gradient_difference(one: Computed, exact: Computed) -> float:
    """Return the distance of the gradients, as a share of the length of the exact one."""
    apart = distance(one.gradient, exact.gradient)
    length = float(nn.utils.get_total_norm(exact.gradient))
    if apart == length == 0:  # the backbone is frozen
        return 0.0
    return apart / length if length else math.inf


def _compute(
    trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
) -> Computed:
    by_task, _ = trainer.task_losses(rows, n_labelled)
    losses = torch.stack(list(by_task.values()))
    trained = []
    for parameter in trainer.network.sharing.parameters():
        if parameter.requires_grad:
            trained.append(parameter)
    if not trained or not losses.requires_grad:  # a process may have no rows
        return Computed(losses.detach(), [torch.zeros_like(losses)])
    gradient = torch.autograd.grad(losses.sum(), trained, materialize_grads=True)
    return Computed(losses.detach(), list(gradient))


@contextmanager
def _without_traces(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Compute without dropout; running statistics and generators stay as they were."""
    dropouts = []
    for module in network.modules():
        if isinstance(module, nn.Dropout) and module.training:
            dropouts.append(module)
    kept = [buffer.clone() for buffer in network.buffers()]
    for dropout in dropouts:
        dropout.eval()
    try:
        with GeneratorStates(device).restored():
            yield
    finally:
        for dropout in dropouts:
            dropout.train()
        with torch.no_grad():
            for buffer, value in zip(network.buffers(), kept, strict=True):
                buffer.copy_(value)
