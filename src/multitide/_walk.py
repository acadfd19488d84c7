"""The modules and tensors in a module, without their names.

``Module.modules()`` and ``Module.parameters()`` make the full name of everything they pass. For a
network of sixty modules each call takes as long as a layer, and a prediction of one series makes
several.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn


def modules_in(module: nn.Module) -> list[nn.Module]:
    """Return the module and all modules in it, each once; their order is arbitrary."""
    found = [module]
    seen = {id(module)}
    for part in found:  # it grows meanwhile
        for child in part._modules.values():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                found.append(child)
    return found


def parameters_in(module: nn.Module) -> list[Tensor]:
    """Return the parameters of the module and of all modules in it, each once."""
    by_id: dict[int, Tensor] = {}
    for part in modules_in(module):
        for parameter in part._parameters.values():
            if parameter is not None:
                by_id[id(parameter)] = parameter
    return list(by_id.values())


def tensors_of(module: nn.Module) -> Iterator[Tensor]:
    """Yield the parameters and buffers of the module itself."""
    for tensor in (*module._parameters.values(), *module._buffers.values()):
        if tensor is not None:
            yield tensor
