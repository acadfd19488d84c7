"""Load a fitted model that will only predict."""

from __future__ import annotations

from pathlib import Path

from multitide._folder_kinds import is_ensemble
from multitide._local_copy import local_folder
from multitide.model._fitted_model import FittedModel
from multitide.model._loaded_model import LoadedModel


def load_to_predict(folder: str | Path) -> FittedModel:
    """Load a fitted model as :func:`multitide.load` does, but without what only training needs.

    An ensemble is loaded with its members, which are estimators.
    """
    with local_folder("folder", folder) as place:
        if is_ensemble(place):
            from multitide.ensemble import Ensemble

            ensemble: FittedModel = Ensemble.load(place)
            return ensemble
        return LoadedModel.load(place)
