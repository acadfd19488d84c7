"""Members of an ensemble whose trees are grown again on all samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide.data._samples import Samples
from multitide.fitting._recipe import make_recipe


def with_trees_again(
    members: Mapping[str, MultiTaskEstimator], held_out: Mapping[str, Samples]
) -> dict[str, MultiTaskEstimator]:
    """Return members with what ``training.refit="auto"`` stands for in an ensemble.

    Parameters
    ----------
    members : mapping of str to MultiTaskEstimator
        Their weights are chosen on what they predict before trees are grown again.
    held_out : mapping of str to Samples
        Validation samples that the user has given, which stay unseen.
    """
    changed = {}
    for name, member in members.items():
        estimator = cast(MultiTaskEstimator, clone(member))
        is_auto = make_recipe(member.get_params(deep=False)).training.refit == "auto"
        if is_auto and not held_out:
            estimator.set_params(training__refit="trees")
        changed[name] = estimator
    return changed
