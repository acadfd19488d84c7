"""TS2Vec: vectors trained without labels, by contrasting crops of series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from multitide._count_values import count_values
from multitide._own_random_numbers import own_random_numbers
from multitide._threads import threads_of_step
from multitide._torch_defaults import torch_defaults
from multitide.data._samples import Samples
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._inputs import Impute
from multitide.encodings._scaling import Scale
from multitide.errors import DataError
from multitide.representations._representation import (
    SeriesEncoder,
    SeriesRepresentation,
    fit_layer,
)

PositiveInt = Annotated[int, Field(ge=1, le=65_536)]


@dataclass
class TS2Vec(SeriesRepresentation):
    """TS2Vec (Yue et al. 2022 [1]_): dilated convolutions, trained without labels.

    Two overlapping crops of a series are encoded, with random steps masked. At each step of the
    overlap, and at each coarser time scale, training makes the two codes more similar to each other
    than to the codes of other series (instance-wise contrast) and of other steps (temporal
    contrast). The vector of a series is the maximum of its codes over time.

    Parameters
    ----------
    n_features : int, default=320
        Number of entries of a vector.
    hidden_size, depth : int, default=64, 10
        Number of channels, and number of residual blocks before the last one. Block i has dilation
        2^i.
    n_steps : int, default=200
        Number of gradient steps.
    batch_size : int, default=16
        Number of series per gradient step.
    lr : float, default=0.001
        Learning rate of AdamW.
    max_length : int, default=3000
        Maximum number of steps of a series per gradient step; longer series are cut at a random
        place.
    impute, scale
        As in :class:`multitide.Inputs`.
    random_state : int, default=0
        The same seed gives the same vectors on the same machine with the same number of threads.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features), for series of any length. Unlike in
    the code of the authors, weights are not averaged over training, missing values are imputed
    instead of masked, and a batch of series of unequal length is cut to the shortest.

    References
    ----------
    .. [1] Yue et al., "TS2Vec: Towards Universal Representation of Time Series", AAAI 2022.
       https://arxiv.org/abs/2106.10466
    """

    n_features: PositiveInt = 320
    hidden_size: PositiveInt = 64
    depth: Annotated[int, Field(ge=1, le=30)] = 10
    n_steps: Annotated[int, Field(ge=1)] = 200
    batch_size: Annotated[int, Field(ge=2)] = 16
    lr: Annotated[float, Field(gt=0)] = 0.001
    max_length: Annotated[int, Field(ge=2)] = 3000
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @torch_defaults()
    def fit(self, samples: Samples) -> TS2VecEncoder:
        """Train on series, labelled or not.

        Raises
        ------
        DataError
            If there are fewer than two series of at least two steps.
        """
        self.check()
        samples = samples[samples.lengths >= 2]
        if len(samples) < 2:
            raise DataError(
                "`X` must have at least two series of "
                "at least two time steps for TS2Vec; "
                f"got {len(samples)}."
            )
        layer = fit_layer(samples, self.impute, self.scale)
        with own_random_numbers(self.random_state):
            network = DilatedEncoder(
                layer.n_channels, self.hidden_size, self.n_features, self.depth
            )
            n_timepoints = min(samples.n_timepoints, self.max_length)
            with threads_of_step(network, 2 * self.batch_size, n_timepoints):
                self._train(network.train(), layer, samples)
        return TS2VecEncoder(self, layer, samples.categories, network.eval())

    def restore(
        self,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        arrays: Mapping[str, np.ndarray],
    ) -> TS2VecEncoder:
        """Rebuild an encoder from the weights of its network."""
        with own_random_numbers(self.random_state):
            network = DilatedEncoder(
                layer.n_channels, self.hidden_size, self.n_features, self.depth
            )
        network.load_state_dict(
            {name: torch.from_numpy(array) for name, array in arrays.items()}
        )
        return TS2VecEncoder(self, layer, categories, network.eval())

    def _train(
        self, network: DilatedEncoder, layer: InputLayer, samples: Samples
    ) -> None:
        generator = np.random.default_rng(self.random_state)
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.lr)
        for _ in range(self.n_steps):
            rows = generator.choice(
                len(samples), min(self.batch_size, len(samples)), replace=False
            )
            series = self._batch(layer, samples[rows], generator)
            first, second, overlap = two_crops(series, generator)
            optimizer.zero_grad()
            loss = hierarchical_loss(
                network(first)[:, :, -overlap:], network(second)[:, :, :overlap]
            )
            torch.autograd.backward(loss)
            optimizer.step()

    @torch.no_grad()
    def _batch(
        self, layer: InputLayer, samples: Samples, generator: np.random.Generator
    ) -> Tensor:
        """Return a random crop of each series, imputed and scaled, (batch, n_channels, time)."""
        x = layer(torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None)))))
        length = min(int(samples.lengths.min()), self.max_length)
        return take(x, generator.integers(samples.lengths - length + 1), length)


class DilatedEncoder(nn.Module):
    """Maps series to one code per step: (batch, n_channels, time) -> (batch, n_features, time).

    Parameters
    ----------
    n_channels, hidden_size, n_features, depth : int
        See :class:`TS2Vec`.
    """

    def __init__(
        self, n_channels: int, hidden_size: int, n_features: int, depth: int
    ) -> None:
        super().__init__()
        self.project = nn.Conv1d(n_channels, hidden_size, 1)
        blocks = []
        for i in range(depth):
            blocks.append(ResidualBlock(hidden_size, hidden_size, 2**i))
        self.blocks = nn.Sequential(
            *blocks, ResidualBlock(hidden_size, n_features, 2**depth)
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Encode series; in training, half of the steps are masked after the projection."""
        x = self.project(x)
        if self.training:
            x = x * (torch.rand(x.shape[0], 1, x.shape[2], device=x.device) < 0.5)
        codes: Tensor = self.dropout(self.blocks(x))
        return codes


class Pooled(nn.Module):
    """The maximum over time of the codes of a series."""

    def __init__(self, encoder: DilatedEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        """Return vectors: (batch, n_channels, time) -> (batch, n_features)."""
        vectors: Tensor = self.encoder(x).amax(dim=2)
        return vectors


class ResidualBlock(nn.Module):
    """Two dilated convolutions of three steps, each after a GELU, with a residual connection.

    Parameters
    ----------
    n_inputs, n_outputs, dilation : int
        Numbers of input and output channels, and the dilation of the kernels.
    """

    def __init__(self, n_inputs: int, n_outputs: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(
            n_inputs, n_outputs, 3, padding=dilation, dilation=dilation
        )
        self.second = nn.Conv1d(
            n_outputs, n_outputs, 3, padding=dilation, dilation=dilation
        )
        self.shortcut: nn.Module = nn.Identity()
        if n_inputs != n_outputs:
            self.shortcut = nn.Conv1d(n_inputs, n_outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, n_outputs, time)."""
        hidden = self.first(F.gelu(x))
        outputs: Tensor = self.second(F.gelu(hidden)) + self.shortcut(x)
        return outputs


def two_crops(x: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor, int]:
    """Return two crops of each series, and the length of their overlap.

    The overlap is the end of the first crop and the start of the second. Crops have the same
    lengths in all series, but different positions.
    """
    n_steps = x.shape[2]
    overlap = int(generator.integers(2, n_steps + 1))
    left = int(generator.integers(n_steps - overlap + 1))
    start = int(generator.integers(left + 1))
    end = int(generator.integers(left + overlap, n_steps + 1))
    moved = generator.integers(n_steps - (end - start) + 1, size=len(x))
    first = take(x, moved, left + overlap - start)
    second = take(x, moved + left - start, end - left)
    return first, second, overlap


def take(x: Tensor, starts: np.ndarray, length: int) -> Tensor:
    """Return `length` steps of each series from its own start, (batch, channels, length)."""
    steps = torch.from_numpy(starts)[:, None] + torch.arange(length)
    return x.gather(2, steps[:, None].expand(-1, x.shape[1], -1))


def hierarchical_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean of instance-wise and temporal contrast over all time scales, shape ().

    At the coarsest scale, a single step, there is no temporal contrast.

    Parameters
    ----------
    first, second : Tensor, shape (batch, n_features, time)
        Codes of the same steps in two crops.
    """
    losses = []
    while True:
        instance = contrast(first.permute(2, 0, 1), second.permute(2, 0, 1))
        n_steps = first.shape[2]
        if n_steps == 1:
            losses.append(instance / 2)
            return torch.stack(losses).mean()
        temporal = contrast(first.transpose(1, 2), second.transpose(1, 2))
        losses.append((instance + temporal) / 2)
        first, second = F.max_pool1d(first, 2), F.max_pool1d(second, 2)


def contrast(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean cross-entropy of finding the partner of each code in its group, shape ().

    Parameters
    ----------
    first, second : Tensor, shape (n_groups, n_codes, n_features)
        Partners are at the same position.
    """
    n_groups, n_codes, _ = first.shape
    codes = torch.cat([first, second], dim=1)
    similarity = codes @ codes.transpose(1, 2)
    itself = torch.eye(2 * n_codes, dtype=torch.bool, device=codes.device)
    partner = torch.arange(2 * n_codes, device=codes.device).roll(n_codes)
    logits = similarity.masked_fill(itself, -torch.inf)
    return F.cross_entropy(logits.flatten(0, 1), partner.repeat(n_groups))


class TS2VecEncoder(SeriesEncoder):
    """A trained TS2Vec.

    Parameters
    ----------
    spec, layer, categories
        See :class:`SeriesEncoder`.
    network : DilatedEncoder
        In eval mode.
    """

    def __init__(
        self,
        spec: TS2Vec,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        network: DilatedEncoder,
    ) -> None:
        super().__init__(spec, layer, categories)
        self._network = network
        self._n_features = spec.n_features

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self._n_features

    @property
    def n_parameters(self) -> int:
        """Number of trained parameters."""
        return count_values(self._network.parameters())

    def as_module(self) -> nn.Module:
        """Return the network with its pooling."""
        return Pooled(self._network)

    @torch.no_grad()
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the maximum over time of the codes, (n, n_features)."""
        vectors = []
        for batch in torch.split(torch.from_numpy(x), 256):
            vectors.append(self.as_module()(batch))
        return torch.cat(vectors).numpy()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights of the network."""
        weights = {}
        for name, tensor in self._network.state_dict().items():
            weights[name] = tensor.numpy().copy()
        return weights
