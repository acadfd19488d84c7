"""Rocket: linear heads on the features of MiniRocket, without a training loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._backbone import BackboneModule
from multitide.backbones._convolution_features import KERNEL, MOST_VALUES
from multitide.backbones._linear import Linear
from multitide.backbones._rocket_kernels import (
    RocketKernels,
    draw_biases,
    draw_channels,
)
from multitide.backbones._rocket_pooling import fraction_above
from multitide.errors import DataError


@dataclass
class Rocket(Linear):
    """Linear heads on thousands of fixed convolutions (MiniRocket [1]_), without a training loop.

    Strong where the shape of a series matters and labels are few; takes seconds. Each feature is
    the fraction of time in which a convolution of the series, with one of 84 fixed kernels at some
    dilation over some channels, is above a bias. Biases are drawn from convolutions of the training
    series. The heads are those of :class:`Linear`.

    Parameters
    ----------
    strengths : tuple of float
        As in :class:`Linear`.
    rank : int or "auto", optional
        As in :class:`Linear`.
    n_features : int, default=10000
        Number of features; rounded down to a multiple of 84.
    max_dilations : int, default=32
        Maximum number of dilations per kernel.
    kernel_seed : int, optional
        Seed for drawing channels and biases. Default: that of the estimator.

    Notes
    -----
    (batch, n_channels, time) -> (batch, n_features), the same for a series with any padding. A
    series that is shorter than a kernel is continued with its last values. Convolutions sum over
    channels, so that all of them should have a common scale, as by default. The representation
    :class:`~multitide.representations.MiniRocket` has the same features, for other heads.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "MiniRocket: a very fast (almost) deterministic transform for
       time series classification", KDD 2021. https://arxiv.org/abs/2012.08791
    """

    reads_vectors: ClassVar[bool] = False

    n_features: Annotated[int, Field(ge=84, le=1_000_000)] = 10_000
    max_dilations: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    kernel_seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None

    def with_seed(self, seed: int) -> Rocket:
        """Return the spec with this seed for its kernels, unless it has one."""
        if self.kernel_seed is not None:
            return self
        return replace(self, kernel_seed=seed % 2**31)

    @property
    def fixes_length(self) -> bool:
        """Features are means over time."""
        return False

    def build(self, n_channels: int, n_timepoints: int) -> RocketFeatures:
        """Return a module whose biases are not drawn yet; see :meth:`RocketFeatures.fit`."""
        if n_timepoints < KERNEL:
            raise DataError(
                f"`X` must have at least {KERNEL} time steps for the backbone Rocket; "
                f"the longest series has {n_timepoints}. Use another backbone."
            )
        return RocketFeatures(n_channels, n_timepoints, self)


class RocketFeatures(BackboneModule):
    """The features of :class:`Rocket`.

    Parameters
    ----------
    n_channels, n_timepoints : int
        Size of the longest training series.
    spec : Rocket
    """

    def __init__(self, n_channels: int, n_timepoints: int, spec: Rocket) -> None:
        super().__init__()
        self._seed = spec.kernel_seed or 0
        drawn = draw_channels(
            n_channels,
            n_timepoints,
            spec.n_features,
            spec.max_dilations,
            self._seed,
        )
        self.kernels = RocketKernels(drawn, n_channels, fraction_above)
        self.n_features = self.kernels.n_features
        self._drawn = drawn

    @torch.no_grad()
    def fit(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Draw the biases from the ends of training series, all as long as the shortest."""
        if lengths is not None:
            x = _ends(x, lengths)
        if x.shape[2] < KERNEL:
            x = F.pad(x, (0, KERNEL - x.shape[2]), mode="replicate")
        biases = draw_biases(x.cpu().numpy(), self._drawn, self._seed)
        self.kernels.biases.copy_(torch.from_numpy(biases))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features, (batch, n_features)."""
        n_spanned = self.kernels.n_spanned
        if torch.compiler.is_compiling():  # also true in an export
            return self.kernels.features(*_continued(x, lengths, n_spanned))
        if lengths is not None or x.shape[2] < n_spanned:
            x, lengths = _continued(x, lengths, n_spanned)
        n_rows = max(1, MOST_VALUES // (self.kernels.n_values * x.shape[2]))
        parts = x.split(n_rows)
        if lengths is None:
            return torch.cat(list(map(self.kernels.features, parts)))
        return torch.cat(list(map(self.kernels.features, parts, lengths.split(n_rows))))


def _ends(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the last steps of each series, as many as the shortest has."""
    shortest = int(lengths.min())
    steps = lengths[:, None] - shortest + torch.arange(shortest, device=x.device)
    return x.gather(2, steps[:, None].expand(-1, x.shape[1], -1))


def _continued(
    x: Tensor, lengths: Tensor | None, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Continue series with their last values to at least `n_steps`; zeros follow their ends."""
    if lengths is None:
        lengths = torch.full((x.shape[0],), x.shape[2], device=x.device)
    steps = torch.arange(torch.sym_max(x.shape[2], n_steps), device=x.device)
    measured = torch.minimum(steps[None], lengths[:, None] - 1)
    continued = x.gather(2, measured[:, None].expand(-1, x.shape[1], -1))
    ends = lengths.clamp(min=n_steps)
    is_inside = (steps < ends[:, None])[:, None]
    return torch.where(is_inside, continued, 0.0), ends
