"""One linear head on standardised vectors: ridge or logistic regression, at any strength of its L2 penalty."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from multitide.errors import DataError, ParameterError
from multitide.tasks import ClassificationTarget, RegressionTarget, Target


@dataclass
class Line:
    """A fitted linear head.

    Attributes
    ----------
    weights : ndarray, shape (n_features, n_outputs)
        Of the vectors.
    bias : ndarray, shape (n_outputs,)
        -inf for a class that the rows had not.
    """

    weights: np.ndarray
    bias: np.ndarray

    def decode(self, vectors: np.ndarray, target: Target) -> np.ndarray:
        """Return numbers in the user's units (n,), or probabilities (n, n_classes)."""
        outputs = vectors @ self.weights + self.bias
        if isinstance(target, RegressionTarget):
            return outputs[:, 0] * float(target.scale) + float(target.mean)
        return softmax(outputs, axis=1)


@dataclass
class Scales:
    """Means and deviations of vectors' entries; an entry that does not vary is worth nothing.

    Attributes
    ----------
    center, scale : ndarray, shape (n_features,)
        `scale` is inf where all known entries are equal.
    """

    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Scales:
        """Return those of training vectors (n, n_features), NaN where an entry is missing."""
        known = ~np.isnan(vectors)
        count = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, vectors, 0).sum(axis=0) / count
        deviation = np.sqrt((np.where(known, vectors - center, 0) ** 2).sum(axis=0) / count)
        return cls(center, np.where(deviation > np.abs(center) * 1e-6, deviation, np.inf))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return standardised vectors; a missing entry is 0, the mean."""
        if vectors.shape[1] != len(self.center):
            raise DataError(
                f"`vectors` must have {len(self.center)} entries, as in training; got {vectors.shape[1]}."
            )
        return np.nan_to_num((vectors - self.center) / self.scale, nan=0.0)

    def unscaled(self, line: Line) -> Line:
        """Return a head of standardised vectors as one of the vectors as they are."""
        weights = line.weights / self.scale[:, None]
        return Line(weights, line.bias - self.center @ weights)


def check_solvable(targets: Iterable[Target], heads: str = "linear heads") -> None:
    """Raise unless each target is a number or a class a row: what a ridge or a logistic regression answers.

    Parameters
    ----------
    targets : iterable of Target
    heads : str
        What cannot answer the others.

    Raises
    ------
    ParameterError
        Naming the tasks that are not.
    """
    kinds = (ClassificationTarget, RegressionTarget)
    odd = [
        f"{target.task.name!r} ({target.task.kind}{', quantiles' if isinstance(target, kinds) else ''})"
        for target in targets
        if not isinstance(target, kinds)
        or (isinstance(target, RegressionTarget) and target.n_outputs > 1)
    ]
    if odd:
        raise ParameterError(
            f"`tasks` must be classifications, or regressions of one number, for {heads}; got {', '.join(odd)}. "
            "Leave them out, or train a network."
        )


def lines(
    vectors: np.ndarray, codes: np.ndarray, target: Target, strengths: Sequence[float]
) -> Iterator[Line]:
    """Yield the head for each strength, as many as there are; strong ones first are faster.

    Parameters
    ----------
    vectors : ndarray of float64, shape (n, n_features)
        Standardised, of labelled rows.
    codes : ndarray, shape (n,)
        Their labels, as `target` encodes them.
    target : Target
        A classification or a regression.
    strengths : sequence of float
        Of the L2 penalty, in units of the vectors' mean squared length.

    Notes
    -----
    An L2 penalty does not change when the vectors are rotated, so all heads are fitted on at most
    min(n, n_features) principal components.
    """
    center = vectors.mean(axis=0)
    scores, back = _components(vectors - center)
    length = np.sqrt((scores**2).sum(axis=1).mean()) or 1.0  # vectors may all be equal
    fits = _logistic if isinstance(target, ClassificationTarget) else _ridge
    for weights, bias in fits(scores / length, codes, target, strengths):
        own = back @ weights / length
        yield Line(own, bias - center @ own)


def _components(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return principal components (n, r) and the way back (n_features, r): components = vectors @ back."""
    n, n_features = vectors.shape
    values, axes = eigh(vectors.T @ vectors if n >= n_features else vectors @ vectors.T)
    kept = values > max(values.max(), 0) * max(n, n_features) * np.finfo(np.float64).eps
    back = axes[:, kept] if n >= n_features else vectors.T @ (axes[:, kept] / np.sqrt(values[kept]))
    return vectors @ back, back


def _ridge(
    scores: np.ndarray, codes: np.ndarray, target: Target, strengths: Sequence[float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    mean = codes.mean()
    along, squares = scores.T @ (codes - mean), (scores**2).sum(axis=0)
    for strength in strengths:
        yield (along / (squares + strength * len(codes)))[:, None], np.array([mean])


def _logistic(
    scores: np.ndarray, codes: np.ndarray, target: Target, strengths: Sequence[float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    assert isinstance(target, ClassificationTarget)
    present = np.unique(codes)
    row_weights = target.class_weights.numpy().astype(np.float64)[codes]
    model = LogisticRegression(warm_start=True, max_iter=500)
    for strength in strengths:
        weights, bias = (
            np.zeros((scores.shape[1], target.n_outputs)),
            np.full(target.n_outputs, -np.inf),
        )
        bias[present] = 0.0
        if len(present) > 1 and scores.shape[1]:
            with warnings.catch_warnings(
                action="ignore", category=ConvergenceWarning
            ):  # a weak penalty stops early
                model.set_params(C=1 / (strength * len(codes))).fit(
                    scores, codes, sample_weight=row_weights
                )
            rows = present[1:] if len(present) == 2 else present
            weights[:, rows], bias[rows] = model.coef_.T, model.intercept_
        yield weights, bias
