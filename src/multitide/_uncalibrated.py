"""An estimator that a study, a search or an ensemble trains."""

from __future__ import annotations

from typing import cast

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator


def uncalibrated(learner: MultiTaskEstimator) -> MultiTaskEstimator:
    """Return a copy that is not fitted, and will not be calibrated.

    A study or a search compares what training does, on a validation set that has to be unseen, and
    an ensemble calibrates the mean of its members.
    """
    estimator = cast(MultiTaskEstimator, clone(learner))
    return estimator.set_params(training__calibrate="none")
