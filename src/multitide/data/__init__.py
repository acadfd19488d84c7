"""Samples, their splits, and the tables and data sets they come from."""

from __future__ import annotations

from multitide.data._rig_truth import Truth, rig_truth
from multitide.data._samples import Samples
from multitide.data._simulate_rig import simulate_rig
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.data.tables import column_roles, read_like, read_parts, read_table

__all__ = [
    "Samples",
    "Split",
    "Splitter",
    "Truth",
    "column_roles",
    "read_like",
    "read_parts",
    "read_table",
    "rig_truth",
    "simulate_rig",
]
