"""Inputs and encodings: what happens to raw channels before a backbone reads them.

:class:`Inputs` imputes and scales the channels, then applies encodings, which are found by name in
``ENCODINGS``. :class:`multitide.encodings._static.StaticInputs` does the same for inputs that
describe a whole series.
"""

from __future__ import annotations

from multitide.encodings._difference import Difference
from multitide.encodings._encoding import Encoding, EncodingModule
from multitide.encodings._inputs import Inputs
from multitide.encodings._piecewise_linear import PiecewiseLinear
from multitide.encodings._registry import ENCODINGS

__all__ = [
    "ENCODINGS",
    "Difference",
    "Encoding",
    "EncodingModule",
    "Inputs",
    "PiecewiseLinear",
]
