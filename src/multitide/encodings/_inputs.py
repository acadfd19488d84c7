"""The input layer: from raw series with holes to complete, scaled, encoded ones, as one module with buffers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

import numpy as np
import torch
from pydantic import Field, PlainValidator
from torch import Tensor, nn

from multitide._checks import check_choice
from multitide._part import Part
from multitide.backbones._masked import valid_steps
from multitide.data._samples import Samples
from multitide.encodings._encoding import Encoding, EncodingModule
from multitide.encodings._registry import ENCODINGS
from multitide.encodings._representation import Representation
from multitide.encodings._scaling import Scale, center_and_scale
from multitide.errors import DataError, MultitideWarning

Impute = Literal["ffill", "mean", "zero"]

MAX_FIT_VALUES = 10_000_000  # statistics of more values cost seconds and change nothing


def _name_or_encoding(value: Any) -> Any:
    if not isinstance(value, (str, Encoding)):
        raise ValueError("a name or an Encoding")
    return value


def _name_or_representation(value: Any) -> Any:
    if not isinstance(value, (str, Mapping, Representation)):
        raise ValueError(
            "a name or a Representation (a transformer of your own: Transformed(transformer))"
        )
    return value


NameOrEncoding = Annotated[str | Encoding, PlainValidator(_name_or_encoding)]
NameOrRepresentation = Annotated[str | Representation, PlainValidator(_name_or_representation)]


@dataclass
class Inputs(Part):
    """How raw channels become what the backbone reads; everything is learned from the training series.

    The steps run in this order: clip, scale, impute, encode. Categories are imputed by "ffill" or
    not at all, and become one 0/1 channel each (all 0 where the category is missing).

    Parameters
    ----------
    impute : {"ffill", "mean", "zero"}, default="ffill"
        What stands in for a value that nobody measured: the last one of the window (and the
        training mean before the first), the training mean, or 0 in the channel's own units.
    scale : {"standard", "robust", "none"}, default="standard"
        Subtract the mean and divide by the standard deviation; or the median and the interquartile
        range (over 1.349, which makes the two agree for normal values); or nothing. A constant
        channel is divided by 1.
    clip : float, optional
        A share of the training values, e.g. 0.001: values below this quantile or above its mirror
        image are set to it. For sensors that sometimes report what cannot be.
    observed : bool, default=False
        Add a 0/1 channel for each channel: was it measured?
    elapsed : bool, default=False
        Add a channel for each channel: steps since it was last measured (since before the window's
        start, if it was not yet), divided by their standard deviation.
    encodings : tuple of str or Encoding, default=()
        Encodings of the numeric channels, each fed by the one before; see ``ENCODINGS``.
    n_channels, n_timepoints : int, optional
        How many raw channels, and steps of each series, the training samples must have; others are
        refused.
    representation : str or Representation, optional
        Makes a vector of each series before all else, "minirocket" or ``TS2Vec(n_steps=500)``;
        fitted to the training part's series and saved with the model. The steps above are then
        those of the vectors, and the backbone is one for vectors, "fc" or "linear".
        ``"model:FOLDER"`` gives the features of a saved model.

    Notes
    -----
    Means and deviations are those of measured values only, so that the scale of a rarely measured
    channel does not shrink with its holes.
    """

    impute: Impute = "ffill"
    scale: Scale = "standard"
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    observed: bool = False
    elapsed: bool = False
    encodings: tuple[NameOrEncoding, ...] = ()
    # Two layers that differ in what they demand do the same.
    n_channels: Annotated[int, Field(ge=1)] | None = field(default=None, compare=False)
    n_timepoints: Annotated[int, Field(ge=1)] | None = field(default=None, compare=False)
    representation: NameOrRepresentation | None = None

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` that lists what is wrong, encodings included."""
        super().check(name)
        for i, encoding in enumerate(self.encodings):
            where = f"{name or 'Inputs'}.encodings.{i}"
            if isinstance(encoding, str):
                check_choice(where, encoding, ENCODINGS)
            else:
                encoding.check(where)

    def build(
        self, channels: Sequence[str], categories: Mapping[str, Sequence[object]] | None = None
    ) -> InputLayer:
        """Return a layer for these channels; fit it, or load its state.

        Parameters
        ----------
        channels : sequence of str
            Names of the raw channels.
        categories : mapping of str to sequence, optional
            For a channel of categories, its categories; the channel holds their codes.
        """
        return InputLayer(self, tuple(channels), dict(categories or {}))


class InputLayer(nn.Module):
    """Imputes, scales and encodes; see :class:`Inputs`.

    Parameters
    ----------
    spec : Inputs
        What it does.
    channels : tuple of str
        Names of the raw channels.
    categories : dict of str to sequence
        For a channel of categories, its categories.

    Attributes
    ----------
    names : tuple of str
        Names of the channels that it gives: numeric ones with their encodings, one a category,
        observed, elapsed.
    """

    low: Tensor
    high: Tensor
    center: Tensor
    gain: Tensor
    fill: Tensor
    elapsed_gain: Tensor
    numeric: Tensor
    category_channel: Tensor
    category_code: Tensor

    def __init__(
        self, spec: Inputs, channels: tuple[str, ...], categories: Mapping[str, Sequence[object]]
    ) -> None:
        super().__init__()
        self.spec, self.channels = copy.deepcopy(spec), channels
        codes = [
            (i, code)
            for i, name in enumerate(channels)
            for code in range(len(categories.get(name, ())))
        ]
        self.n_categories = len(codes)
        self._add_buffers(torch.tensor([channel in categories for channel in channels]), codes)
        names = tuple(name for name in channels if name not in categories)
        self.encodings = nn.ModuleList()
        for encoding in spec.encodings:
            part = ENCODINGS[encoding]() if isinstance(encoding, str) else encoding
            module = part.build(names)
            self.encodings.append(module)
            names = module.names
        self.names = (
            *names,
            *(f"{channels[i]}={categories[channels[i]][code]}" for i, code in codes),
            *(f"{channel}_observed" for channel in channels if spec.observed),
            *(f"{channel}_elapsed" for channel in channels if spec.elapsed),
        )

    @property
    def n_channels(self) -> int:
        """Number of channels that it gives."""
        return len(self.names)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return complete, encoded series.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Raw series; NaN where nobody measured.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.

        Returns
        -------
        encoded : Tensor, shape (batch, n_channels, time)
            Finite, and 0 after each series' last valid step.
        """
        x, measured, last = self._complete(x)
        parts = [self._numeric(x)]
        for encoding in self.encodings:
            parts[0] = encoding(parts[0])
        if self.n_categories:
            parts.append((x[:, self.category_channel] == self.category_code).to(x.dtype))
        if self.spec.observed:
            parts.append(measured.to(x.dtype))
        if self.spec.elapsed:
            parts.append(_steps_since(last).to(x.dtype) * self.elapsed_gain)
        encoded = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        return (
            encoded
            if lengths is None
            else torch.where(valid_steps(lengths, x.shape[2]), encoded, 0.0)
        )

    def _complete(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Clip, scale and impute; return also what was measured, and the step of the last measured value or -1."""
        measured = ~x.isnan()
        if self.spec.clip is not None:
            x = x.clamp(self.low, self.high)
        x = (x - self.center) * self.gain
        if self.spec.impute != "ffill" and not self.spec.elapsed:
            return torch.where(measured, x, self.fill), measured, measured
        last = last_measured(measured)
        if self.spec.impute != "ffill":
            return torch.where(measured, x, self.fill), measured, last
        return torch.where(last >= 0, x.gather(2, last.clamp(min=0)), self.fill), measured, last

    def _numeric(self, x: Tensor) -> Tensor:
        return x[:, self.numeric] if self.n_categories else x

    def _add_buffers(self, is_category: Tensor, codes: list[tuple[int, int]]) -> None:
        column = torch.zeros(len(is_category), 1)
        self.register_buffer("low", column - torch.inf)
        self.register_buffer("high", column + torch.inf)
        self.register_buffer("center", column.clone())
        self.register_buffer("gain", column + 1)
        self.register_buffer(
            "fill", torch.where(is_category[:, None], -1.0, column)
        )  # no category has code -1
        self.register_buffer("elapsed_gain", column + 1)
        pairs = torch.tensor(codes, dtype=torch.long).reshape(-1, 2)
        self.register_buffer("numeric", (~is_category).nonzero()[:, 0], persistent=False)
        self.register_buffer("category_channel", pairs[:, 0], persistent=False)
        self.register_buffer("category_code", pairs[:, 1:], persistent=False)

    @torch.no_grad()
    def fit(self, samples: Samples) -> None:
        """Fill the buffers from training samples (evenly spaced ones, if there are more than is needed).

        Parameters
        ----------
        samples : Samples
            Training samples, with this layer's channels.

        Raises
        ------
        DataError
            If they have not the shape that :class:`Inputs` declares.

        Warns
        -----
        MultitideWarning
            If a channel has no measured value: it becomes 0.
        """
        self._check_shape(samples)
        per_sample = max(samples.n_channels, self.n_channels) * max(samples.n_timepoints, 1)
        n_used = min(len(samples), max(1, MAX_FIT_VALUES // per_sample))
        used = samples[np.linspace(0, len(samples) - 1, n_used).astype(np.int64)]
        x = torch.from_numpy(np.ascontiguousarray(used.gather(slice(None))))
        empty = [name for i, name in enumerate(self.channels) if not self._fit_channel(i, x[:, i])]
        if empty:
            warnings.warn(
                f"channels {empty} have no measured value in the training samples and become 0.",
                MultitideWarning,
                stacklevel=3,
            )
        self._fit_encodings(x, valid_steps(torch.from_numpy(used.lengths), x.shape[2]))

    def _check_shape(self, samples: Samples) -> None:
        """Raise unless the samples have the declared number of channels and of steps."""
        problems = []
        if self.spec.n_channels not in (None, samples.n_channels):
            problems.append(
                f"`X` must have {self.spec.n_channels} channels, as `inputs.n_channels` says; got "
                f"{samples.n_channels}: {', '.join(samples.channels)}."
            )
        if (
            self.spec.n_timepoints is not None
            and not (samples.lengths == self.spec.n_timepoints).all()
        ):
            shortest, longest = samples.lengths.min(), samples.lengths.max()
            found = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
            problems.append(
                f"`X` must have {self.spec.n_timepoints} time steps in every series, as `inputs.n_timepoints` says; "
                f"got {found}."
            )
        if problems:
            raise DataError("\n".join(problems))

    def _fit_channel(self, i: int, x: Tensor) -> bool:
        """Learn clip, scale and fill of one channel, and return whether it has a measured value."""
        values = x[~x.isnan()].double().numpy()
        if i not in self.numeric:
            return len(values) > 0
        if not len(values):
            self.gain[i] = self.fill[i] = 0.0
            return False
        if self.spec.clip is not None:
            low, high = np.quantile(values, [self.spec.clip, 1 - self.spec.clip])
            self.low[i], self.high[i] = low, high
            values = values.clip(low, high)
        center, scale = center_and_scale(values, self.spec.scale)
        self.center[i], self.gain[i] = center, 1 / scale
        self.fill[i] = ((0.0 if self.spec.impute == "zero" else values.mean()) - center) / scale
        return True

    def _fit_encodings(self, x: Tensor, valid: Tensor) -> None:
        """Learn the scale of elapsed steps, and each encoding on what the one before gives."""
        x, measured, last = self._complete(x)
        if self.spec.elapsed:
            for i, steps in enumerate(_steps_since(last).double().unbind(dim=1)):
                deviation = float(steps[valid[:, 0]].std(correction=0))
                self.elapsed_gain[i] = 1 / deviation if deviation > 0 else 1.0
        x, measured = self._numeric(x), self._numeric(measured)
        for encoding in cast("list[EncodingModule]", list(self.encodings)):
            encoding.fit(x, measured)
            x, measured = encoding(x), measured[:, list(encoding.sources)]


def last_measured(measured: Tensor) -> Tensor:
    """Return for each step the latest step so far at which `measured`, (batch, channels, time), is true, else -1."""
    steps = torch.arange(measured.shape[2], device=measured.device)
    if torch.compiler.is_compiling():  # also true in an export
        return _last_measured_by_count(measured, steps)
    return torch.where(measured, steps, -1).cummax(dim=2).values


def _last_measured_by_count(measured: Tensor, steps: Tensor) -> Tensor:
    """Return the same in half the speed, but without a cumulative maximum, which ONNX has not."""
    count = measured.long().cumsum(dim=2)
    # The place of the n-th measured value is kept under n; all unmeasured steps write -1 under 0.
    places = torch.full((*measured.shape[:2], measured.shape[2] + 1), -1, device=measured.device)
    places = places.scatter(2, count * measured, torch.where(measured, steps, -1))
    return places.gather(2, count)


def _steps_since(last: Tensor) -> Tensor:
    return torch.arange(last.shape[2], device=last.device) - last
