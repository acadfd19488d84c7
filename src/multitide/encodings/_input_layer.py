"""The input layer: turns raw series with missing values into complete, scaled, encoded series."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from multitide._checks import in_backticks
from multitide.backbones._imputation import (
    forward_filled,
    last_measured,
    steps_since,
)
from multitide.backbones._masked import valid_steps
from multitide.data._precision import needs_float64
from multitide.data._samples import Samples
from multitide.encodings._double_center import DoubleCenter
from multitide.encodings._encoding import EncodingModule
from multitide.encodings._pooling import Count, n_pooled, pooled
from multitide.encodings._registry import ENCODINGS
from multitide.encodings._scaling import MIN_SPREAD, center_and_scale
from multitide.errors import DataError, MultitideWarning

if TYPE_CHECKING:
    from multitide.encodings._inputs import Inputs

# Statistics are computed on at most this many values; more would take seconds and change nothing.
MAX_FIT_VALUES = 10_000_000


class InputLayer(DoubleCenter):
    """Imputes, scales and encodes series; see :class:`Inputs`.

    Parameters
    ----------
    spec : Inputs
        The parameters.
    channels : tuple of str
        Names of the raw channels.
    categories : dict of str to sequence
        For each categorical channel, its categories.
    keeps_missing : bool, default=False
        Whether missing values stay missing instead of being imputed.

    Attributes
    ----------
    names : tuple of str
        Names of the output channels: numeric channels with their encodings, one channel per
        category, then the `observed` and `elapsed` channels.
    """

    IN_VALUES = ("low", "high", "center")

    low: Tensor
    high: Tensor
    fill: Tensor
    elapsed_gain: Tensor
    numeric: Tensor
    category_channel: Tensor
    category_code: Tensor

    def __init__(
        self,
        spec: Inputs,
        channels: tuple[str, ...],
        categories: Mapping[str, Sequence[object]],
        keeps_missing: bool = False,
    ) -> None:
        super().__init__()
        self.spec = copy.deepcopy(spec)
        self.keeps_missing = keeps_missing
        self.channels = channels
        codes, category_names = _category_codes(channels, categories)
        self.n_categories = len(codes)
        self._add_buffers(
            torch.tensor([channel in categories for channel in channels]), codes
        )
        names = tuple(name for name in channels if name not in categories)
        self.encodings = nn.ModuleList()
        for encoding in spec.encodings:
            if isinstance(encoding, str):
                part = ENCODINGS[encoding]()
            else:
                part = encoding
            module = part.build(names)
            self.encodings.append(module)
            names = module.names
        names = (*names, *category_names)
        if spec.observed:
            names += tuple(f"{channel}_observed" for channel in channels)
        if spec.elapsed:
            names += tuple(f"{channel}_elapsed" for channel in channels)
        self.names = names

    @property
    def n_channels(self) -> int:
        """Number of output channels."""
        return len(self.names)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return encoded series, complete unless missing values are kept.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series; NaN for missing values.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.

        Returns
        -------
        encoded : Tensor, shape (batch, n_channels, time)
            0 after the last valid step of each series. With `pool`, the time is counted in blocks.
        """
        x, lengths = self._pooled(x, lengths)
        x, measured, last = self._complete(x)
        numbers = self._numeric(x)
        for encoding in self.encodings:
            numbers = encoding(numbers)
        groups = [numbers]
        if self.n_categories:
            groups.append(
                (x[:, self.category_channel] == self.category_code).to(x.dtype)
            )
        if self.spec.observed:
            groups.append(measured.to(x.dtype))
        if self.spec.elapsed:
            groups.append(steps_since(last).to(x.dtype) * self.elapsed_gain)
        if len(groups) > 1:
            encoded = torch.cat(groups, dim=1)
        else:
            encoded = numbers
        if lengths is None:
            return encoded
        return torch.where(valid_steps(lengths, x.shape[2]), encoded, 0.0)

    def n_steps(self, n_raw: Count) -> Count:
        """Return how many steps the backbone reads of so many raw ones."""
        return n_pooled(n_raw, self.spec.pool)

    def _pooled(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return blocks of steps in place of steps."""
        size = self.spec.pool
        if size == 1:
            return x, lengths
        x = pooled(x, lengths, size, self.category_channel)
        return x, None if lengths is None else self.n_steps(lengths)

    def _complete(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Clip, scale and impute series.

        Returns
        -------
        x, measured : Tensor, shape (batch, channels, time)
            Complete series unless missing values are kept, and which values were measured.
        last : Tensor, same shape
            Step of the last measurement so far, or -1; only if "ffill" or `elapsed` needs it.
        """
        measured = ~x.isnan()
        x = x.to(self.center.dtype)
        if self.spec.clip is not None:
            x = x.clamp(self.low, self.high)
        x = self.scaled(x)
        fills_forward = self.spec.impute == "ffill" and not self.keeps_missing
        if not fills_forward and not self.spec.elapsed:
            return self._filled(x, measured), measured, measured
        last = last_measured(measured)
        if not fills_forward:
            return self._filled(x, measured), measured, last
        return forward_filled(x, last, self.fill), measured, last

    def _filled(self, x: Tensor, measured: Tensor) -> Tensor:
        """Replace missing values by a constant, unless they are kept."""
        if self.keeps_missing:
            return x
        return torch.where(measured, x, self.fill)

    def _numeric(self, x: Tensor) -> Tensor:
        if self.n_categories:
            return x[:, self.numeric]
        return x

    def _add_buffers(self, is_category: Tensor, codes: list[tuple[int, int]]) -> None:
        column = torch.zeros(len(is_category), 1)
        self.register_buffer("low", column - torch.inf)
        self.register_buffer("high", column + torch.inf)
        self.register_buffer("center", column.clone())
        self.register_buffer("gain", column + 1)
        # -1 is the code of no category.
        self.register_buffer("fill", torch.where(is_category[:, None], -1.0, column))
        self.register_buffer("elapsed_gain", column + 1)
        pairs = torch.tensor(codes, dtype=torch.long).reshape(-1, 2)
        self.register_buffer(
            "numeric", (~is_category).nonzero()[:, 0], persistent=False
        )
        self.register_buffer("category_channel", pairs[:, 0], persistent=False)
        self.register_buffer("category_code", pairs[:, 1:], persistent=False)

    @torch.no_grad()
    def fit(self, samples: Samples) -> None:
        """Fill the buffers from training samples; from evenly spaced ones if there are very many.

        Parameters
        ----------
        samples : Samples
            Training samples with the channels of this layer.

        Raises
        ------
        DataError
            If they do not have the shape that :class:`Inputs` requires.

        Warns
        -----
        MultitideWarning
            If a channel has no measured value; it becomes 0.
        """
        self.check_shape(samples)
        if samples.values.dtype == np.float64:
            self.use_double()
        per_sample = max(samples.n_channels, self.n_channels) * max(
            samples.n_timepoints, 1
        )
        n_used = min(len(samples), max(1, MAX_FIT_VALUES // per_sample))
        used = samples[np.linspace(0, len(samples) - 1, n_used).astype(np.int64)]
        raw = torch.from_numpy(np.ascontiguousarray(used.gather(slice(None))))
        x, lengths = self._pooled(raw, torch.from_numpy(used.lengths))
        assert lengths is not None
        empty, lost = [], []
        for i, name in enumerate(self.channels):
            values = x[:, i][~x[:, i].isnan()].double().numpy()
            if not self._fit_channel(i, values):
                empty.append(name)
            elif self._loses(values):
                lost.append(name)
        if empty:
            warnings.warn(
                f"channels {empty} have no measured value in the training samples and become 0.",
                MultitideWarning,
                stacklevel=3,
            )
        if lost:
            warnings.warn(_lost(lost, self.spec.scale), MultitideWarning, stacklevel=3)
        self._fit_encodings(x, valid_steps(lengths, x.shape[2]))

    def check_shape(self, samples: Samples) -> None:
        """Raise unless the samples have the required number of channels and steps."""
        problems = []
        n_channels, n_timepoints = self.spec.n_channels, self.spec.n_timepoints
        if n_channels is not None and n_channels != samples.n_channels:
            problems.append(
                f"`X` must have {n_channels} channels, because "
                f"`inputs.n_channels` is {n_channels}; "
                f"got {samples.n_channels}: "
                f"{', '.join(samples.channels)}."
            )
        if n_timepoints is not None and (samples.lengths != n_timepoints).any():
            shortest, longest = samples.lengths.min(), samples.lengths.max()
            if shortest == longest:
                lengths = f"{longest}"
            else:
                lengths = f"{shortest} to {longest}"
            problems.append(
                f"`X` must have {n_timepoints} time steps "
                "in every series, because "
                f"`inputs.n_timepoints` is {n_timepoints}; "
                f"got {lengths}."
            )
        if problems:
            raise DataError("\n".join(problems))

    def _loses(self, values: np.ndarray) -> bool:
        """Whether float32 loses how a channel varies, as the backbone gets it."""
        if self.spec.scale == "none":
            return needs_float64(values)
        return bool(values.min() < values.max() and values.std() < MIN_SPREAD)

    def _fit_channel(self, i: int, values: np.ndarray) -> bool:
        """Fit clip, scale and fill of one channel; return whether it has a measured value."""
        if i not in self.numeric:
            return len(values) > 0
        if not len(values):
            self.gain[i] = self.fill[i] = 0.0
            return False
        if self.spec.clip is not None:
            low, high = np.quantile(values, [self.spec.clip, 1 - self.spec.clip])
            self.low[i] = low
            self.high[i] = high
            values = values.clip(low, high)
        center, scale = center_and_scale(values, self.spec.scale)
        self.center[i] = center
        self.gain[i] = 1 / scale
        if self.spec.impute == "zero":
            replacement = 0.0
        else:
            replacement = values.mean()
        self.fill[i] = (replacement - center) / scale
        return True

    def _fit_encodings(self, x: Tensor, valid: Tensor) -> None:
        """Fit the scale of elapsed steps, and each encoding to the output of the previous one."""
        if not self.spec.elapsed and not len(self.encodings):
            return  # to complete the series takes several times their memory
        x, measured, last = self._complete(x)
        if self.spec.elapsed:
            for i, steps in enumerate(steps_since(last).double().unbind(dim=1)):
                deviation = float(steps[valid[:, 0]].std(correction=0))
                if deviation > 0:
                    self.elapsed_gain[i] = 1 / deviation
                else:
                    self.elapsed_gain[i] = 1.0
        x, measured = self._numeric(x), self._numeric(measured)
        for encoding in cast("list[EncodingModule]", list(self.encodings)):
            encoding.fit(x, measured)
            x, measured = encoding(x), measured[:, list(encoding.sources)]


def _lost(channels: list[str], scale: str) -> str:
    """Return a warning of channels of which the backbone cannot see how they vary."""
    names = in_backticks(channels)
    if scale == "none":
        return (
            f"{names}: float32 cannot hold how the values vary: rounding errors are too large. "
            f'Use another `inputs.scale` than "none", or subtract a constant yourself.'
        )
    return (
        f"{names}: the values vary by less than {MIN_SPREAD:.1g} and are read as constant. "
        "Multiply them by a constant first."
    )


def _category_codes(
    channels: Sequence[str], categories: Mapping[str, Sequence[object]]
) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the (channel, code) pair and the name of each category, channel by channel."""
    codes = []
    names = []
    for i, channel in enumerate(channels):
        for code, category in enumerate(categories.get(channel, ())):
            codes.append((i, code))
            names.append(f"{channel}={category}")
    return codes, names
