"""Encodings: what is made of the channels before a backbone reads them, by name.

:class:`multitide.encodings._inputs.Inputs` puts them behind imputation and scaling;
:class:`multitide.encodings._static.StaticInputs` does the same for the inputs of a whole series.
"""

from __future__ import annotations

from multitide.encodings._difference import Difference
from multitide.encodings._encoding import Encoding, EncodingModule
from multitide.encodings._piecewise_linear import PiecewiseLinear

ENCODINGS: dict[str, type[Encoding]] = {
    "difference": Difference,
    "piecewise_linear": PiecewiseLinear,
}

__all__ = ["ENCODINGS", "Difference", "Encoding", "EncodingModule", "PiecewiseLinear"]
