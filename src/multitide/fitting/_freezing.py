"""Freezing: which blocks of a pre-trained network stay as they are while the rest goes on learning.

Frozen means frozen: no gradient, no weight decay, no dropout, and batch-norm statistics that do not
follow.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from multitide.errors import ParameterError
from multitide.network._network import Network
from multitide.sharing._across import PerDomain
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

DECAY = 2.6  # the factor between the learning rates of neighbouring blocks in ULMFiT


@dataclass
class Frozen:
    """What is frozen, and how it thaws.

    Attributes
    ----------
    modules : list of Module
        Those that stay in eval mode.
    callbacks : list of Callback
        What thaws them.
    lr_factors : dict of int to float
        By the ``id`` of a parameter, the factor on its learning rate.
    """

    modules: list[nn.Module] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    lr_factors: dict[int, float] = field(default_factory=dict)


def freeze(
    network: Network, depth: str | int, max_epochs: int, fresh: Collection[str] = ()
) -> Frozen:
    """Freeze a part of a network in place.

    Parameters
    ----------
    network : Network
        With pre-trained weights.
    depth : {"nothing", "backbone", "gradual"} or int
        See ``Training.freeze``; checked by :func:`check_depth`.
    max_epochs : int
        Length of a full run; "gradual" thaws everything within its first half.
    fresh : collection of str
        Names of parameters that are not pre-trained; blocks that hold any are left to learn. Where
        they are a data set's own, the rest of the block is frozen.
    """
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    new = {id(parameter) for name, parameter in network.named_parameters() if name in fresh}
    levels = [
        [part for block in level for part in _known(block, new)]
        for level in network.sharing.levels()
    ]
    if depth == "nothing":
        return Frozen()
    if depth == "backbone":
        modules: list[nn.Module] = (
            [m for level in levels for m in level] if new else [network.sharing]
        )
        return Frozen(_stop(modules))
    if depth == "gradual":
        thaw = GradualThaw(levels, max(1, max_epochs // (2 * len(levels) + 2)))
        return Frozen(_stop([m for level in levels for m in level]), [thaw], thaw.lr_factors())
    assert isinstance(depth, int)
    return Frozen(_stop([m for level in levels[:-depth] for m in level]))


def check_depth(network: Network, depth: str | int) -> None:
    """Raise if there are no more blocks than shall learn."""
    n_blocks = len(network.sharing.levels())
    if isinstance(depth, int) and depth >= n_blocks:
        raise ParameterError(
            f"`training.freeze` must be less than the backbone's {n_blocks} blocks; got {depth}. "
            "To freeze nothing use freeze='nothing'."
        )


class GradualThaw(Callback):
    """Thaws one level of blocks at a time, from the top, each at a lower learning rate than the one above it.

    Parameters
    ----------
    levels : list of list of Module
        The blocks by height, lowest first; all are frozen at the start.
    every : int
        Epochs from one thaw to the next.

    References
    ----------
    .. [1] Howard and Ruder, "Universal language model fine-tuning for text classification", ACL
       2018. https://arxiv.org/abs/1801.06146
    """

    def __init__(self, levels: list[list[nn.Module]], every: int) -> None:
        self._levels, self._every = levels, every

    def lr_factors(self) -> dict[int, float]:
        """Return the factor on each parameter's learning rate, by its ``id``: 1 for heads, 1 / 2.6 for the top..."""
        n = len(self._levels)
        return {
            id(parameter): DECAY ** (height - n)
            for height, level in enumerate(self._levels)
            for module in level
            for parameter in module.parameters()
        }

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Thaw the next level when its time has come."""
        n_thawed, due = divmod(trainer.epoch - 1, self._every)
        if due or not 1 <= n_thawed <= len(self._levels):
            return
        level = self._levels[-n_thawed]
        for module in level:
            module.requires_grad_(True)
        trainer.frozen = [
            module for module in trainer.frozen if all(module is not thawed for thawed in level)
        ]


def _known(module: nn.Module, new: set[int]) -> list[nn.Module]:
    """Return what of a block is pre-trained: all, or all that is not a new data set's own; else nothing."""
    fresh = {id(p) for p in module.parameters()} & new
    if not fresh:
        return [module]
    own = {
        id(p) for part in module.modules() if isinstance(part, PerDomain) for p in part.parameters()
    }
    if not fresh <= own:
        return []
    parts = module.each if isinstance(module, PerDomain) else module.children()
    return [known for part in parts for known in _known(part, new)]


def _stop(modules: list[Any]) -> list[nn.Module]:
    for module in modules:
        module.requires_grad_(False)
    return modules
