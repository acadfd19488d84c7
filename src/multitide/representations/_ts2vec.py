"""TS2Vec: vectors learned from series alone, by telling what two crops of a series have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from multitide.data._samples import Samples
from multitide.encodings._inputs import Impute, InputLayer
from multitide.encodings._scaling import Scale
from multitide.errors import DataError
from multitide.representations._representation import (
    SeriesEncoder,
    SeriesRepresentation,
    fit_layer,
)

PositiveInt = Annotated[int, Field(ge=1)]


@dataclass
class TS2Vec(SeriesRepresentation):
    """TS2Vec (Yue et al. 2022): dilated convolutions, trained without labels by contrasting crops of series.

    Two overlapping crops of a series are encoded with random steps hidden. At each step of the
    overlap, and at each coarser time scale, the two codes shall resemble each other more than those
    of other series (instance-wise) and of other steps (temporal). A series' vector is the maximum
    of its steps' codes.

    Parameters
    ----------
    n_features : int, default=320
        Entries of a vector.
    hidden_size, depth : int, default=64, 10
        Channels, and number of residual blocks before the last; block i has dilation 2 to the i.
    n_steps : int, default=200
        Gradient steps of training.
    batch_size : int, default=16
        Series a step.
    lr : float, default=0.001
        Learning rate of AdamW.
    max_length : int, default=3000
        Steps of a series that one gradient step sees at most, at a random place.
    impute, scale
        As in :class:`multitide.encodings._inputs.Inputs`.
    random_state : int, default=0
        Same seed, same vectors, on the same machine with the same number of threads.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features), for any length. Unlike the authors'
    code, the weights are not averaged over training, steps that nobody measured are imputed instead
    of hidden, and a batch of series of unequal length is cut to its shortest.

    References
    ----------
    .. [1] Yue et al., "TS2Vec: Towards Universal Representation of Time Series", AAAI 2022.
       https://arxiv.org/abs/2106.10466
    """

    n_features: PositiveInt = 320
    hidden_size: PositiveInt = 64
    depth: PositiveInt = 10
    n_steps: PositiveInt = 200
    batch_size: Annotated[int, Field(ge=2)] = 16
    lr: Annotated[float, Field(gt=0)] = 0.001
    max_length: Annotated[int, Field(ge=2)] = 3000
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

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
                f"`X` must have at least two series of two time steps for TS2Vec; got {len(samples)}."
            )
        layer = fit_layer(samples, self.impute, self.scale)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            network = DilatedEncoder(
                layer.n_channels, self.hidden_size, self.n_features, self.depth
            )
            self._train(network.train(), layer, samples)
        return TS2VecEncoder(self, layer, samples.categories, network.eval())

    def restore(
        self,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        arrays: Mapping[str, np.ndarray],
    ) -> TS2VecEncoder:
        """Rebuild an encoder from the weights of its network."""
        network = DilatedEncoder(layer.n_channels, self.hidden_size, self.n_features, self.depth)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return TS2VecEncoder(self, layer, categories, network.eval())

    def _train(self, network: DilatedEncoder, layer: InputLayer, samples: Samples) -> None:
        generator = np.random.default_rng(self.random_state)
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.lr)
        for _ in range(self.n_steps):
            rows = generator.choice(len(samples), min(self.batch_size, len(samples)), replace=False)
            first, second, overlap = two_crops(
                self._batch(layer, samples[rows], generator), generator
            )
            optimizer.zero_grad()
            hierarchical_loss(
                network(first)[:, :, -overlap:], network(second)[:, :, :overlap]
            ).backward()
            optimizer.step()

    @torch.no_grad()
    def _batch(self, layer: InputLayer, samples: Samples, generator: np.random.Generator) -> Tensor:
        """Return complete series of one length: a random part of each, (batch, n_channels, time)."""
        x = layer(torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None)))))
        length = min(int(samples.lengths.min()), self.max_length)
        return take(x, generator.integers(samples.lengths - length + 1), length)


class DilatedEncoder(nn.Module):
    """From series to a code at each step: (batch, n_channels, time) -> (batch, n_features, time).

    Parameters
    ----------
    n_channels, hidden_size, n_features, depth : int
        See :class:`TS2Vec`.
    """

    def __init__(self, n_channels: int, hidden_size: int, n_features: int, depth: int) -> None:
        super().__init__()
        self.project = nn.Conv1d(n_channels, hidden_size, 1)
        blocks = [ResidualBlock(hidden_size, hidden_size, 2**i) for i in range(depth)]
        self.blocks = nn.Sequential(*blocks, ResidualBlock(hidden_size, n_features, 2**depth))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Encode; in training half of the steps, drawn at random, are hidden after the projection."""
        x = self.project(x)
        if self.training:
            x = x * (torch.rand(x.shape[0], 1, x.shape[2], device=x.device) < 0.5)
        return self.dropout(self.blocks(x))


class ResidualBlock(nn.Module):
    """Two dilated convolutions of three steps, each behind a GELU, beside a shortcut.

    Parameters
    ----------
    n_inputs, n_outputs, dilation : int
        Channels in and out, and steps between a kernel's taps.
    """

    def __init__(self, n_inputs: int, n_outputs: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(n_inputs, n_outputs, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(n_outputs, n_outputs, 3, padding=dilation, dilation=dilation)
        self.shortcut = (
            nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, n_outputs, time)."""
        return self.second(F.gelu(self.first(F.gelu(x)))) + self.shortcut(x)


def two_crops(x: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor, int]:
    """Return two crops of every series, and the length of their overlap, the first's end and the second's start.

    The crops have the same lengths in all series, and a place of their own in each.
    """
    n_steps = x.shape[2]
    overlap = int(generator.integers(2, n_steps + 1))
    left = int(generator.integers(n_steps - overlap + 1))
    start, end = (
        int(generator.integers(left + 1)),
        int(generator.integers(left + overlap, n_steps + 1)),
    )
    moved = generator.integers(n_steps - (end - start) + 1, size=len(x))
    return (
        take(x, moved, left + overlap - start),
        take(x, moved + left - start, end - left),
        overlap,
    )


def take(x: Tensor, starts: np.ndarray, length: int) -> Tensor:
    """Return so many steps of each series from its own start on: (batch, channels, length)."""
    steps = torch.from_numpy(starts)[:, None] + torch.arange(length)
    return x.gather(2, steps[:, None].expand(-1, x.shape[1], -1))


def hierarchical_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean over time scales of half the instance-wise and half the temporal contrast, shape ().

    Parameters
    ----------
    first, second : Tensor, shape (batch, n_features, time)
        Codes of the same steps from two crops.
    """
    losses = []
    while True:
        instance = contrast(first.permute(2, 0, 1), second.permute(2, 0, 1))
        n_steps = first.shape[2]
        if n_steps == 1:
            losses.append(instance / 2)
            return torch.stack(losses).mean()
        losses.append((instance + contrast(first.transpose(1, 2), second.transpose(1, 2))) / 2)
        first, second = F.max_pool1d(first, 2), F.max_pool1d(second, 2)


def contrast(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean cross-entropy of telling each code's partner among all other codes of its group, shape ().

    Parameters
    ----------
    first, second : Tensor, shape (n_groups, n_codes, n_features)
        Partners have the same place.
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
        """How many numbers the network has learned."""
        return sum(parameter.numel() for parameter in self._network.parameters())

    @torch.no_grad()
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the maximum over time of the codes, (n, n_features)."""
        parts = torch.from_numpy(x).split(256)
        return torch.cat([self._network(part).amax(dim=2) for part in parts]).numpy()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the network's weights."""
        return {name: tensor.numpy().copy() for name, tensor in self._network.state_dict().items()}
