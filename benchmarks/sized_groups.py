"""Coverage where the size of a recording goes with how hard it is, in simulation.

    python benchmarks/sized_groups.py

Recordings of 1 to 40 rows, whose residuals have a standard deviation of 1, or one that grows or
falls with the size. 200 of them calibrate, 400 new ones are tested, 50 times. It prints the mean
coverage at 0.9, of a row of a random recording and of a random row.
"""

from __future__ import annotations

import numpy as np

from multitide.calibration._scores import Scores

LEVEL, N_DRAWS = 0.9, 50


def draw(
    rng: np.random.Generator, n: int, power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return absolute residuals, and the recording of each."""
    sizes = rng.integers(1, 41, n)
    recordings = np.repeat(np.arange(n), sizes)
    scale = (sizes / 20.0) ** power
    residuals = scale[recordings] * np.abs(rng.normal(size=len(recordings)))
    return residuals, recordings


def main() -> None:
    """Print a line per case."""
    rng = np.random.default_rng(0)
    for name, power in {
        "unrelated": 0.0,
        "large are hard": 1.0,
        "large are easy": -1.0,
    }.items():
        by_recording, by_row = [], []
        for _ in range(N_DRAWS):
            residuals, recordings = draw(rng, 200, power)
            quantile = Scores.fitted(residuals[:, None], recordings).quantiles(LEVEL)[0]
            residuals, recordings = draw(rng, 400, power)
            inside = residuals <= quantile
            sizes = np.bincount(recordings)
            by_recording.append((np.bincount(recordings, inside) / sizes).mean())
            by_row.append(inside.mean())
        print(f"{name:16} {np.mean(by_recording):.3f} {np.mean(by_row):.3f}")


if __name__ == "__main__":
    main()
