"""Reasons: which inputs the predictions of a fitted model rest on."""

from __future__ import annotations

from multitide.reasons._explain import explain
from multitide.reasons._explanation import Explanation, SampleReasons

__all__ = ["Explanation", "SampleReasons", "explain"]
