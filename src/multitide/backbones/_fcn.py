"""FCN: three convolutions and a mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from multitide.backbones._backbone import Backbone, Block, BlockBackbone, PositiveInt, Probability
from multitide.backbones._convolution import ConvBlock, MaskedConv1d, MeanPooling, Padding
from multitide.errors import ParameterError


@dataclass
class FCN(Backbone):
    """Fully convolutional network (Wang et al. 2017) with squeeze-and-excite: LSTM-FCN without its LSTM.

    Parameters
    ----------
    filters, kernel_sizes : tuple of int, default=(128, 128, 16), (8, 5, 3)
        Output channels and kernel of each convolution.
    padding : {"valid", "same"}, default="valid"
        "valid": a series loses ``kernel - 1`` steps in each convolution; "same": it keeps its
        length, so that series of any length can be read.
    conv_dropout : float, default=0.1
        Share of values dropped after each convolution in training.
    squeeze : int or None, default=16
        Reduction of the squeeze-excite after every convolution but the last; None: there is none.

    Notes
    -----
    (batch, n_channels, time) -> (batch, filters[-1]). The paper has 128, 256 and 128 filters,
    "same" padding, and neither dropout nor squeeze-excite.

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
        """Raise :class:`ParameterError` that lists every parameter outside its annotation."""
        super().check(name)
        if not self.filters or len(self.filters) != len(self.kernel_sizes):
            raise ParameterError(
                f"`{name or type(self).__name__}.kernel_sizes` must have one kernel for each of the filters "
                f"{tuple(self.filters)}, and at least one; got {tuple(self.kernel_sizes)}."
            )

    @property
    def min_timepoints(self) -> int:
        """The shortest series that the convolutions can read: 14 steps by default, 1 with padding="same"."""
        return 1 if self.padding == "same" else 1 + sum(kernel - 1 for kernel in self.kernel_sizes)

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a freshly initialised module with ``filters[-1]`` features."""
        self.check_timepoints(n_timepoints)
        return BlockBackbone(self.convolutions(n_channels), MeanPooling(), self.filters[-1], self)

    def convolutions(self, n_channels: int) -> dict[str, Block]:
        """Return freshly initialised convolution blocks for series of so many channels, by name."""
        blocks: dict[str, Block] = {}
        for i, (filters, kernel) in enumerate(
            zip(self.filters, self.kernel_sizes, strict=True), start=1
        ):
            squeeze = self.squeeze if i < len(self.filters) else None
            convolution = MaskedConv1d(n_channels, filters, kernel, self.padding)
            blocks[f"conv{i}"] = ConvBlock(convolution, self.conv_dropout, squeeze)
            n_channels = filters
        return blocks
