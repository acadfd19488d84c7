"""The parameters of the input layer: how raw channels are prepared for the backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from multitide._checks import check_choice
from multitide._part import Part
from multitide.encodings._encoding import Encoding
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._registry import ENCODINGS
from multitide.encodings._representation import Representation
from multitide.encodings._scaling import Scale

Impute = Literal["ffill", "mean", "zero"]


def _name_or_encoding(value: object) -> object:
    if not isinstance(value, (str, Encoding)):
        raise ValueError("a name or an Encoding")
    return value


def _name_or_representation(value: object) -> object:
    if not isinstance(value, (str, Mapping, Representation)):
        raise ValueError(
            "a name or a Representation (for your own transformer: "
            "Transformed(transformer))"
        )
    return value


NameOrEncoding = Annotated[str | Encoding, PlainValidator(_name_or_encoding)]
NameOrRepresentation = Annotated[
    str | Representation, PlainValidator(_name_or_representation)
]


@dataclass
class Inputs(Part):
    """How raw channels are prepared for the backbone; all statistics come from the training series.

    The steps are, in order: pool, clip, scale, impute, encode. Categorical channels are imputed by
    "ffill" or not at all, and become one 0/1 channel per category (all 0 if the category is
    missing).

    Parameters
    ----------
    impute : {"ffill", "mean", "zero"}, default="ffill"
        What replaces a missing value: the last known value in the window (before the first one, the
        training mean); the training mean; or 0 in the units of the channel.
    scale : {"standard", "robust", "none"}, default="standard"
        Subtract the mean and divide by the standard deviation; subtract the median and divide by
        the interquartile range (over 1.349, so that both agree for a normal distribution); or
        leave the values as they are. A constant channel is divided by 1.
    clip : float, optional
        A fraction of the training values, e.g. 0.001: values below this quantile or above the
        opposite one are set to it. For sensors that sometimes report impossible values.
    observed : bool, default=False
        Add a 0/1 channel for each channel that says where it was measured.
    elapsed : bool, default=False
        Add a channel for each channel with the number of steps since its last measurement (or since
        the start of the window), divided by its standard deviation.
    encodings : tuple of str or Encoding, default=()
        Encodings of the numeric channels; each receives the output of the previous one. See
        ``ENCODINGS``.
    pool : int, default=1
        Steps per block: the backbone reads the mean of the measured values of each block, and the
        last category. For long series, whose cost falls by this factor. ``backbone="auto"`` chooses
        it for more than 1,000 steps.
    n_channels, n_timepoints : int, optional
        Required number of raw channels, and of steps per series; other training samples are
        refused.
    representation : str or Representation, optional
        Transforms each series to one vector before all other steps: "minirocket",
        ``TS2Vec(n_steps=500)``. It is fitted to the series of the training set and saved with the
        model. The steps above then apply to the vectors, and the backbone must be one for vectors,
        "fc" or "linear". ``"model:FOLDER"`` takes the features of a saved model.

    Notes
    -----
    Means and standard deviations are computed on measured values only, so the scale of a rarely
    measured channel does not depend on how much of it is missing.
    """

    impute: Impute = "ffill"
    scale: Scale = "standard"
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    observed: bool = False
    elapsed: bool = False
    encodings: tuple[NameOrEncoding, ...] = ()
    pool: Annotated[int, Field(ge=1)] = 1
    # Not compared: two layers that differ only in their requirements compute the same.
    n_channels: Annotated[int, Field(ge=1)] | None = field(default=None, compare=False)
    n_timepoints: Annotated[int, Field(ge=1)] | None = field(
        default=None, compare=False
    )
    representation: NameOrRepresentation | None = None

    def check(self, name: str = "") -> None:
        """Raise one :class:`ParameterError` that lists all problems, encodings included."""
        super().check(name)
        for i, encoding in enumerate(self.encodings):
            where = f"{name or 'Inputs'}.encodings.{i}"
            if isinstance(encoding, str):
                check_choice(where, encoding, ENCODINGS)
            else:
                encoding.check(where)

    def build(
        self,
        channels: Sequence[str],
        categories: Mapping[str, Sequence[object]] | None = None,
        keeps_missing: bool = False,
    ) -> InputLayer:
        """Return a layer for these channels; fit it, or load its state.

        Parameters
        ----------
        channels : sequence of str
            Names of the raw channels.
        categories : mapping of str to sequence, optional
            For each categorical channel, its categories; the channel holds their codes.
        keeps_missing : bool, default=False
            Whether missing values stay missing instead of being imputed.
        """
        return InputLayer(self, tuple(channels), dict(categories or {}), keeps_missing)
