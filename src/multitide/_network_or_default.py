"""The estimator that a study or a search starts from."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.base import clone

from multitide._checks import a_kind
from multitide._estimator import MultiTaskEstimator
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import ParameterError
from multitide.fitting._auto_backbone import params_of_network
from multitide.fitting._recipe import is_auto, make_recipe


def network_or_default(
    estimator: MultiTaskEstimator | None, samples: Samples | Mapping[str, Samples]
) -> MultiTaskEstimator:
    """Return the estimator that a user gave, or one with the defaults, for a study or a search.

    Those are about networks, so that the backbone "auto" becomes its network, without trees.

    Raises
    ------
    ParameterError
        If it is anything else.
    """
    if estimator is None:
        estimator = MultiTaskEstimator()
    if not isinstance(estimator, MultiTaskEstimator):
        raise ParameterError(
            f"`estimator` must be a MultiTaskEstimator; got {a_kind(estimator)}. "
            "Use, for instance, estimator=MultiTaskEstimator(backbone='gru')."
        )
    if not is_auto(estimator.backbone):
        return estimator
    recipe = make_recipe(estimator.get_params(deep=False))
    named: MultiTaskEstimator = clone(estimator)
    named.set_params(**params_of_network(recipe, list(DataSets(samples).values())))
    return named
