"""One more row in which every answer is right in turn, so that rare classes count."""

from __future__ import annotations

import numpy as np

from multitide.tasks import ClassificationTarget, MultiLabelTarget, Target


def with_each_answer(
    target: Target,
    truth: np.ndarray,
    recordings: np.ndarray,
    decoded: np.ndarray,
    weights: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Add rows with each possible answer, which count together as much as one row.

    A few rows may hold no positive sample at all. Of several fits, the one that is surest that
    there is none then has the lowest loss, whatever it has learned. The added rows are predicted as
    the rows are on average, and one of them has each class as its label. So it costs to rule a
    class out, and fits that predict the classes as often as the others do cost the same.

    Parameters
    ----------
    target : Target
        The task; only tasks with classes or with yes and no get more rows.
    truth, recordings, decoded, weights : ndarray, n_rows rows
        As in :class:`HeldOut`.

    Returns
    -------
    truth, recordings, decoded, weights
        The same with the added rows.
    """
    answers = _each_answer(target)
    known = target.has_label(truth)
    if answers is None or not known.any():
        return truth, recordings, decoded, weights
    n = len(answers)
    _, places = np.unique(recordings, return_inverse=True)
    own = np.ones(len(truth)) if weights is None else weights
    average = decoded[known].mean(axis=0, keepdims=True)
    return (
        np.concatenate([truth, answers.astype(truth.dtype)]),
        np.concatenate([places, places.max() + 1 + np.arange(n)]),
        np.concatenate([decoded, np.repeat(average, n, axis=0)]),
        np.concatenate([own, np.full(n, own[known].mean() / n)]),
    )


def _each_answer(target: Target) -> np.ndarray | None:
    """Return the truth of rows with each class, or with each label as yes and as no."""
    if isinstance(target, ClassificationTarget):
        return np.arange(len(target.classes))
    if isinstance(target, MultiLabelTarget):
        return np.repeat([[0.0], [1.0]], len(target.answers), axis=1)
    return None
