"""The network from a raw array to an answer in the user's own units, as one module with buffers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multitide.encodings.inputs import InputLayer
from multitide.encodings.static import StaticLayer
from multitide.sharing.sharing import SharingModule
from multitide.tasks.task import Target


class Network(nn.Module):
    """Inputs -> backbone -> heads for a group of tasks that are trained together.

    Parameters
    ----------
    inputs : InputLayer
        Imputes, scales and encodes the raw series.
    static : StaticLayer or None
        Imputes and scales the static inputs, which are joined to the features.
    sharing : SharingModule
        From encoded series to one feature vector a task.
    targets : sequence of Target
        The group's tasks, fitted to the training labels.
    head_units : int, optional
        Units of a hidden layer in each head; None: heads are linear.
    """

    def __init__(
        self,
        inputs: InputLayer,
        static: StaticLayer | None,
        sharing: SharingModule,
        targets: Sequence[Target],
        head_units: int | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.static, self.sharing = inputs, static, sharing
        self.targets = nn.ModuleList(targets)
        n_features = sharing.n_features + (0 if static is None else static.n_features)
        self.heads = nn.ModuleList(Head(n_features, target, head_units) for target in targets)

    @property
    def names(self) -> list[str]:
        """The tasks of the group."""
        return [target.task.name for target in self.target_list]

    @property
    def target_list(self) -> list[Target]:
        """The targets, as a typed list."""
        return [target for target in self.targets if isinstance(target, Target)]

    def features(self, x: Tensor, lengths: Tensor | None = None, static: Tensor | None = None) -> list[Tensor]:
        """Return what each task's head reads, each of shape (batch, n_features)."""
        features = self.sharing(self.inputs(x, lengths), lengths)
        if self.static is None:
            return list(features)
        joined = self.static(static)
        if all(each is features[0] for each in features):  # one tensor for all tasks stays one tensor
            return [torch.cat([features[0], joined], dim=1)] * len(features)
        return [torch.cat([each, joined], dim=1) for each in features]

    def forward(self, x: Tensor, lengths: Tensor | None = None, static: Tensor | None = None) -> list[Tensor]:
        """Return each task's raw output, (batch, n_outputs): logits, or numbers in standard units.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series; NaN where nobody measured.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        static : Tensor, shape (batch, n_static), optional
            Encoded static inputs.
        """
        return self.outputs(self.features(x, lengths, static))

    def outputs(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return each task's raw output, (batch, n_outputs), of its features."""
        return [head(each) for head, each in zip(self.heads, features, strict=True)]


class Answers(nn.Module):
    """What ``predict`` runs: networks, each with the tasks that it answers, decoded to the user's own units.

    With hard sharing and ``keep="joint"`` it is one network that answers every task; with ``keep="per_task"`` one
    network for each distinct best epoch; with ``sharing="none"`` one a task.

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
        self, x: Tensor, lengths: Tensor | None = None, statics: Sequence[Tensor | None] | None = None
    ) -> dict[str, Tensor]:
        """Return each task's probabilities (batch, n_classes) or numbers (batch,), by name.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series; NaN where nobody measured.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        statics : sequence of Tensor, one a network, optional
            Encoded static inputs, each of shape (batch, n_static).
        """
        decoded: dict[str, Tensor] = {}
        for i, (network, names) in enumerate(zip(self.network_list, self.answered, strict=True)):
            if names:
                outputs = network(x, lengths, None if statics is None else statics[i])
                for target, output in zip(network.target_list, outputs, strict=True):
                    if target.task.name in names:
                        decoded[target.task.name] = target(output)
        return decoded

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
