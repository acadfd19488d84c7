"""Hooks into training: a callback overrides the hooks that it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from multitide._checks import check_type

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from multitide.training._trainer import Trainer

# One row of the history: values are str, int or float, by the column.
HistoryRow: TypeAlias = dict[str, Any]


class Callback:
    """Base of callbacks; every hook gets the trainer, whose public attributes may be read.

    With ``sharing="none"`` each task's network has its own trainer; they run one after the other.
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before the first step of an epoch; ``trainer.epoch`` counts from 1."""

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Before the forward pass of a step, with the arguments of ``trainer.step``."""

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Before the backward pass; `losses` are those of the tasks in the batch, with their graph.

        A callback that computes gradients of them must retain the graph.
        """

    def on_step_end(self, trainer: Trainer) -> None:
        """After a step. Reading a tensor here makes the host wait for the device."""

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """After validation; `rows` are the epoch's rows of the history.

        ``trainer.stop = True``, here or in any other hook, ends training after the epoch.
        """

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch, also when training was interrupted."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of this callback, as plain values of JSON."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` returned, after ``on_train_begin``."""


def check_callbacks(callbacks: object) -> None:
    """Raise unless these are callbacks, before anything is trained."""
    remedy = "Use, for instance, callbacks=[GradientRecorder()]."
    check_type("callbacks", callbacks, Iterable, remedy)
    for number, callback in enumerate(cast("Iterable[object]", callbacks)):
        check_type(f"callbacks[{number}]", callback, Callback, remedy)
