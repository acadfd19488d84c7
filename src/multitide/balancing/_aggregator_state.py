"""The state of TorchJD's aggregators, of which each keeps its own in attributes and buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

KEY = "_state_key"  # what the shapes of a state depend on


def state_of(module: nn.Module, prefix: str, tensors: dict[str, Tensor]) -> Any:
    """Add the tensors and arrays of an aggregator, and return its numbers by attribute.

    Parameters
    ----------
    module : Module
        One of TorchJD's aggregators.
    prefix : str
        Begins the names of its tensors.
    tensors : dict
        The tensors are added to it.
    """
    numbers: dict[str, dict[str, Any]] = {}
    for name, part in module.named_modules():
        numbers[name] = {}
        for key, value in {**vars(part), **part._buffers}.items():
            if isinstance(value, np.ndarray):
                tensors[f"{prefix}/{name}/{key}"] = torch.from_numpy(value.copy())
            elif isinstance(value, Tensor):
                tensors[f"{prefix}/{name}/{key}"] = value
            elif type(value) in (int, float):
                numbers[name][key] = value
            elif key == KEY and value is not None:
                numbers[name][key] = [_written(each) for each in value]
    return numbers


def restore(
    module: nn.Module,
    prefix: str,
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Mapping[str, Any]],
    device: torch.device,
) -> None:
    """Put a fresh aggregator into a state."""
    for name, part in module.named_modules():
        prepare = getattr(part, "_init_optim_problem", None)
        if prepare is not None:  # Nash-MTL does so in its first step
            prepare()
        for key, value in numbers[name].items():
            if key == KEY:
                setattr(part, key, tuple(_read(each, device) for each in value))
            elif type(getattr(part, key)) in (int, float):
                setattr(part, key, value)
        for key, value in {**vars(part), **part._buffers}.items():
            stored = tensors.get(f"{prefix}/{name}/{key}")
            if stored is not None and isinstance(value, np.ndarray):
                setattr(part, key, stored.numpy())
            elif stored is not None and key in part._buffers:
                setattr(part, key, stored.to(device))


def _written(value: object) -> object:
    """Return an entry of a key as a plain value: a size, or the name of a type or device."""
    if isinstance(value, int):
        return value
    return str(value)


def _read(value: object, device: torch.device) -> object:
    if isinstance(value, int):
        return value
    known = {"torch.float32": torch.float32, "torch.float64": torch.float64}
    if value in known:
        return known[str(value)]
    if value != str(device):
        raise ValueError(f"the device must be {device}; got {value}")
    return device
