"""Features of trees, which several networks of a model read and one computes."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from multitide.backbones._quantiles import Plan, Quantiles, columns_in
from multitide.sharing._hard import HardModule

if TYPE_CHECKING:
    from multitide.network._network import Network


class FeatureKey(NamedTuple):
    """What the features of a network of trees depend on.

    Attributes
    ----------
    inputs : bytes
        A hash of the layers below the features.
    plan : Plan
        Which features are computed.
    """

    inputs: bytes
    plan: Plan

    def columns_in(self, other: FeatureKey) -> tuple[int, ...] | None:
        """Return where these features of a channel are among other ones; None if they are not."""
        if self.inputs != other.inputs:
            return None
        return columns_in(self.plan, other.plan)


class PartOfPrediction(NamedTuple):
    """A network that takes part in the predictions for a data set.

    Attributes
    ----------
    network : Network
    tasks : list of str
        The tasks that it predicts.
    shares : dict of str to float
        Its weight in the predictions of those tasks that others predict too.
    key : FeatureKey or None
        The same for networks with the same features; see :func:`feature_key`.
    """

    network: Network
    tasks: list[str]
    shares: dict[str, float]
    key: FeatureKey | None


class SharedFeatures:
    """The features of one batch of series, each computed once."""

    def __init__(self) -> None:
        self._known: dict[FeatureKey, tuple[Tensor, Quantiles]] = {}

    def outputs(
        self,
        parts: Sequence[PartOfPrediction],
        x: Tensor,
        lengths: Tensor | None,
        statics: Sequence[Tensor | None] | None,
        data_set: str,
    ) -> list[list[Tensor]]:
        """Return the raw outputs of each network for the batch.

        Parameters
        ----------
        parts : sequence of PartOfPrediction
            The networks.
        x, lengths, statics, data_set
            What the networks read; see :class:`Predictor`.
        """
        outputs: dict[int, list[Tensor]] = {}
        for i in _finest_first(parts):
            network, key = parts[i].network, parts[i].key
            static = None if statics is None else statics[i]
            position = network.data_sets.index(data_set)
            inputs = x, lengths, static, position
            quantiles = _quantiles_of(network)
            if key is None or quantiles is None:
                outputs[i] = network(*inputs)
                continue
            features = self._found(key)
            if features is None:
                features = network.features(*inputs)[0]
            self._known[key] = features, quantiles
            outputs[i] = network.outputs([features] * len(network.heads))
        return [outputs[i] for i in range(len(parts))]

    def _found(self, key: FeatureKey) -> Tensor | None:
        """Return the features if they are known, or part of those that are."""
        if key in self._known:
            return self._known[key][0]
        for other, (features, quantiles) in self._known.items():
            columns = key.columns_in(other)
            if columns is not None:
                return quantiles.part_of(features, columns)
        return None


def feature_key(network: Network) -> FeatureKey | None:
    """Return all that the features of a network of trees depend on.

    Networks with the same key return the same features of the same samples, bit by bit. None for
    networks whose features are trained or depend on the data set: no two of them are the same.

    Parameters
    ----------
    network : Network
        Its input layers are fitted.
    """
    quantiles = _quantiles_of(network)
    if quantiles is None:
        return None
    (stem,) = network.stems
    spec = dataclasses.replace(stem.inputs.spec, representation=None)
    parts: list[object] = [spec, stem.inputs.channels, stem.inputs.names]
    parts.append(stem.inputs.keeps_missing)
    layers: list[nn.Module] = [stem.inputs]
    if stem.static is not None:
        parts.append(stem.static.to_config())
        layers.append(stem.static)
    digest = hashlib.sha256(repr(parts).encode())
    for layer in layers:
        for name, tensor in layer.state_dict().items():
            values = tensor.cpu().numpy()
            digest.update(f"{name} {values.dtype} {values.shape}".encode())
            digest.update(values.tobytes())
    return FeatureKey(digest.digest(), quantiles.plan)


def _quantiles_of(network: Network) -> Quantiles | None:
    """Return what computes the features; None if it is trained, or one of several data sets."""
    sharing = network.sharing
    if len(network.stems) > 1 or not isinstance(sharing, HardModule):
        return None
    if isinstance(sharing.backbone, Quantiles):
        return sharing.backbone
    return None


def _finest_first(parts: Sequence[PartOfPrediction]) -> list[int]:
    """Return an order in which networks follow those that have computed their features."""

    def n_levels(i: int) -> int:
        key = parts[i].key
        if key is None:
            return 0
        return key.plan.n_levels

    return sorted(range(len(parts)), key=n_levels, reverse=True)
