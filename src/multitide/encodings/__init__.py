"""Encodings: what is made of the channels before a backbone reads them, by name.

:class:`multitide.encodings.inputs.Inputs` puts them behind imputation and scaling;
:class:`multitide.encodings.static.StaticInputs` does the same for the inputs of a whole series.
"""

from __future__ import annotations

from multitide.encodings.difference import Difference
from multitide.encodings.encoding import Encoding, EncodingModule
from multitide.encodings.piecewise_linear import PiecewiseLinear

ENCODINGS: dict[str, type[Encoding]] = {
    "difference": Difference,
    "piecewise_linear": PiecewiseLinear,
}

__all__ = ["ENCODINGS", "Difference", "Encoding", "EncodingModule", "PiecewiseLinear"]
