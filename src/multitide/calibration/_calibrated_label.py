"""What is recorded about the calibration of a task, or of a label of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import pandas as pd


class CalibratedLabel(TypedDict):
    """What calibration has done for a task, or for a label of a multi-label task.

    ``label`` is "" for a task with classes. ``rows`` says whose labels were used: those of the
    calibration or of the validation set. The log losses are means over these labels, of the model
    as trained, and of calibrators on folds that they were not fitted to.
    """

    task: str
    label: str
    method: str
    rows: str
    n_labels: int
    log_loss: float
    calibrated_log_loss: float


def calibration_table(rows: Sequence[CalibratedLabel]) -> pd.DataFrame:
    """Return one row per calibrated task or label; with its columns even if there are none."""
    return pd.DataFrame(list(rows), columns=list(CalibratedLabel.__annotations__))
