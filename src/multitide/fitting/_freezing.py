"""Freezing: which blocks of a pre-trained network keep their weights during fine-tuning.

A frozen block gets no gradient, no weight decay and no dropout, and its batch-norm statistics stay
as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from torch import nn

from multitide.errors import ParameterError
from multitide.network._network import Network
from multitide.sharing._across import PerDomain
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

DECAY = 2.6  # ratio of the learning rates of neighbouring blocks, as in ULMFiT


@dataclass
class Frozen:
    """The frozen blocks, and how they thaw.

    Attributes
    ----------
    modules : list of Module
        Modules that stay in eval mode.
    callbacks : list of Callback
        Callbacks that thaw them.
    lr_factors : dict of int to float
        Factor on a parameter's learning rate, by the parameter's ``id``.
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
        Names of parameters that are not pre-trained. A block that holds any is not frozen, except
        where they belong to a single data set: then the rest of the block is.
    """
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    if depth == "nothing":
        return Frozen()
    new = set()
    for name, parameter in network.named_parameters():
        if name in fresh:
            new.add(id(parameter))
    if depth == "backbone" and not new:
        return Frozen(_freeze_all([network.sharing]))
    levels = []
    for level in network.sharing.levels():
        levels.append(_pretrained_parts(level, new))
    if depth == "backbone":
        return Frozen(_freeze_all(_flat(levels)))
    if depth == "gradual":
        thaw = GradualThaw(levels, max(1, max_epochs // (2 * len(levels) + 2)))
        return Frozen(_freeze_all(_flat(levels)), [thaw], thaw.lr_factors())
    n_trained = int(depth)
    return Frozen(_freeze_all(_flat(levels[:-n_trained])))


def check_depth(network: Network, depth: str | int) -> None:
    """Raise unless there are more blocks than the number to train."""
    n_blocks = len(network.sharing.levels())
    if isinstance(depth, int) and depth >= n_blocks:
        raise ParameterError(
            "`training.freeze` must be less than "
            f"the backbone's {n_blocks} blocks; "
            f"got {depth}. To freeze nothing use freeze='nothing'."
        )


class GradualThaw(Callback):
    """Thaws one level of blocks at a time, from the top; lower levels get lower learning rates.

    Parameters
    ----------
    levels : list of list of Module
        The blocks by height, lowest first; all are frozen at the start.
    every : int
        Number of epochs between thaws.

    References
    ----------
    .. [1] Howard and Ruder, "Universal language model fine-tuning for text classification", ACL
       2018. https://arxiv.org/abs/1801.06146
    """

    def __init__(self, levels: list[list[nn.Module]], every: int) -> None:
        self._levels = levels
        self._every = every

    def lr_factors(self) -> dict[int, float]:
        """Return the factor on each parameter's learning rate, by its ``id``.

        It is 1 for the heads, 1 / 2.6 for the top level, and so on.
        """
        factors: dict[int, float] = {}
        for height, level in enumerate(self._levels):
            factor = DECAY ** (height - len(self._levels))
            for module in level:
                factors |= {id(parameter): factor for parameter in module.parameters()}
        return factors

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Thaw the levels that are due; a training that is taken up has missed some."""
        n_thawed = min((trainer.epoch - 1) // self._every, len(self._levels))
        if not n_thawed:
            return
        thawed = _flat(self._levels[-n_thawed:])
        for module in thawed:
            module.requires_grad_(True)
        still_frozen = []
        for module in trainer.frozen:
            if all(module is not each for each in thawed):
                still_frozen.append(module)
        trainer.frozen = still_frozen


def _pretrained_parts(modules: Iterable[nn.Module], new: set[int]) -> list[nn.Module]:
    """Return the parts of blocks without new parameters, given by their ids."""
    return _flat([_pretrained_parts_of(module, new) for module in modules])


def _pretrained_parts_of(module: nn.Module, new: set[int]) -> list[nn.Module]:
    fresh = {id(parameter) for parameter in module.parameters()} & new
    if not fresh:
        return [module]
    if not fresh <= _ids_of_single_data_sets(module):
        return []
    if isinstance(module, PerDomain):
        return _pretrained_parts(module.each, new)
    return _pretrained_parts(module.children(), new)


def _ids_of_single_data_sets(module: nn.Module) -> set[int]:
    """Return the ids of the parameters that belong to a single data set."""
    own: set[int] = set()
    for part in module.modules():
        if isinstance(part, PerDomain):
            own |= {id(parameter) for parameter in part.parameters()}
    return own


def _flat(levels: Sequence[Sequence[nn.Module]]) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for level in levels:
        modules.extend(level)
    return modules


def _freeze_all(modules: list[nn.Module]) -> list[nn.Module]:
    for module in modules:
        module.requires_grad_(False)
    return modules
