"""The process-wide random numbers: one block of code at a time has them for itself.

Dropout, the first weights of a layer and most code of others draw from generators that all threads
of a process share: those of `random`, NumPy and torch. A block that seeds them gives the same
numbers each time only if no other thread draws in between.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

CPU = torch.device("cpu")
_lock = threading.RLock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one thread into such blocks at a time; the others wait. Blocks may be nested."""
    with _lock:
        yield


@contextmanager
def own_random_numbers(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seed the process-wide generators within the block, and restore them afterwards.

    Blocks of other threads wait until this one ends.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.
    device : torch.device, optional
        Where the block computes. The generators of CUDA are included if it does so there, or if
        CUDA is in use already.
    """
    with one_at_a_time():
        states = _States(device.type == "cuda" or torch.cuda.is_initialized())
        states.seed(seed)
        try:
            yield
        finally:
            states.restore()


class _States:
    """The states of the process-wide generators."""

    def __init__(self, with_cuda: bool) -> None:
        self._python = random.getstate()
        self._numpy = np.random.get_state()
        self._torch = torch.get_rng_state()
        self._cuda: list[torch.Tensor] | None = None
        if with_cuda:
            self._cuda = torch.cuda.get_rng_state_all()

    def seed(self, seed: int) -> None:
        """Seed the generators whose states are kept."""
        random.seed(seed)
        np.random.seed(seed)
        # `torch.manual_seed` would also seed CUDA, now or when it is used for the first time.
        torch.default_generator.manual_seed(seed)
        if self._cuda is not None:
            torch.cuda.manual_seed_all(seed)

    def restore(self) -> None:
        """Return to these states."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state_all(self._cuda)


def _renew_lock() -> None:
    """Open the lock in a forked process, in which the thread that holds it does not exist."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)
