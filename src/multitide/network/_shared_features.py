"""Features of trees, which several networks of a model read and one computes."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from torch import Tensor, nn

from multitide.backbones._quantiles import Quantiles
from multitide.sharing._hard import HardModule

if TYPE_CHECKING:
    from multitide.network._network import Network


class SharedFeatures:
    """The features of one batch of series, each computed once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Tensor] = {}

    def outputs(
        self,
        network: Network,
        key: bytes | None,
        x: Tensor,
        lengths: Tensor | None,
        static: Tensor | None,
        data_set: int,
    ) -> list[Tensor]:
        """Return the raw outputs of a network for the batch.

        Parameters
        ----------
        network : Network
        key : bytes or None
            Its :func:`feature_key`.
        x, lengths, static, data_set
            What the network reads; see :class:`Network`.
        """
        if key is None:
            outputs: list[Tensor] = network(x, lengths, static, data_set)
            return outputs
        if key not in self._known:
            self._known[key] = network.features(x, lengths, static, data_set)[0]
        return network.outputs([self._known[key]] * len(network.heads))


def feature_key(network: Network) -> bytes | None:
    """Return a hash of all that the features of a network of trees depend on.

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
    parts: list[object] = [quantiles.plan, quantiles.n_features]
    parts += [spec, stem.inputs.channels, stem.inputs.names, stem.inputs.keeps_missing]
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
    return digest.digest()


def _quantiles_of(network: Network) -> Quantiles | None:
    """Return what computes the features; None if it is trained, or one of several data sets."""
    sharing = network.sharing
    if len(network.stems) > 1 or not isinstance(sharing, HardModule):
        return None
    if isinstance(sharing.backbone, Quantiles):
        return sharing.backbone
    return None
