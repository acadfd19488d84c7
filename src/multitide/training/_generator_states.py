"""Drawing the random numbers of a step once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class GeneratorStates:
    """The current states of torch's generators, from which the same numbers can be drawn again.

    Parameters
    ----------
    device : torch.device
        Where dropout is drawn; the generator of the CPU is always included.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda: torch.Tensor | None = None
        if device.type == "cuda":
            self._cuda = torch.cuda.get_rng_state(device)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Draw from these states within the context."""
        now = GeneratorStates(self._device)
        self.set()
        try:
            yield
        finally:
            now.set()

    def set(self) -> None:
        """Draw from these states from now on."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
