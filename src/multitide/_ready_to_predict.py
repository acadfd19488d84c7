"""A module as a prediction uses it: in eval mode, on the device of the call."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from multitide._walk import modules_in, tensors_of

Module = TypeVar("Module", bound=nn.Module)


def ready_to_predict(module: Module, device: torch.device) -> Module:
    """Return the module in eval mode on a device, without any change to the module itself.

    Other threads may be using the module. So it is returned as it is if it is ready, and otherwise
    as a copy that belongs to the caller.

    Parameters
    ----------
    module : Module
        A fitted module.
    device : torch.device
        Where to compute.
    """
    if _is_ready(module, device):
        return module
    return copy.deepcopy(module).to(device).eval()


def _is_ready(module: nn.Module, device: torch.device) -> bool:
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    for part in modules_in(module):
        if part.training:
            return False
        for tensor in tensors_of(part):
            if tensor.device != device:
                return False
    return True
