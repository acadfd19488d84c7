"""The smallest probability that a log loss counts, on every set: validation, calibration, test.

Training needs the gradient of every loss. A measurement clips probabilities: else a single row that
a network is wrongly sure of would choose the epoch, or a verdict.
"""

from __future__ import annotations

import math

import numpy as np

# Predictions are float32, which cannot resolve smaller probabilities. scikit-learn clips them at
# the same value.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
SMALLEST_LOG = math.log(SMALLEST_PROBABILITY)
LARGEST_LOG_LOSS = -SMALLEST_LOG


def clipped(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities as float64, none below `SMALLEST_PROBABILITY`."""
    return np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0)
