"""Rules that combine the predictions of several fits, tried by ``weights.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from scipy import stats

from multitide.fitting._choose_weights import choose_weights
from multitide.fitting._greedy_weights import _selected, greedy_weights

Predictions: TypeAlias = "Sequence[np.ndarray]"
RowLosses: TypeAlias = "Callable[[np.ndarray], np.ndarray]"
# Return the combined predictions.
Rule: TypeAlias = "Callable[[Predictions, RowLosses, np.ndarray], np.ndarray]"
Weights: TypeAlias = "Callable[[Predictions, RowLosses, np.ndarray], np.ndarray]"
SMALLEST = 1e-4
LEAST_SHARE = 0.05
# Several rules start from the same selection; the losses stay alive, so that ids are not reused.
_GREEDY: dict[tuple[int, ...], tuple[RowLosses, np.ndarray]] = {}


def mean_of(predictions: Predictions, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean."""
    total = np.zeros_like(predictions[0])
    for weight, values in zip(weights, predictions, strict=True):
        total += weight * values
    return total


def by(weights: Weights) -> Rule:
    """Return the rule of a mean with these weights, without those below `LEAST_SHARE`."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        found = weights(predictions, losses, groups)
        found = np.where(found < LEAST_SHARE, 0, found)
        return mean_of(predictions, found / found.sum())

    return rule


def of_logits(weights: Weights) -> Rule:
    """Return the rule of a geometric mean of probabilities."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        first = predictions[0]
        if first.ndim != 2 or not np.allclose(first.sum(axis=1), 1, atol=1e-3):
            return by(weights)(predictions, losses, groups)
        found = weights(predictions, losses, groups)
        logs = [np.log(np.maximum(each, SMALLEST)) for each in predictions]
        values = np.exp(mean_of(logs, found))
        return values / values.sum(axis=1, keepdims=True)

    return rule


def uniform(
    predictions: Predictions, losses: RowLosses, groups: np.ndarray
) -> np.ndarray:
    """Weight all alike."""
    return np.full(len(predictions), 1 / len(predictions))


def best_part(
    predictions: Predictions, losses: RowLosses, groups: np.ndarray
) -> np.ndarray:
    """Take the part with the lowest loss."""
    means = [np.nanmean(losses(each)) for each in predictions]
    return np.eye(len(predictions))[int(np.argmin(means))]


def greedy(
    predictions: Predictions, losses: RowLosses, groups: np.ndarray
) -> np.ndarray:
    """Take greedy selection on bootstrap samples."""
    key = (id(losses), *map(id, predictions))
    if key not in _GREEDY:
        _GREEDY[key] = losses, greedy_weights(predictions, losses, groups, 0)
    return _GREEDY[key][1]


def shipped(
    predictions: Predictions, losses: RowLosses, groups: np.ndarray
) -> np.ndarray:
    """Take the rule of the package."""
    return choose_weights(predictions, losses, groups, 0)


def shrunk(
    weights: Weights, towards: Weights, strength: float, counts: str = "groups"
) -> Weights:
    """Return the rule that counts as much as `strength` groups of the prior weights."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        known = ~np.isnan(losses(predictions[0]))
        n = len(np.unique(groups[known]))
        if counts == "squares":
            n = effective(
                losses(mean_of(predictions, uniform(predictions, losses, groups)))
            )
        own = weights(predictions, losses, groups)
        prior = towards(predictions, losses, groups)
        return (n * own + strength * prior) / (n + strength)

    return rule


def effective(losses: np.ndarray) -> float:
    """Return the number of rows that the loss comes from: few, if a few rows have most of it."""
    known = losses[~np.isnan(losses)]
    return float(known.sum() ** 2 / np.maximum((known**2).sum(), 1e-12))


def kept_by(n_errors: float, then: Weights) -> Weights:
    """Return the rule that leaves out parts that are worse than the best by so many SE."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        table = np.stack([losses(each) for each in predictions])
        best = int(np.argmin(np.nanmean(table, axis=1)))
        places = []
        for i in range(len(predictions)):
            mean, error = mean_and_error(table[i] - table[best], groups)
            if i == best or mean <= n_errors * error:
                places.append(i)
        found = np.zeros(len(predictions))
        found[places] = then([predictions[i] for i in places], losses, groups)
        return found

    return rule


def unless_better(n_errors: float, weights: Weights, otherwise: Weights) -> Weights:
    """Return the rule that takes weights only if their mean is better by so many SE."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        simple = otherwise(predictions, losses, groups)
        other = weights(predictions, losses, groups)
        gain = losses(mean_of(predictions, simple)) - losses(
            mean_of(predictions, other)
        )
        mean, error = mean_and_error(gain, groups)
        return other if mean > n_errors * error else simple

    return rule


def mean_and_error(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the mean over rows, and its standard error over groups."""
    known = ~np.isnan(values)
    values, codes = values[known], np.unique(groups[known], return_inverse=True)[1]
    mean = float(values.mean())
    sums = np.bincount(codes, values - mean)
    n = len(sums)
    return mean, float(np.sqrt((sums**2).sum() * n / max(n - 1, 1)) / len(values))


def bootstrap_winners(temperature: float = 0.0, n_draws: int = 200) -> Weights:
    """Return how often each part has the lowest loss in bootstrap samples (pseudo-BMA+)."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        table = np.stack([losses(each) for each in predictions])
        known = ~np.isnan(table[0])
        _, codes = np.unique(groups[known], return_inverse=True)
        sums = np.stack([np.bincount(codes, row[known]) for row in table])
        generator = np.random.default_rng(0)
        draws = generator.dirichlet(np.ones(sums.shape[1]), n_draws)
        scores = draws @ sums.T * sums.shape[1]  # (n_draws, n_parts), sums of losses
        if temperature:
            scores = -(scores - scores.min(axis=1, keepdims=True)) / temperature
            shares = np.exp(scores)
            return (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        return np.bincount(scores.argmin(axis=1), minlength=len(table)) / n_draws

    return rule


def convex(strength: float, prior: Weights = uniform, n_rounds: int = 30) -> Weights:
    """Return the weights of the lowest mean loss plus strength / n x squared distance to a prior.

    Found by multiplicative updates along numerical gradients.
    """

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        known = ~np.isnan(losses(predictions[0]))
        n = len(np.unique(groups[known]))
        start = prior(predictions, losses, groups)

        def objective(weights: np.ndarray) -> float:
            loss = float(np.nanmean(losses(mean_of(predictions, weights))))
            return loss + strength / n * float(((weights - start) ** 2).sum())

        weights = uniform(predictions, losses, groups)
        value, step = objective(weights), 0.5
        for _ in range(n_rounds):
            move = _best_move(weights, step, objective)
            if move is None or move[1] >= value - 1e-7:
                step /= 2
                if step < 0.05:
                    break
                continue
            weights, value = move
        return weights

    return rule


def _best_move(
    weights: np.ndarray, step: float, objective: Callable[[np.ndarray], float]
) -> tuple[np.ndarray, float] | None:
    """Return the best of the moves towards or away from one part."""
    best = None
    for i in range(len(weights)):
        corner = np.eye(len(weights))[i]
        moves = [(1 - step) * weights + step * corner]
        if weights[i] < 1:
            rest = np.where(corner > 0, 0, weights)
            away = weights * (1 - step * corner)
            moves.append(away / away.sum() if rest.sum() else weights)
        for moved in moves:
            value = objective(moved)
            if best is None or value < best[1]:
                best = moved, value
    return best


def out_of_bag(weights: Weights, towards: Weights, n_bags: int = 10) -> Weights:
    """Return the rule that mixes two rules by the share that is best on rows not drawn."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        prior = towards(predictions, losses, groups)
        own = weights(predictions, losses, groups)
        generator = np.random.default_rng(1)
        n_groups = int(groups.max()) + 1
        sums = np.zeros(len(SHARES))
        for _ in range(n_bags):
            drawn = np.zeros(n_groups, dtype=bool)
            drawn[generator.permutation(n_groups)[: n_groups // 2]] = True
            is_drawn = drawn[groups]

            def of_drawn(values: np.ndarray, is_drawn=is_drawn) -> np.ndarray:
                return np.where(is_drawn, losses(values), np.nan)

            if np.isnan(of_drawn(predictions[0])).all():
                continue
            found = _selected(predictions, of_drawn, np.ones(len(groups)))
            for i, share in enumerate(SHARES):
                mixed = (1 - share) * found + share * prior
                values = losses(mean_of(predictions, mixed))
                sums[i] += np.nansum(np.where(is_drawn, 0, values))
        share = SHARES[int(np.argmin(sums))]
        return (1 - share) * own + share * prior

    return rule


SHARES = np.linspace(0, 1, 6)


def by_loss(power: float) -> Weights:
    """Weight each part by a negative power of its loss."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        means = np.array([np.nanmean(losses(each)) for each in predictions])
        shares = np.maximum(means, 1e-6) ** -power
        return shares / shares.sum()

    return rule


def by_smoothed_loss(prior_rows: float, power: float) -> Weights:
    """Weight by a negative power of losses that so many more rows draw to their mean."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        table = np.stack([losses(each) for each in predictions])
        means = np.nanmean(table, axis=1)
        n_rows = effective(table.mean(axis=0))
        smoothed = (n_rows * means + prior_rows * means.mean()) / (n_rows + prior_rows)
        shares = np.maximum(smoothed, 1e-6) ** -power
        return shares / shares.sum()

    return rule


def kept_by_t(level: float, then: Weights) -> Weights:
    """Return the rule that leaves out parts that are worse than the best by a t test of groups."""

    def rule(
        predictions: Predictions, losses: RowLosses, groups: np.ndarray
    ) -> np.ndarray:
        known = ~np.isnan(losses(predictions[0]))
        n_groups = len(np.unique(groups[known]))
        n_errors = float(stats.t.ppf(level, max(1, n_groups - 1)))
        return kept_by(n_errors, then)(predictions, losses, groups)

    return rule


def smoothed(
    prior_rows: float, power: float, level: float | None, greedy_rows: float
) -> Rule:
    """Return the rule of smoothed weights of parts that are not clearly worse, moving to greedy."""
    start = by_smoothed_loss(prior_rows, power)
    if level is not None:
        start = kept_by_t(level, start)
    return by(shrunk(greedy, start, greedy_rows, "squares"))


def _smoothed_rules() -> dict[str, Rule]:
    rules = {}
    for power in (1, 2, 4):
        for level in (None, 0.975, 0.99, 0.999):
            for greedy_rows in (10, 30):
                name = f"smoothed 10 ^{power}, t {level}, greedy {greedy_rows}"
                rules[name] = smoothed(10, power, level, greedy_rows)
    return rules


RULES: dict[str, Rule] = _smoothed_rules() | {
    "shipped": by(shipped),
    "mean": by(uniform),
    "best": by(best_part),
    "greedy": by(greedy),
    "greedy, logits": of_logits(greedy),
    "mean, logits": of_logits(uniform),
    "shrunk 50": by(shrunk(greedy, uniform, 50)),
    "shrunk 100": by(shrunk(greedy, uniform, 100)),
    "shrunk 200": by(shrunk(greedy, uniform, 200)),
    "shrunk 50 to best": by(shrunk(greedy, best_part, 50)),
    "shrunk 200 to best": by(shrunk(greedy, best_part, 200)),
    "shrunk 30 effective": by(shrunk(greedy, uniform, 30, "squares")),
    "shrunk 100 effective": by(shrunk(greedy, uniform, 100, "squares")),
    "within 1 SE, mean": by(kept_by(1, uniform)),
    "within 2 SE, mean": by(kept_by(2, uniform)),
    "within 1 SE, greedy": by(kept_by(1, greedy)),
    "within 2 SE, greedy": by(kept_by(2, greedy)),
    "best unless 1 SE better": by(unless_better(1, greedy, best_part)),
    "best unless 0.5 SE better": by(unless_better(0.5, greedy, best_part)),
    "greedy within 1 SE, shrunk 100": by(kept_by(1, shrunk(greedy, uniform, 100))),
    "greedy within 2 SE, shrunk 100": by(kept_by(2, shrunk(greedy, uniform, 100))),
    "winners of bootstrap": by(bootstrap_winners()),
    "pseudo-BMA+": by(bootstrap_winners(1.0)),
    "convex 0": by(convex(0.0)),
    "convex 10": by(convex(10.0)),
    "convex 10 to winners": by(convex(10.0, bootstrap_winners())),
    "within 2 SE, shrunk 10": by(kept_by(2, shrunk(greedy, uniform, 10))),
    "within 2 SE, shrunk 30": by(kept_by(2, shrunk(greedy, uniform, 30))),
    "within 2 SE, shrunk 10 effective": by(
        kept_by(2, shrunk(greedy, uniform, 10, "squares"))
    ),
    "within 2 SE, shrunk 30 effective": by(
        kept_by(2, shrunk(greedy, uniform, 30, "squares"))
    ),
    "within 1.5 SE, mean": by(kept_by(1.5, uniform)),
    "within 1.5 SE, shrunk 30 effective": by(
        kept_by(1.5, shrunk(greedy, uniform, 30, "squares"))
    ),
    "within 2 SE, by loss": by(kept_by(2, by_loss(1))),
    "within 2 SE, by loss to greedy": by(
        kept_by(2, shrunk(greedy, by_loss(1), 10, "squares"))
    ),
    "within 2 SE, by loss to greedy of all": by(
        shrunk(greedy, kept_by(2, by_loss(1)), 10, "squares")
    ),
    "within 1 SE, by loss to greedy of all": by(
        shrunk(greedy, kept_by(1, by_loss(1)), 10, "squares")
    ),
    "within 3 SE, by loss to greedy of all": by(
        shrunk(greedy, kept_by(3, by_loss(1)), 10, "squares")
    ),
    "within 2 SE, by loss to greedy of all, 30": by(
        shrunk(greedy, kept_by(2, by_loss(1)), 30, "squares")
    ),
    "within 2 SE, by squared loss": by(kept_by(2, by_loss(2))),
    "within 2 SE, by loss to the 4th": by(kept_by(2, by_loss(4))),
    "by loss to the 4th": by(by_loss(4)),
    "within 2 SE, out of bag": by(kept_by(2, out_of_bag(greedy, uniform))),
    "within 2 SE, 10 effective to loss": by(
        kept_by(2, shrunk(greedy, by_loss(1), 10, "squares"))
    ),
    "within 2 SE, 30 effective to loss": by(
        kept_by(2, shrunk(greedy, by_loss(1), 30, "squares"))
    ),
    "within 2 SE, 10 effective to squared loss": by(
        kept_by(2, shrunk(greedy, by_loss(2), 10, "squares"))
    ),
    "within 2 SE, 30 effective to squared loss": by(
        kept_by(2, shrunk(greedy, by_loss(2), 30, "squares"))
    ),
    "within 3 SE, 30 effective to loss": by(
        kept_by(3, shrunk(greedy, by_loss(1), 30, "squares"))
    ),
    "greedy and winners": by(shrunk(greedy, bootstrap_winners(), 100)),
}
