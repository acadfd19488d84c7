"""The network, from a raw array to predictions in the units of the labels, as one module."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from multitide._bf16 import in_bf16
from multitide._count_values import count_values
from multitide._walk import parameters_in
from multitide.backbones._backbone import Backbone
from multitide.calibration._calibration import Calibration
from multitide.data._samples import Samples
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._static import StaticLayer
from multitide.network._head import Head
from multitide.network._shared_features import (
    PartOfPrediction,
    SharedFeatures,
    feature_key,
)
from multitide.network._stacking import STACK_FROM, linear_outputs
from multitide.sharing._across import (
    Across,
    PerDomain,
    are_one_tensor,
    common_inputs,
    common_static,
    conditioned,
    for_data_set,
    of_each,
    split_norms,
)
from multitide.sharing._sharing import SharingModule
from multitide.tasks._label_names import task_names
from multitide.tasks._task import Target


@dataclass(frozen=True)
class InputStem:
    """The input layers of one data set in a network.

    Attributes
    ----------
    name : str
        The data set's name.
    inputs : InputLayer
        Imputes, scales and encodes the raw series.
    static : StaticLayer or None
        Imputes and scales the static inputs, which are joined to the features.
    """

    name: str
    inputs: InputLayer
    static: StaticLayer | None = None


class Network(nn.Module):
    """Inputs -> backbone -> heads for a group of tasks that are trained together.

    Parameters
    ----------
    stems : sequence of InputStem
        One per data set. With several data sets, each also has its own batch norms in the backbone.
    make_sharing : callable
        Makes, from the number of encoded channels, the module that turns encoded series into one
        feature vector per task.
    targets : sequence of Target
        The group's tasks, fitted to the training labels.
    make_heads : callable
        Makes, from the number of features, one head per target: it maps features to the raw output
        of the task.
    across : Across, optional
        How several data sets share the backbone.
    backbone : Backbone, optional
        What `make_sharing` builds from, which a stored model needs to build it again.

    Attributes
    ----------
    data_sets : list of str
        Names of the data sets.
    inputs, static, sharing, conditioning, heads : Module
        The layers, in the order in which a series passes through them. With several data sets, a
        :class:`PerDomain` holds those layers that each has for itself.
    """

    def __init__(
        self,
        stems: Sequence[InputStem],
        make_sharing: Callable[[int], SharingModule],
        targets: Sequence[Target],
        make_heads: Callable[[int], Sequence[nn.Module]],
        across: Across = Across(),  # noqa: B008 (it is immutable)
        backbone: Backbone | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.stems = tuple(stems)
        self.data_sets = [stem.name for stem in stems]
        self.inputs, n_channels = common_inputs(
            [stem.inputs for stem in stems], across.width
        )
        self.static, n_static = common_static([stem.static for stem in stems])
        self.sharing = make_sharing(n_channels)
        if len(stems) > 1:
            split_norms(self.sharing, len(stems))
        n_features = self.sharing.n_features + n_static
        self.conditioning, n_features = conditioned(
            across.conditioning, len(stems), n_features
        )
        self.targets = nn.ModuleList(targets)
        self.heads = nn.ModuleList(make_heads(n_features))

    @property
    def names(self) -> list[str]:
        """The tasks of the group."""
        return task_names(target.task for target in self.target_list)

    @property
    def target_list(self) -> list[Target]:
        """The targets, as a typed list."""
        targets = []
        for target in self.targets:
            if isinstance(target, Target):
                targets.append(target)
        return targets

    def own_parameter_names(self, positions: Collection[int]) -> list[str]:
        """Return the names of the parameters that only some data sets, by position, use."""
        own = set()
        for module in self.modules():
            if isinstance(module, PerDomain):
                for position in positions:
                    own |= set(map(id, module.each[position].parameters()))
        names = []
        for name, parameter in self.named_parameters():
            if id(parameter) in own:
                names.append(name)
        return names

    def features(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        static: Tensor | None = None,
        data_set: int = 0,
        rounded: bool = False,
    ) -> list[Tensor]:
        """Return the features that each task's head reads, each of shape (batch, n_features).

        With `rounded`, the backbone multiplies in bfloat16; all else is float32.
        """
        inputs = self._of(self.inputs, data_set)
        sharing = self._of(self.sharing, data_set)
        encoded = inputs(x, lengths)
        if lengths is not None:
            lengths = self.stems[data_set].inputs.n_steps(lengths)
        with in_bf16(x.device, rounded):
            features = sharing(encoded, lengths)
        if rounded:
            features = of_each(features, Tensor.float)
        if self.static is not None:
            joined = self._of(self.static, data_set)(static)
            features = of_each(features, lambda each: torch.cat([each, joined], dim=1))
        if self.conditioning is not None:
            conditioning = self._of(self.conditioning, data_set)
            features = of_each(features, conditioning)
        return list(features)

    def _of(self, module: nn.Module, data_set: int) -> nn.Module:
        """Return a layer as one data set uses it."""
        if len(self.stems) == 1:
            return module
        return for_data_set(module, data_set)

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        static: Tensor | None = None,
        data_set: int = 0,
    ) -> list[Tensor]:
        """Return each task's raw output, (batch, n_outputs): logits, or standardised numbers.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series of one data set; NaN for missing values.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        static : Tensor, shape (batch, n_static), optional
            Static inputs as returned by `encode_static`.
        data_set : int, default=0
            Position of the data set in `data_sets`.
        """
        return self.outputs(self.features(x, lengths, static, data_set))

    def encode_static(self, samples: Samples, data_set: int = 0) -> np.ndarray | None:
        """Return static inputs of a data set's samples, float32 (n_samples, n_static).

        None if the network uses no static inputs.
        """
        if self.static is None:
            return None
        layer = self.stems[data_set].static
        if layer is None:
            return np.zeros((len(samples), 0), dtype=np.float32)
        return layer.encode(samples.static)

    def outputs(
        self, features: Sequence[Tensor], learning: Sequence[bool] | None = None
    ) -> list[Tensor]:
        """Return each task's raw output, (batch, n_outputs), from its features.

        `learning` says which heads may get a gradient; the others take no part in the step.
        """
        if len(self.heads) >= STACK_FROM and are_one_tensor(features):
            linear = self._linear_heads()
            if len(linear) == len(self.heads):
                return linear_outputs(linear, features[0], learning)
        outputs = []
        for head, each in zip(self.heads, features, strict=True):
            outputs.append(head(each))
        return outputs

    def _linear_heads(self) -> list[nn.Linear]:
        """Return the matrices of the heads that consist of nothing else."""
        heads = []
        for head in self.heads:
            if isinstance(head, Head):
                heads.append(head.linear)
        linears = []
        for linear in heads:
            if linear is not None:
                linears.append(linear)
        return linears


class Predictor(nn.Module):
    """What ``predict`` runs: networks, whose outputs are decoded to the units of the labels.

    With hard sharing and ``keep="joint"`` there is one network for all tasks; with
    ``keep="per_task"`` one per distinct best epoch; with ``sharing="none"`` one per task. If
    several networks predict a task, the prediction is their weighted mean. Probabilities are
    calibrated last. Networks of trees with the same features compute them once.

    Parameters
    ----------
    networks : sequence of Network
        The stored sets of weights.
    tasks : sequence of list of str
        For each network, the tasks that it predicts (none for a joint set that is only stored).
    shares : sequence of dict of str to float, optional
        For each network, its weight in the prediction of those tasks that others predict too.
    calibration : Calibration, optional
        Of the probabilities; an empty one by default.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        tasks: Sequence[Sequence[str]],
        shares: Sequence[Mapping[str, float]] | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._keys = list(map(feature_key, networks))
        self.predicted = list(map(list, tasks))
        if shares is None:
            shares = [{}] * len(self.predicted)
        self.shares = list(map(dict, shares))
        self.calibration = calibration or Calibration()

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        statics: Sequence[Tensor | None] | None = None,
        data_set: str = "",
        shared: SharedFeatures | None = None,
    ) -> dict[str, Tensor]:
        """Return each task's probabilities (batch, n_classes) or numbers (batch,), by name.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series; NaN for missing values.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        statics : sequence of Tensor, optional
            Static inputs as encoded by each network of `networks_for`, (batch, n_static).
        data_set : str, default=""
            The data set that the series belong to; networks without it are left out.
        shared : SharedFeatures, optional
            Those of the same series, if other predictors read them too.
        """
        decoded: dict[str, Tensor] = {}
        if shared is None:
            shared = SharedFeatures()
        parts = self._parts(data_set)
        raw = shared.outputs(parts, x, lengths, statics, data_set)
        for part, outputs in zip(parts, raw, strict=True):
            for target, output in zip(part.network.target_list, outputs, strict=True):
                name = target.task.name
                if name not in part.tasks:
                    continue
                own = target(output)
                if name in part.shares:
                    own = part.shares[name] * own
                if name in decoded:
                    own = decoded[name] + own
                decoded[name] = own
        calibrated: dict[str, Tensor] = self.calibration(decoded)
        return calibrated

    def uncalibrated(self) -> Predictor:
        """Return the predictor of the same networks, as they were trained."""
        return Predictor(self.network_list, self.predicted, self.shares).eval()

    @cached_property
    def largest(self) -> Network:
        """The network with the most parameters."""
        sizes = [count_values(parameters_in(network)) for network in self.networks]
        return self.network_list[sizes.index(max(sizes))]

    @property
    def pairs(self) -> list[tuple[Network, list[str]]]:
        """Each network with the tasks that it predicts."""
        return list(zip(self.network_list, self.predicted, strict=True))

    def networks_for(self, data_set: str) -> list[tuple[Network, list[str]]]:
        """Return the networks that predict tasks of a data set, each with its tasks."""
        return [(part.network, part.tasks) for part in self._parts(data_set)]

    def encode_static(self, samples: Samples, data_set: str) -> list[np.ndarray | None]:
        """Return the static inputs of samples as each network of `networks_for` reads them."""
        known: dict[bytes, np.ndarray | None] = {}
        statics = []
        for network, _, _, key in self._parts(data_set):
            if key is not None and key.inputs in known:
                statics.append(known[key.inputs])
                continue
            position = network.data_sets.index(data_set)
            statics.append(network.encode_static(samples, position))
            if key is not None:
                known[key.inputs] = statics[-1]
        return statics

    def _parts(self, data_set: str) -> list[PartOfPrediction]:
        """Return the networks that predict tasks of a data set."""
        parts = []
        for (network, names), shares, key in zip(
            self.pairs, self.shares, self._keys, strict=True
        ):
            if names and data_set in network.data_sets:
                parts.append(PartOfPrediction(network, names, shares, key))
        return parts

    @property
    def trained_pairs(self) -> list[tuple[Network, list[str]]]:
        """The networks with trained layers below their heads; all networks if none has any."""
        trained = []
        for network, names in self.pairs:
            if any(True for _ in network.sharing.parameters()):
                trained.append((network, names))
        return trained or self.pairs

    @property
    def network_list(self) -> list[Network]:
        """The networks, as a typed list."""
        networks = []
        for network in self.networks:
            if isinstance(network, Network):
                networks.append(network)
        return networks

    def target(self, name: str) -> Target:
        """Return the target of a task in the first network that predicts it."""
        for network, names in self.pairs:
            if name in names:
                return network.target_list[network.names.index(name)]
        raise KeyError(name)
