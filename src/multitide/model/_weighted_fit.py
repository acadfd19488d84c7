"""A fit of a model that predicts with one or several."""

from __future__ import annotations

from typing import NamedTuple

from multitide.model._store import StoredModel


class WeightedFit(NamedTuple):
    """A fit, and its weight in the prediction of each task; tasks without it are left out."""

    stored: StoredModel
    weights: dict[str, float]
