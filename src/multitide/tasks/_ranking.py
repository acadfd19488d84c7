"""How well scores rank the rows of a class above all others, from ranks; ties count half."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Ranking(NamedTuple):
    """Two measures of a ranking.

    Attributes
    ----------
    roc_auc : float
        Probability that a row of the class has a higher score than another row.
    average_precision : float
        Mean over the rows of the class of the precision at their scores.
    """

    roc_auc: float
    average_precision: float


def ranking(
    is_member: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> Ranking:
    """Compare scores with the membership of a class, as scikit-learn does.

    Parameters
    ----------
    is_member : ndarray of bool, shape (n_samples,)
        At least one row is a member, and at least one is not.
    scores : ndarray, shape (n_samples,)
        Without NaN.
    weights : ndarray, shape (n_samples,), optional
        How much each row counts.
    """
    if weights is not None:
        # Not imported for a prediction.
        from sklearn.metrics import average_precision_score, roc_auc_score

        return Ranking(
            float(roc_auc_score(is_member, scores, sample_weight=weights)),
            float(average_precision_score(is_member, scores, sample_weight=weights)),
        )
    members = np.sort(scores[is_member])
    ordered = np.sort(scores)
    n_members, n_rows = len(members), len(ordered)
    # Only the places of the members are needed, which are few if there are many classes.
    n_lower = np.searchsorted(ordered, members, "left")
    n_not_higher = np.searchsorted(ordered, members, "right")
    members_lower = np.searchsorted(members, members, "left")
    members_not_higher = np.searchsorted(members, members, "right")
    others_lower = n_lower - members_lower
    others_equal = n_not_higher - members_not_higher - others_lower
    pairs = n_members * (n_rows - n_members)
    precisions = (n_members - members_lower) / (n_rows - n_lower)
    return Ranking(
        float((2 * others_lower + others_equal).sum()) / (2 * pairs),
        float(precisions.mean()),
    )
