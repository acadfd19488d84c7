"""Drift: what differs between new data and those that a model was trained on."""

from __future__ import annotations

from multitide.drift._check_data import check_data
from multitide.drift._drift_report import DriftReport

__all__ = ["DriftReport", "check_data"]
