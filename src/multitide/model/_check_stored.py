"""Checks of a stored model: whatever its record says, reading it ends with a model or one error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from multitide.errors import StoreError

# Modules are built from others, so that a value may be counted several times.
SLACK, FEW = 4, 10_000


@contextmanager
def checking(path: Path, field: str) -> Iterator[None]:
    """Turn whatever goes wrong in the block into one error about a field of a record.

    A hash protects a record against damage, but not against its author: parts are made from values
    of any type, and each part has errors of its own.

    Parameters
    ----------
    path : path
        Of the record.
    field : str
        What is read in the block.

    Raises
    ------
    StoreError
        In place of any exception.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        problem = f"{field}: {error or type(error).__name__}"
        problem = " ".join(problem.split())  # those of torch have several lines
        raise StoreError(
            f"{str(path)!r} must be as multitide wrote it; it is damaged ({problem})."
        ) from error


@contextmanager
def at_most(n_values: int) -> Iterator[None]:
    """Let modules that the block builds have about as many values as the stored weights at most.

    A record may ask for a network that fits no memory. Building ends at the first parameter or
    buffer that is too many, before it is filled.

    Raises
    ------
    ValueError
        With the number of values.
    """
    thread, n_built = threading.get_ident(), 0

    def count(module: nn.Module, name: str, value: Tensor | None) -> None:
        nonlocal n_built
        if value is None or threading.get_ident() != thread:
            return
        n_built += value.numel()
        if n_built > SLACK * n_values + FEW:
            raise ValueError(
                "it asks for a larger network than "
                f"the {n_values:,} stored weights make"
            )

    hooks = [
        register_module_parameter_registration_hook(count),
        register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def check_numbers(network: nn.Module, path: Path) -> None:
    """Raise if a weight is not finite, or another stored number is missing.

    Parameters
    ----------
    network : Module
        With its stored state. Buffers may be infinite: bounds of clipping are.
    path : path
        Of the weights.

    Raises
    ------
    StoreError
        With the first that is wrong.
    """
    wrong = []
    for name, weight in network.named_parameters():
        if not torch.isfinite(weight).all():
            wrong.append(name)
    for name, buffer in network.named_buffers():
        if torch.isnan(buffer).any():
            wrong.append(name)
    if wrong:
        raise StoreError(
            f"{str(path)!r} must hold finite weights; "
            f"{wrong[0]!r} has others. Fit the model again."
        )
