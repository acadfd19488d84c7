"""Hooks into training: a callback overrides what it needs and is told the rest in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from multitide.training._trainer import Trainer


class Callback:
    """Parent of callbacks; every hook gets the trainer, whose public attributes may be read.

    With ``sharing="none"`` each task's network is trained by a trainer of its own, one after the
    other.
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before the first step of an epoch; ``trainer.epoch`` counts from 1."""

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Before the step's pass forward; the arguments are those of ``trainer.step`` and ``trainer.task_losses``."""

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Before the step's pass back; `losses` are those of the tasks in the batch, with their graph.

        Who takes gradients of them retains the graph.
        """

    def on_step_end(self, trainer: Trainer) -> None:
        """After a step. Reading a tensor here makes the host wait for the device."""

    def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """After validation; `rows` are the epoch's rows of the history. ``trainer.stop = True`` ends training."""

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch, also when training was interrupted."""
