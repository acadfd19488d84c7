"""One linear head on standardised vectors: ridge or logistic regression with an L2 penalty."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from multitide._weighted_mean import scaled_to_one
from multitide.errors import DataError, ParameterError
from multitide.tasks import ClassificationTarget, RegressionTarget, Target


@dataclass
class Line:
    """A fitted linear head.

    Attributes
    ----------
    weights : ndarray, shape (n_features, n_outputs)
        Weights of the entries of a vector.
    bias : ndarray, shape (n_outputs,)
        -inf for a class that did not occur in the training rows.
    """

    weights: np.ndarray
    bias: np.ndarray

    def decode(self, vectors: np.ndarray, target: Target) -> np.ndarray:
        """Return numbers in the units of the user, (n,), or probabilities, (n, n_classes)."""
        from scipy.special import softmax

        outputs = vectors @ self.weights + self.bias
        decoded: np.ndarray
        if isinstance(target, RegressionTarget):
            decoded = outputs[:, 0] * float(target.scale) + float(target.mean)
        else:
            decoded = softmax(outputs, axis=1)
        return decoded


@dataclass
class Scales:
    """Means and standard deviations of the entries of vectors.

    Attributes
    ----------
    center, scale : ndarray, shape (n_features,)
        `scale` is inf where all known values are equal, so that the entry has no effect.
    """

    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Scales:
        """Compute them for training vectors (n, n_features), with NaN for missing entries."""
        known = ~np.isnan(vectors)
        count = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, vectors, 0).sum(axis=0) / count
        deviation = np.sqrt(
            (np.where(known, vectors - center, 0) ** 2).sum(axis=0) / count
        )
        varies = deviation > np.abs(center) * 1e-6
        return cls(center, np.where(varies, deviation, np.inf))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return standardised vectors; a missing entry becomes 0, the mean."""
        if vectors.shape[1] != len(self.center):
            raise DataError(
                f"`vectors` must have {len(self.center)} "
                "entries, as in training; "
                f"got {vectors.shape[1]}."
            )
        scaled: np.ndarray = np.nan_to_num(
            (vectors - self.center) / self.scale, nan=0.0
        )
        return scaled

    def unscaled(self, line: Line) -> Line:
        """Convert a head for standardised vectors to one for the original vectors."""
        weights = line.weights / self.scale[:, None]
        return Line(weights, line.bias - self.center @ weights)


def is_solvable(target: Target) -> bool:
    """Return whether a target is a classification or a regression of one number."""
    if isinstance(target, RegressionTarget):
        return target.n_outputs == 1
    return isinstance(target, ClassificationTarget)


def check_solvable(targets: Iterable[Target], heads: str = "linear heads") -> None:
    """Raise unless each target is a classification or a regression of one number.

    Parameters
    ----------
    targets : iterable of Target
    heads : str
        What only these kinds of tasks are available for; used in the message.

    Raises
    ------
    ParameterError
        With the names of the other tasks.
    """
    unsolvable = []
    for target in targets:
        if is_solvable(target):
            continue
        kind = target.task.kind
        if isinstance(target, RegressionTarget):
            kind = f"{kind}, quantiles"
        unsolvable.append(f"{target.task.name!r} ({kind})")
    if unsolvable:
        raise ParameterError(
            "`tasks` must be classifications or "
            f"regressions of one number for {heads}; "
            f"got {', '.join(unsolvable)}. "
            "Remove them, or train a network."
        )


def lines(
    vectors: np.ndarray,
    codes: np.ndarray,
    target: Target,
    strengths: Sequence[float],
    weights: np.ndarray | None = None,
) -> Iterator[Line]:
    """Yield one head per strength. Descending strengths are faster.

    Parameters
    ----------
    vectors : ndarray of float64, shape (n, n_features)
        Standardised vectors of the labelled rows.
    codes : ndarray, shape (n,)
        Their labels, as `target` encodes them.
    target : Target
        A classification or a regression.
    strengths : sequence of float
        Strengths of the L2 penalty, in units of the mean squared length of the vectors.
    weights : ndarray, shape (n,), optional
        How much each row counts.

    Notes
    -----
    An L2 penalty does not depend on rotations of the vectors, so all heads are fitted on at most
    min(n, n_features) principal components.
    """
    if weights is not None:
        weights = scaled_to_one(weights)
    center = np.average(vectors, axis=0, weights=weights)
    scores, back = _components(_times_roots(vectors - center, weights))
    length = np.sqrt((scores**2).sum(axis=1).mean()) or 1.0  # vectors may all be equal
    if weights is not None:
        scores = (vectors - center) @ back
    if isinstance(target, ClassificationTarget):
        fits = _logistic
    else:
        fits = _ridge
    for slopes, bias in fits(scores / length, codes, target, strengths, weights):
        own = back @ slopes / length
        yield Line(own, bias - center @ own)


def _times_roots(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return rows times the roots of their weights, whose squares are weighted squares."""
    if weights is None:
        return rows
    product: np.ndarray = (rows.T * np.sqrt(weights)).T
    return product


def _components(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal components of vectors.

    Returns
    -------
    scores : ndarray, shape (n, r)
        ``vectors @ back``.
    back : ndarray, shape (n_features, r)
    """
    from scipy.linalg import eigh

    n, n_features = vectors.shape
    # The smaller of the two matrices has the same positive eigenvalues.
    tall = n >= n_features
    values, axes = eigh(vectors.T @ vectors if tall else vectors @ vectors.T)
    kept = values > max(values.max(), 0) * max(n, n_features) * np.finfo(np.float64).eps
    back = axes[:, kept]
    if not tall:
        back = vectors.T @ (back / np.sqrt(values[kept]))
    return vectors @ back, back


def _ridge(
    scores: np.ndarray,
    codes: np.ndarray,
    target: Target,
    strengths: Sequence[float],
    weights: np.ndarray | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    mean = np.average(codes, weights=weights)
    scores = _times_roots(scores, weights)
    along = scores.T @ _times_roots(codes - mean, weights)
    squares = (scores**2).sum(axis=0)
    for strength in strengths:
        yield (along / (squares + strength * len(codes)))[:, None], np.array([mean])


def _logistic(
    scores: np.ndarray,
    codes: np.ndarray,
    target: Target,
    strengths: Sequence[float],
    weights: np.ndarray | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    assert isinstance(target, ClassificationTarget)
    present = np.unique(codes)
    row_weights = target.class_weights.numpy().astype(np.float64)[codes]
    if weights is not None:
        row_weights = row_weights * weights
    model = LogisticRegression(warm_start=True, max_iter=500)
    for strength in strengths:
        slopes = np.zeros((scores.shape[1], target.n_outputs))
        bias = np.full(target.n_outputs, -np.inf)
        bias[present] = 0.0
        if len(present) > 1 and scores.shape[1]:
            model.set_params(C=1 / (strength * len(codes)))
            # With a weak penalty, the solver stops before it converges.
            with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
                model.fit(scores, codes, sample_weight=row_weights)
            if len(present) == 2:
                rows = present[1:]
            else:
                rows = present
            slopes[:, rows] = model.coef_.T
            bias[rows] = model.intercept_
        yield slopes, bias
