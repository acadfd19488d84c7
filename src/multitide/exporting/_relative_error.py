"""How far predictions of a file are from those of its model."""

from __future__ import annotations

import numpy as np

from multitide.tasks._standardised import StandardisedTarget
from multitide.tasks._task import Target


def relative_error(
    target: Target, expected: np.ndarray, found: np.ndarray
) -> np.ndarray:
    """Return the largest difference of each row, in relation to the value or its usual spread."""
    spread = 1.0
    if isinstance(target, StandardisedTarget):
        spread = float(target.scale)
    error = np.abs(found - expected) / np.maximum(np.abs(expected), spread)
    # NaN must not pass.
    error = np.where(np.isnan(error), np.inf, error)
    largest: np.ndarray = error.reshape(len(error), -1).max(axis=1)
    return largest
