"""Coverage where the size of a recording goes with how hard it is, in simulation.

    python benchmarks/sized_groups.py [--draws 200]

Recordings of 1 to 40 rows, or of 2 rows and a fifth of 60, whose residuals have a standard
deviation of 1, or one that grows or falls with the size; rows are independent, or share most of
their error with their recording. 200 recordings calibrate, others are tested.

It prints the mean coverage at 0.9, of a row of a random recording and of a random row, and how
often the warning about sizes is given for 20, 50 and 200 test recordings; where sizes do not
matter, that is a false alarm.
"""

from __future__ import annotations

import argparse

import numpy as np

from multitide.calibration._scores import Scores
from multitide.calibration._size_link import size_link

LEVEL, N_CALIBRATION = 0.9, 200
N_TESTED = (20, 50, 200)
CASES = {"unrelated": 0.0, "large are hard": 1.0, "large are easy": -1.0}
SHARED = 0.7  # of the variance, where rows of a recording err together


def draw(
    rng: np.random.Generator, n: int, power: float, even: bool, shared: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return absolute residuals, and the recording of each."""
    if even:
        sizes = rng.integers(1, 41, n)
    else:
        sizes = np.where(rng.random(n) < 0.8, 2, 60)
    recordings = np.repeat(np.arange(n), sizes)
    scale = (sizes / 20.0) ** power
    of_recording = np.sqrt(shared) * rng.normal(size=n)
    of_row = np.sqrt(1 - shared) * rng.normal(size=len(recordings))
    residuals = scale[recordings] * np.abs(of_recording[recordings] + of_row)
    return residuals, recordings


def case(
    rng: np.random.Generator, n_draws: int, power: float, even: bool, shared: float
) -> str:
    """Return the figures of a case, as cells."""
    by_recording, by_row = [], []
    warned = dict.fromkeys(N_TESTED, 0)
    for _ in range(n_draws):
        residuals, recordings = draw(rng, N_CALIBRATION, power, even, shared)
        quantiles = Scores.fitted(residuals[:, None], recordings).quantiles(LEVEL)
        for n in N_TESTED:
            residuals, recordings = draw(rng, n, power, even, shared)
            link = size_link(residuals[:, None], quantiles, recordings)
            warned[n] += link.is_linked
        by_recording.append(link.by_unit)
        by_row.append((residuals <= quantiles[0]).mean())
    shares = " ".join(f"{count / n_draws:6.3f}" for count in warned.values())
    return f"{np.mean(by_recording):.3f} {np.mean(by_row):.3f} {shares}"


def main() -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    n_draws = parser.parse_args().draws
    rng = np.random.default_rng(0)
    for name, power in CASES.items():
        for even in (True, False):
            for shared in (0.0, SHARED):
                sizes = "1 to 40" if even else "2 or 60"
                found = case(rng, n_draws, power, even, shared)
                print(f"{name:14} {sizes} shared {shared:.1f}: {found}", flush=True)


if __name__ == "__main__":
    main()
