"""The encodings by name."""

from __future__ import annotations

from multitide.encodings._difference import Difference
from multitide.encodings._encoding import Encoding
from multitide.encodings._piecewise_linear import PiecewiseLinear

ENCODINGS: dict[str, type[Encoding]] = {
    "difference": Difference,
    "piecewise_linear": PiecewiseLinear,
}
