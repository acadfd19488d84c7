"""FCN: three convolutions and a mean over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from multitide.backbones._backbone import (
    Backbone,
    Block,
    BlockBackbone,
    PositiveInt,
    Probability,
)
from multitide.backbones._convolution import (
    ConvBlock,
    MaskedConv1d,
    MeanPooling,
    Padding,
)
from multitide.errors import ParameterError


@dataclass
class FCN(Backbone):
    """Fully convolutional network (Wang et al. 2017 [1]_) with squeeze-and-excitation.

    This is LSTM-FCN without its LSTM.

    Parameters
    ----------
    filters, kernel_sizes : tuple of int, default=(128, 128, 16), (8, 5, 3)
        Number of output channels and kernel size of each convolution.
    padding : {"valid", "same"}, default="valid"
        With "valid", each convolution shortens a series by ``kernel - 1`` steps. With "same", the
        length stays the same, so series of any length can be processed.
    conv_dropout : float, default=0.1
        Fraction of the values dropped after each convolution in training.
    squeeze : int or None, default=16
        Reduction of the squeeze-and-excitation layer after every convolution except the last; None
        for no such layers.

    Notes
    -----
    (batch, n_channels, time) -> (batch, filters[-1]). The paper uses 128, 256 and 128 filters,
    "same" padding, no dropout and no squeeze-and-excitation.

    References
    ----------
    .. [1] Wang, Yan and Oates, "Time series classification from scratch with deep neural networks:
       a strong baseline", IJCNN 2017. https://arxiv.org/abs/1611.06455
    """

    filters: tuple[PositiveInt, ...] = (128, 128, 16)
    kernel_sizes: tuple[PositiveInt, ...] = (8, 5, 3)
    padding: Padding = "valid"
    conv_dropout: Probability = 0.1
    squeeze: PositiveInt | None = 16

    too_short: ClassVar[str] = "Use longer series, padding='same', or smaller kernels."
    widths: ClassVar[tuple[str, ...]] = ("filters",)

    def check(self, name: str = "") -> None:
        """Raise one :class:`ParameterError` that lists all invalid parameters."""
        super().check(name)
        if not self.filters or len(self.filters) != len(self.kernel_sizes):
            where = f"{name or type(self).__name__}.kernel_sizes"
            raise ParameterError(
                f"`{where}` must have one kernel for each of the "
                f"filters {tuple(self.filters)}, and at least one; "
                f"got {tuple(self.kernel_sizes)}."
            )

    @property
    def min_timepoints(self) -> int:
        """Length of the shortest series: 14 steps by default, 1 with ``padding="same"``."""
        if self.padding == "same":
            return 1
        return 1 + sum(self.kernel_sizes) - len(self.kernel_sizes)

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a newly initialised module with ``filters[-1]`` features."""
        self.check_timepoints(n_timepoints)
        return BlockBackbone(
            self.convolutions(n_channels), MeanPooling(), self.filters[-1], self
        )

    def convolutions(self, n_channels: int) -> dict[str, Block]:
        """Return newly initialised convolution blocks by name, for series of `n_channels`."""
        blocks: dict[str, Block] = {}
        for filters, kernel in zip(self.filters, self.kernel_sizes, strict=True):
            number = len(blocks) + 1
            if number < len(self.filters):
                squeeze = self.squeeze
            else:
                squeeze = None
            convolution = MaskedConv1d(n_channels, filters, kernel, self.padding)
            blocks[f"conv{number}"] = ConvBlock(convolution, self.conv_dropout, squeeze)
            n_channels = filters
        return blocks
