"""The network from a raw array to an answer in the user's own units, as one module with buffers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from multitide.data._samples import Samples
from multitide.encodings._inputs import InputLayer
from multitide.encodings._static import StaticLayer
from multitide.network._stacking import STACK_FROM, linear_outputs
from multitide.sharing._across import (
    Across,
    PerDomain,
    common_inputs,
    common_static,
    conditioned,
    of_each,
    split_norms,
)
from multitide.sharing._sharing import SharingModule
from multitide.tasks._task import Target


@dataclass(frozen=True)
class Entrance:
    """Where the series of one data set enter a network.

    Attributes
    ----------
    name : str
        The data set's name.
    inputs : InputLayer
        Imputes, scales and encodes its raw series.
    static : StaticLayer or None
        Imputes and scales its static inputs, which are joined to the features.
    """

    name: str
    inputs: InputLayer
    static: StaticLayer | None = None


class Network(nn.Module):
    """Inputs -> backbone -> heads for a group of tasks that are trained together.

    Parameters
    ----------
    entrances : sequence of Entrance
        One a data set. With several, each has its own batch norms in the backbone, too.
    make_sharing : callable
        From the number of encoded channels to the module from encoded series to one feature vector
        a task.
    targets : sequence of Target
        The group's tasks, fitted to the training labels.
    head_units : int, optional
        Units of a hidden layer in each head; None: heads are linear.
    across : Across, optional
        How several data sets share the backbone.

    Attributes
    ----------
    domains : list of str
        Names of the data sets.
    inputs, static, sharing, conditioning, heads : Module
        What a series goes through. With several data sets, what each has for itself is a
        :class:`PerDomain`.
    """

    def __init__(
        self,
        entrances: Sequence[Entrance],
        make_sharing: Callable[[int], SharingModule],
        targets: Sequence[Target],
        head_units: int | None = None,
        across: Across = Across(),  # noqa: B008 (it cannot change)
    ) -> None:
        super().__init__()
        self.entrances, self.domains = tuple(entrances), [entrance.name for entrance in entrances]
        self.inputs, n_channels = common_inputs(
            [entrance.inputs for entrance in entrances], across.width
        )
        self.static, n_static = common_static([entrance.static for entrance in entrances])
        self.sharing = make_sharing(n_channels)
        if len(entrances) > 1:
            split_norms(self.sharing, len(entrances))
        n_features = self.sharing.n_features + n_static
        self.conditioning, n_features = conditioned(across.conditioning, len(entrances), n_features)
        self.targets = nn.ModuleList(targets)
        self.heads = nn.ModuleList(Head(n_features, target, head_units) for target in targets)
        self._switches = [module for module in self.modules() if isinstance(module, PerDomain)]

    @property
    def names(self) -> list[str]:
        """The tasks of the group."""
        return [target.task.name for target in self.target_list]

    @property
    def target_list(self) -> list[Target]:
        """The targets, as a typed list."""
        return [target for target in self.targets if isinstance(target, Target)]

    def own_names(self, domains: Collection[int]) -> list[str]:
        """Return the names of the parameters that some data sets have for themselves."""
        own = {
            id(p) for switch in self._switches for i in domains for p in switch.each[i].parameters()
        }
        return [name for name, parameter in self.named_parameters() if id(parameter) in own]

    def features(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        static: Tensor | None = None,
        domain: int = 0,
    ) -> list[Tensor]:
        """Return what each task's head reads, each of shape (batch, n_features)."""
        for switch in self._switches:
            switch.current = domain
        features = self.sharing(self.inputs(x, lengths), lengths)
        if self.static is not None:
            joined = self.static(static)
            features = of_each(features, lambda each: torch.cat([each, joined], dim=1))
        if self.conditioning is not None:
            features = of_each(features, self.conditioning)
        return list(features)

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        static: Tensor | None = None,
        domain: int = 0,
    ) -> list[Tensor]:
        """Return each task's raw output, (batch, n_outputs): logits, or numbers in standard units.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series of one data set; NaN where nobody measured.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        static : Tensor, shape (batch, n_static), optional
            Static inputs as `encode_static` gives them.
        domain : int, default=0
            Which data set they are of.
        """
        return self.outputs(self.features(x, lengths, static, domain))

    def encode_static(self, samples: Samples, domain: int = 0) -> np.ndarray | None:
        """Return the static inputs of samples of a data set, float32 (n_samples, n_static); None: nothing reads any."""
        if self.static is None:
            return None
        layer = self.entrances[domain].static
        return (
            np.zeros((len(samples), 0), dtype=np.float32)
            if layer is None
            else layer.encode(samples.static)
        )

    def outputs(
        self, features: Sequence[Tensor], learning: Sequence[bool] | None = None
    ) -> list[Tensor]:
        """Return each task's raw output, (batch, n_outputs), of its features.

        `learning` says which heads may get a gradient; the others take no part in the step.
        """
        if len(self.heads) >= STACK_FROM and all(each is features[0] for each in features):
            linear = [
                head.linear
                for head in self.heads
                if isinstance(head, Head) and head.linear is not None
            ]
            if len(linear) == len(self.heads):
                return linear_outputs(linear, features[0], learning)
        return [head(each) for head, each in zip(self.heads, features, strict=True)]


def copy_with_state(network: Network, state: dict[str, Tensor]) -> Network:
    """Return a copy of the network with another set of weights, in eval mode."""
    twin = copy.deepcopy(network)
    twin.load_state_dict(state)
    return twin.eval()


class Answers(nn.Module):
    """What ``predict`` runs: networks, each with the tasks that it answers, decoded to the user's own units.

    With hard sharing and ``keep="joint"`` it is one network that answers every task; with
    ``keep="per_task"`` one network for each distinct best epoch; with ``sharing="none"`` one a
    task.

    Parameters
    ----------
    networks : sequence of Network
        The stored sets of weights.
    answered : sequence of list of str
        For each network, the tasks that it answers (none for a joint set that is only stored).
    """

    def __init__(self, networks: Sequence[Network], answered: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.answered = [list(names) for names in answered]

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        statics: Sequence[Tensor | None] | None = None,
        domain: str = "",
    ) -> dict[str, Tensor]:
        """Return each task's probabilities (batch, n_classes) or numbers (batch,), by name.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series; NaN where nobody measured.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        statics : sequence of Tensor, one a network that answers, optional
            Static inputs as each network encodes them, each of shape (batch, n_static).
        domain : str, default=""
            Which data set they are of; networks that do not know it are left out.
        """
        decoded: dict[str, Tensor] = {}
        for i, (network, names) in enumerate(self.answering(domain)):
            outputs = network(
                x, lengths, None if statics is None else statics[i], network.domains.index(domain)
            )
            for target, output in zip(network.target_list, outputs, strict=True):
                if target.task.name in names:
                    decoded[target.task.name] = target(output)
        return decoded

    def answering(self, domain: str) -> list[tuple[Network, list[str]]]:
        """Return the networks that answer tasks for a data set, each with its tasks."""
        pairs = zip(self.network_list, self.answered, strict=True)
        return [(network, names) for network, names in pairs if names and domain in network.domains]

    @property
    def network_list(self) -> list[Network]:
        """The networks, as a typed list."""
        return [network for network in self.networks if isinstance(network, Network)]

    def target(self, name: str) -> Target:
        """Return the target of a task in the network that answers it."""
        for network, names in zip(self.network_list, self.answered, strict=True):
            if name in names:
                return network.target_list[network.names.index(name)]
        raise KeyError(name)


class Head(nn.Sequential):
    """From features to a task's raw output; starts as the best constant predictor, so that every loss starts at 1.

    Parameters
    ----------
    n_features : int
        Number of features.
    target : Target
        Says the number of outputs and the best constant.
    n_units : int, optional
        Units of a hidden ReLU layer; None: the head is linear.
    """

    def __init__(self, n_features: int, target: Target, n_units: int | None = None) -> None:
        hidden = [] if n_units is None else [nn.Linear(n_features, n_units), nn.ReLU()]
        last = nn.Linear(n_units or n_features, target.n_outputs)
        with torch.no_grad():
            last.weight.zero_()
            last.bias.copy_(target.bias)
        super().__init__(*hidden, last)

    @property
    def linear(self) -> nn.Linear | None:
        """The head's one matrix, if it is nothing else."""
        only = self[0]
        return only if isinstance(only, nn.Linear) and len(self) == 1 else None
