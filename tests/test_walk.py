"""Walking through a module finds what torch's own methods find."""

from __future__ import annotations

import torch
from torch import nn

from multitide._walk import modules_in, parameters_in, tensors_of


class Shared(nn.Module):
    """A layer in two places, a parameter in two layers, and names without a value."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.Linear(2, 3)
        self.first = nn.Sequential(layer, nn.BatchNorm1d(3, affine=False))
        self.second = nn.Sequential(nn.Sequential(layer))
        self.tied = nn.Linear(2, 3, bias=False)
        self.tied.weight = layer.weight
        self.register_buffer("place", torch.zeros(2), persistent=False)
        self.register_buffer("nothing", None)
        self.register_module("none", None)


def ids(things: object) -> list[int]:
    return sorted(map(id, things))


def test_each_module_and_parameter_is_found_once() -> None:
    module = Shared()

    assert ids(modules_in(module)) == ids(module.modules())
    assert ids(parameters_in(module)) == ids(module.parameters())


def test_all_tensors_are_found() -> None:
    module = Shared()
    expected = {*map(id, module.parameters()), *map(id, module.buffers())}

    found = set()
    for part in modules_in(module):
        found |= set(map(id, tensors_of(part)))
    assert found == expected
