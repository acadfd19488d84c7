"""An arm that is an ensemble: several models whose predictions are averaged."""

from __future__ import annotations

from dataclasses import dataclass

from multitide._estimator import MultiTaskEstimator


@dataclass(frozen=True)
class Mixture:
    """Several models of the same tasks; the validation set chooses their weights per task.

    Attributes
    ----------
    members : dict of str to MultiTaskEstimator
        Not fitted.
    """

    members: dict[str, MultiTaskEstimator]
