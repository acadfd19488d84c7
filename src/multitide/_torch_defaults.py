"""Torch as a fit needs it, whatever the caller has set: gradients, float32 and the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from multitide._own_random_numbers import one_at_a_time


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Compute with gradients, in float32 and on the CPU where nothing else is asked for.

    A caller may be inside ``torch.no_grad()`` or ``torch.inference_mode()``, or may have called
    ``torch.set_default_device`` or ``torch.set_default_dtype``. A model must not depend on it. The
    default dtype belongs to the process; while it is another, one thread at a time is in the block.
    """
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        _cpu(),
        _single_precision(),
    ):
        yield


def _cpu() -> AbstractContextManager[object]:
    """Return the context that makes new tensors on the CPU.

    torch runs Python code for every operation within it, so it is left out where it changes
    nothing.
    """
    cpu = torch.device("cpu")
    if torch.get_default_device() == cpu:
        return nullcontext()
    return cpu


@contextmanager
def _single_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    if before == torch.float32:
        yield
        return
    with one_at_a_time():
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
