"""The losses of a training step once more, elsewhere or after it, without training noticing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

if TYPE_CHECKING:
    from multitide.loop.training import Trainer


class LookAhead:
    """Measures the losses of a step's batch once more, with the units dropped that the step itself drops.

    Batch norm takes the batch's statistics, as in the step; its running statistics are updated in copies, which are
    thrown away, and torch's generators go on from where they were.

    Parameters
    ----------
    trainer : Trainer
        About to take the step: nothing of it has been drawn yet.
    rows, n_labelled
        As of :meth:`multitide.loop.training.Trainer.step`.
    """

    def __init__(self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray) -> None:
        self._losses, self._batch = _Losses(trainer), (rows, n_labelled)
        self._generators = _Generators(rows[0].device)

    @torch.no_grad()
    def losses(self, parameters: Mapping[int, Tensor] | None = None) -> Tensor:
        """Return the losses of the tasks in the batch, shape (n_present,).

        Parameters
        ----------
        parameters : mapping of int to Tensor, optional
            By the ``id`` of the parameters that they stand in for; the others are as they are now.
        """
        ahead = parameters or {}
        state = {name: ahead[id(p)] for name, p in self._losses.named_parameters() if id(p) in ahead}
        state |= {name: buffer.clone() for name, buffer in self._losses.named_buffers()}
        with self._generators.again():
            losses: Tensor = functional_call(self._losses, state, self._batch)
        return losses


class _Losses(nn.Module):
    """The losses of a step as a function of the parameters."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.network = trainer.network
        self._trainer = trainer

    def forward(self, rows: Sequence[Tensor], n_labelled: np.ndarray) -> Tensor:
        losses, _ = self._trainer.task_losses(rows, n_labelled)
        return torch.stack(list(losses.values()))


class _Generators:
    """The states of torch's generators at one moment, to draw the same numbers once more."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw from that moment on; afterwards the generators are where they were."""
        with torch.random.fork_rng(devices=[self._device] if self._cuda is not None else []):
            torch.set_rng_state(self._cpu)
            if self._cuda is not None:
                torch.cuda.set_rng_state(self._cuda, self._device)
            yield
