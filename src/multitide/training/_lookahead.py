"""The losses of a training step once more, elsewhere or after it, without training noticing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


class LookAhead:
    """Measures the losses of a step's batch once more, with the units dropped that the step itself drops.

    Batch norm takes the batch's statistics, as in the step; its running statistics are updated in
    copies, which are thrown away, and torch's generators go on from where they were.

    Parameters
    ----------
    trainer : Trainer
        About to take the step: nothing of it has been drawn yet.
    rows, n_labelled
        As of :meth:`multitide.training._trainer.Trainer.step`.

    Attributes
    ----------
    same : SamePass
        Where the step's own pass runs under ``same.held()``, ours draw and encode nothing anew.
    """

    def __init__(self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray) -> None:
        network = trainer.network
        self.same = SamePass(network.sharing, [entrance.inputs for entrance in network.entrances])
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
        state = (
            {name: ahead[id(p)] for name, p in self._losses.named_parameters() if id(p) in ahead}
            if ahead
            else {}
        )
        state |= {name: buffer.clone() for name, buffer in self._losses.moving_buffers()}
        with self._generators.again(), self.same.held():
            # Looking for parameters of two names costs more than all else here; buffers have one.
            losses: Tensor = functional_call(
                self._losses, state, self._batch, tie_weights=bool(ahead)
            )
        return losses


class SamePass:
    """Makes passes forward of a network repeat what the first did apart from its parameters.

    They drop the same units, drawn once: to draw them is a sixth of an LSTM's pass. Whatever else a
    pass draws it draws from where the first one drew it, if its generators start where they started
    then.

    Parameters
    ----------
    network : Module
        Its layers of the class ``torch.nn.Dropout``; other random layers are left to the
        generators.
    fixed : sequence of Module
        What has no parameters, and reads the same in every pass: its answers are kept.
    """

    def __init__(self, network: nn.Module, fixed: Sequence[nn.Module] = ()) -> None:
        self._ways: list[tuple[nn.Module, _Way]] = [(each, self._answer) for each in fixed]
        self._ways += [(each, self._drop) for each in network.modules() if type(each) is nn.Dropout]
        # In the order of the calls: answers, or what dropout multiplied by; and where the
        # generators were after it.
        self._kept: list[tuple[Tensor, _Generators]] = []
        self._again: Iterator[tuple[Tensor, _Generators]] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep what the first pass does that runs under this, and repeat it in each later one."""
        self._again = iter(self._kept) if self._kept else None
        for module, way in self._ways:
            module.forward = partial(way, module)
        try:
            yield
        finally:
            for module, _ in self._ways:
                del module.forward

    def _drop(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Drop as the layer itself does, to the last bit."""
        if not (isinstance(layer, nn.Dropout) and layer.training and layer.p):
            return x
        return x * self._once(
            lambda: F.dropout(torch.ones_like(x), layer.p, training=True, inplace=True), x.device
        )

    def _answer(self, module: nn.Module, x: Tensor, *args: Any) -> Tensor:
        return self._once(lambda: type(module).forward(module, x, *args), x.device)

    def _once(self, make: Callable[[], Tensor], device: torch.device) -> Tensor:
        if self._again is None:
            self._kept.append((make(), _Generators(device)))
            return self._kept[-1][0]
        found, then = next(self._again)
        then.go_there()
        return found


_Way = Callable[
    ..., Tensor
]  # how a module answers while a pass is held: from itself and its arguments


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
        """Return the buffers that training may move; those of inputs and targets were fitted before it."""
        return self.network.sharing.named_buffers("network.sharing")


class _Generators:
    """The states of torch's generators at one moment, to draw the same numbers once more."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw from that moment on; afterwards the generators are where they were."""
        now = _Generators(self._device)
        self.go_there()
        try:
            yield
        finally:
            now.go_there()

    def go_there(self) -> None:
        """Draw from that moment on."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
