"""How the probability from which yes is predicted is chosen, and the choice itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, NamedTuple, TypeAlias

import numpy as np
from pydantic import PlainValidator

LIMIT = re.compile(r"(recall|precision)\s*>=\s*(0?\.\d+|1|1\.0*|0)")
COSTS = {"false_negative", "false_positive"}


def _check(value: object) -> object:
    if value is None or value in ("f1", "balanced"):
        return value
    if isinstance(value, str) and LIMIT.fullmatch(value.strip()):
        return value.strip()
    if isinstance(value, dict) and set(value) == COSTS:
        if all(map(_is_cost, value.values())):
            return value
    elif _is_number(value) and 0 < float(value) < 1:  # type: ignore[arg-type]
        return value
    raise ValueError(
        'None, "f1", "balanced", such as "recall>=0.9" or "precision>=0.8", a number between 0 '
        'and 1, or costs above 0, {"false_negative": 10, "false_positive": 1}'
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_cost(value: object) -> bool:
    return _is_number(value) and 0 < float(value) < float("inf")  # type: ignore[arg-type]


# None predicts the more probable answer, as a threshold of 0.5 does.
Threshold: TypeAlias = Annotated[
    "float | str | dict[str, float] | None", PlainValidator(_check)
]


class Counts(NamedTuple):
    """How often yes and no are predicted rightly and wrongly, for each of some thresholds."""

    true_positive: np.ndarray
    false_positive: np.ndarray
    n_yes: float
    n_no: float

    @property
    def precision(self) -> np.ndarray:
        """The share of yes among the rows with that prediction; 0 if there are none."""
        said = self.true_positive + self.false_positive
        share: np.ndarray = self.true_positive / np.where(said > 0, said, 1)
        return share

    @property
    def recall(self) -> np.ndarray:
        """The share of the rows with yes that are found."""
        return self.true_positive / self.n_yes

    @property
    def f1(self) -> np.ndarray:
        """The harmonic mean of both."""
        said = self.true_positive + self.false_positive
        mean: np.ndarray = 2 * self.true_positive / (said + self.n_yes)
        return mean

    @property
    def balanced(self) -> np.ndarray:
        """The mean share of right predictions among the rows with yes and with no."""
        return (self.recall + 1 - self.false_positive / self.n_no) / 2

    def cost(self, false_negative: float, false_positive: float) -> np.ndarray:
        """Return the mean cost of a row."""
        missed = self.n_yes - self.true_positive
        total = false_negative * missed + false_positive * self.false_positive
        return total / (self.n_yes + self.n_no)


class Chosen(NamedTuple):
    """A threshold, and what it gives on the rows that chose it.

    Attributes
    ----------
    threshold : float
        Yes is predicted from this probability on.
    measure : str
        What was made as good as possible: "f1", "precision", "cost", ...
    value, at_half : float
        The measure with this threshold and with 0.5.
    reached : float or None
        The largest value of a limit that no threshold reaches; None if there is none, or it is met.
    """

    threshold: float
    measure: str
    value: float
    at_half: float
    reached: float | None = None


def choose_threshold(
    rule: str | dict[str, float],
    yes: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
) -> Chosen:
    """Choose a threshold on rows that the model has not seen.

    Parameters
    ----------
    rule : str or dict
        A checked rule.
    yes : ndarray of bool, shape (n,)
        The answers, with both yes and no.
    probabilities : ndarray, shape (n,)
        Probabilities of yes.
    weights : ndarray, shape (n,), optional
        How much each row counts.

    Notes
    -----
    Thresholds lie midway between probabilities. Of several that are equally good, the one nearest
    to 0.5 is taken.
    """
    thresholds = _candidates(probabilities)
    counts = _count(thresholds, yes, probabilities, weights)
    measure, score, allowed, reached = _judged(rule, counts)
    best = np.flatnonzero(allowed & (score == score[allowed].max()))
    place = best[np.abs(thresholds[best] - 0.5).argmin()]
    sign = -1.0 if measure == "cost" else 1.0
    _, half, _, _ = _judged(rule, _count(np.array([0.5]), yes, probabilities, weights))
    return Chosen(
        float(thresholds[place]),
        measure,
        sign * float(score[place]),
        sign * float(half[0]),
        reached,
    )


def _judged(
    rule: str | dict[str, float], counts: Counts
) -> tuple[str, np.ndarray, np.ndarray, float | None]:
    """Return a measure, its values (larger is better), which are allowed, and the best limit."""
    everything = np.ones(len(counts.true_positive), dtype=bool)
    if isinstance(rule, dict):
        return "cost", -counts.cost(**rule), everything, None
    if rule in ("f1", "balanced"):
        return rule, getattr(counts, rule), everything, None
    match = LIMIT.fullmatch(rule)
    assert match is not None, rule
    limited, least = match[1], float(match[2])
    other = "precision" if limited == "recall" else "recall"
    found, wanted = getattr(counts, limited), getattr(counts, other)
    allowed = (found >= least - 1e-12) & (counts.true_positive > 0)
    if allowed.any():
        return other, wanted, allowed, None
    return other, wanted, found == found.max(), float(found.max())


def _candidates(probabilities: np.ndarray) -> np.ndarray:
    """Return thresholds between all probabilities, and below the smallest one."""
    distinct = np.unique(probabilities.astype(np.float64))
    lower = np.concatenate([[0.0], distinct[:-1]])
    middles = (lower + distinct) / 2
    # Of many rows, more thresholds than these tell no more.
    most = 2_000
    if len(middles) > most:
        middles = middles[np.linspace(0, len(middles) - 1, most).astype(int)]
    return middles


def _count(
    thresholds: np.ndarray,
    yes: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None,
) -> Counts:
    if weights is None:
        weights = np.ones(len(yes))
    order = np.argsort(probabilities, kind="stable")
    first = np.searchsorted(probabilities[order], thresholds, "left")
    sums: Callable[[np.ndarray], np.ndarray] = _sums_from(order, first, weights)
    n_yes, n_no = float(weights[yes].sum()), float(weights[~yes].sum())
    return Counts(sums(yes), sums(~yes), n_yes, n_no)


def _sums_from(
    order: np.ndarray, first: np.ndarray, weights: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that sums the weights of marked rows from each place of the order on."""

    def sums(marked: np.ndarray) -> np.ndarray:
        ordered = np.where(marked, weights, 0.0)[order]
        from_end = np.append(np.cumsum(ordered[::-1])[::-1], 0.0)
        found: np.ndarray = from_end[first]
        return found

    return sums
