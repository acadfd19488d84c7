"""The states of the process-wide random numbers, as tensors and plain values."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def random_states(device: torch.device, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Add the states of the generators of torch, and return those of Python and NumPy.

    Parameters
    ----------
    device : torch.device
        Where the training draws; the generator of the CPU is always included.
    tensors : dict
        The states are added to it.
    """
    tensors["random/cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(device)
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).tolist(), *rest],
    }


def restore_random_states(
    device: torch.device, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
) -> None:
    """Draw from stored states from now on."""
    version, numbers, gauss = values["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = values["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(tensors["random/cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random/cuda"], device)
