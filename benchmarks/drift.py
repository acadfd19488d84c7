"""Count false alarms of `check_data` at its default threshold, and what it finds.

    python benchmarks/drift.py ["5 machines, 1 new" ...] [--trials 100] [--seed 1000]

Each trial simulates ten channels of training data and new data of the same process, and the latter
once more with a change in the first channel: a level one standard deviation higher, a sensor that
is stuck at one value, another unit (times 1000), and twice as many missing values (20 % in place of
10 %). It prints the share of trials with a score above the threshold. The seeds were not used to
choose anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from multitide.drift._score import THRESHOLD, score_of
from multitide.model._parts import arrangements
from multitide.model._profile import profile_column

N_CHANNELS = 10
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]


def independent(rng: np.random.Generator, n_new: int) -> Drawn:
    """Series with levels of their own, 500 in training."""
    n = 500 + n_new
    values = rng.normal(size=(n, 8, N_CHANNELS)) + rng.normal(size=(n, 1, N_CHANNELS))
    return values[:500], values[500:], np.arange(500)


def heavy_tails(rng: np.random.Generator, n_new: int) -> Drawn:
    """The same with log-normal values."""
    known, new, series = independent(rng, n_new)
    return np.exp(known), np.exp(new), series


def one_series(rng: np.random.Generator, n_new: int, memory: float) -> Drawn:
    """Windows of one series of 2,000 and the next ones, whose levels depend on each other."""
    n = 2000 + n_new
    noise = rng.normal(size=(n, N_CHANNELS)) * np.sqrt(1 - memory**2)
    level = np.empty((n, N_CHANNELS))
    state = rng.normal(size=N_CHANNELS)
    for step in range(n):
        state = memory * state + noise[step]
        level[step] = state
    values = level[:, None] + 0.3 * rng.normal(size=(n, 8, N_CHANNELS))
    return values[:2000], values[2000:], np.zeros(2000, dtype=int)


def machines(rng: np.random.Generator, n_known: int, n_new: int) -> Drawn:
    """Machines with offsets of their own, 15 windows of each."""
    n = n_known + n_new
    offsets = rng.normal(size=(n, 1, 1, N_CHANNELS))
    values = (offsets + rng.normal(size=(n, 15, 8, N_CHANNELS))).reshape(
        n * 15, 8, N_CHANNELS
    )
    return values[: n_known * 15], values[n_known * 15 :], np.arange(n_known).repeat(15)


CASES: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "500 independent series, 3 new": lambda rng: independent(rng, 3),
    "500 independent series, 50 new": lambda rng: independent(rng, 50),
    "500 independent series, 500 new": lambda rng: independent(rng, 500),
    "500 log-normal series, 50 new": lambda rng: heavy_tails(rng, 50),
    "autocorrelation 0.9, 20 new": lambda rng: one_series(rng, 20, 0.9),
    "autocorrelation 0.9, 500 new": lambda rng: one_series(rng, 500, 0.9),
    "autocorrelation 0.99, 100 new": lambda rng: one_series(rng, 100, 0.99),
    "autocorrelation 0.99, 500 new": lambda rng: one_series(rng, 500, 0.99),
    "autocorrelation 0.999, 100 new": lambda rng: one_series(rng, 100, 0.999),
    "3 machines, 1 new": lambda rng: machines(rng, 3, 1),
    "5 machines, 1 new": lambda rng: machines(rng, 5, 1),
    "20 machines, 1 new": lambda rng: machines(rng, 20, 1),
    "50 machines, 3 new": lambda rng: machines(rng, 50, 3),
    "50 machines, 25 new": lambda rng: machines(rng, 50, 25),
}


def higher(values: np.ndarray) -> np.ndarray:
    """Return values one standard deviation higher."""
    return values + np.sqrt(2)


def stuck(values: np.ndarray) -> np.ndarray:
    """Return the first value everywhere."""
    return np.full_like(values, values[0, 0])


def other_unit(values: np.ndarray) -> np.ndarray:
    """Return values in another unit."""
    return 1000 * values


CHANGES = {"1 SD": higher, "stuck": stuck, "unit": other_unit}


def with_gaps(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """Return values of which a share is missing."""
    return np.where(rng.random(values.shape) < share, np.nan, values)


def trial(name: str, seed: int) -> dict[str, bool]:
    """Return which of the changes have a score above the threshold; "" is none."""
    rng = np.random.default_rng(seed)
    known, new, series = CASES[name](rng)
    known = with_gaps(rng, known, 0.1)
    columns = []
    for channel in range(N_CHANNELS):
        values = known[:, :, channel]
        columns.append(
            profile_column(
                "channel", "a", "number", values, len(values), arrangements(series)
            )
        )
    without = []
    for channel, column in enumerate(columns):
        values = with_gaps(rng, new[:, :, channel], 0.1)
        without.append(score_of(column, values, len(values), N_CHANNELS)[0])
    found = {"": max(without) > THRESHOLD}
    first = new[:, :, 0]
    for change, changed in CHANGES.items():
        values = with_gaps(rng, changed(first), 0.1)
        score = score_of(columns[0], values, len(values), N_CHANNELS)[0]
        found[change] = score > THRESHOLD
    values = with_gaps(rng, first, 0.2)
    score = score_of(columns[0], values, len(values), N_CHANNELS)[0]
    return found | {"gaps": score > THRESHOLD}


def main() -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    print(f"{'':32} {'false':>6} {'1 SD':>6} {'stuck':>6} {'unit':>6} {'gaps':>6}")
    for name in options.names:
        trials = []
        for seed in range(options.seed, options.seed + options.trials):
            trials.append(list(trial(name, seed).values()))
        shares = np.mean(trials, axis=0)
        print(f"{name:32}", *(f"{share:6.1%}" for share in shares), flush=True)


if __name__ == "__main__":
    main()
