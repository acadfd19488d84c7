"""The predictions of one fit with the classes and intervals of another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from multitide.network._network import Predictor
from multitide.tasks import ClassificationTarget, SurvivalTarget, Target
from multitide.training._decode_samples import Decoded


def aligned(
    decoded: Decoded, predictor: Predictor, targets: Mapping[str, Target]
) -> Decoded:
    """Return a fit's predictions with one column per class of the reference targets, in float64.

    A class that the fit does not know has probability 0. Survival curves are read at the reference
    targets' intervals.
    """
    found = {}
    for task, values in decoded.items():
        found[task] = values.astype(np.float64)
        target, own = targets[task], predictor.target(task)
        if isinstance(target, SurvivalTarget) and isinstance(own, SurvivalTarget):
            found[task] = own.at_edges(found[task], target.edges)
            continue
        if not isinstance(target, ClassificationTarget):
            continue
        if not isinstance(own, ClassificationTarget) or own.classes == target.classes:
            continue
        table = np.zeros((len(values), len(target.classes)))
        for column, value in enumerate(own.classes):
            if value in target.classes:
                table[:, list(target.classes).index(value)] = values[:, column]
        found[task] = table
    return found
