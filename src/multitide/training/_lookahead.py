"""The losses of a training step, measured once more at other parameters without side effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from multitide.training._callbacks import Callback
from multitide.training._generator_states import GeneratorStates

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class LookAhead:
    """Measures the losses of a step's batch again, with the dropout masks of the step.

    Batch norm uses the batch's statistics, as in the step. Its running statistics are updated in
    copies, which are discarded, and torch's generators return to where they were.

    Parameters
    ----------
    trainer : Trainer
        The trainer, before the forward pass of the step.
    rows, n_labelled
        See :meth:`multitide.training._trainer.Trainer.step`.
    """

    def __init__(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        self._losses = _Losses(trainer)
        self._batch = (rows, n_labelled)
        self._generators = GeneratorStates(rows[0].device)

    @torch.no_grad()
    def losses(self, parameters: Mapping[int, Tensor] | None = None) -> Tensor:
        """Return the losses of the tasks in the batch, shape (n_present,).

        Parameters
        ----------
        parameters : mapping of int to Tensor, optional
            Replacements by the ``id`` of the parameter; all others have their current values.
        """
        state = {}
        for name, buffer in self._losses.moving_buffers():
            state[name] = buffer.clone()
        if parameters:
            for name, parameter in self._losses.named_parameters():
                if id(parameter) in parameters:
                    state[name] = parameters[id(parameter)]
        with self._generators.restored():
            # To look for parameters with two names is slow; buffers have a single one.
            losses: Tensor = functional_call(
                self._losses, state, self._batch, tie_weights=bool(parameters)
            )
        return losses


class SecondForward(Callback):
    """Tells the weighting what each step did to the losses of its batch."""

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        """Keep the batch and the state of the generators."""
        self._ahead = LookAhead(trainer, rows, n_labelled)

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Keep the losses before the step."""
        self._before = {name: loss.detach() for name, loss in losses.items()}

    def on_step_end(self, trainer: Trainer) -> None:
        """Measure the losses after the step."""
        after = self._ahead.losses().unbind()
        trainer.weighting.after_update(
            self._before, dict(zip(self._before, after, strict=True))
        )


class _Losses(nn.Module):
    """The losses of a step as a function of the parameters."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.network = trainer.network
        self._trainer = trainer

    def forward(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> Tensor:
        losses, _ = self._trainer.task_losses(rows, n_labelled)
        return torch.stack(list(losses.values()))

    def moving_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers that a step may change; inputs and targets were fitted before."""
        return self.network.sharing.named_buffers("network.sharing")
