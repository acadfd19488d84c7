"""A model that is read to predict, without the estimator that has fitted it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from multitide._folder_kinds import MODEL_FILE
from multitide.fitting._parameters import with_defaults
from multitide.fitting._recipe import device_of_loaded
from multitide.model._check_stored import checking
from multitide.model._fitted_model import FittedModel
from multitide.model._store import load_model


class LoadedModel(FittedModel):
    """A fitted model that cannot be fitted again.

    The estimator needs scikit-learn and all that trains, whose imports take longer than a
    prediction.
    """

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model folder or a run folder; see :meth:`multitide.MultiTaskEstimator.load`."""
        stored = load_model(folder)
        with checking(folder / MODEL_FILE, "estimator"):
            params = with_defaults(**stored.params)
        model = cls()
        model.device = device_of_loaded(None, params["device"])
        return model._take(stored)
