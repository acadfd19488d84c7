"""Several processes that train one model together, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Group:
    """The processes, as one of them sees them.

    Attributes
    ----------
    rank : int
        The number of this process, from 0.
    size : int
        Number of processes.
    """

    rank: int
    size: int

    def of_first(self, value: int) -> int:
        """Return what the first process gives."""
        values = [value]
        distributed.broadcast_object_list(values)
        return values[0]


_group: ContextVar[Group | None] = ContextVar("group", default=None)


def started_together() -> bool:
    """Return whether ``torchrun`` started this process as one of several."""
    started = os.environ.get("TORCHELASTIC_RUN_ID") is not None
    return started and int(os.environ["WORLD_SIZE"]) > 1


@contextmanager
def together() -> Iterator[Group]:
    """Let the fits of the block be trained by all processes that ``torchrun`` started.

    All of them must do the same in the block. Tensors of the CPU are exchanged with gloo, those of
    GPUs with NCCL; each process of a machine has a GPU of its own.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group()
    group = Group(distributed.get_rank(), distributed.get_world_size())
    token = _group.set(group)
    try:
        yield group
    finally:
        _group.reset(token)
        distributed.destroy_process_group()


def group_of_processes() -> Group | None:
    """Return the processes that train together; None if this one trains alone."""
    return _group.get()
