"""Compare linear heads of reduced rank with heads fitted alone.

    python benchmarks/reduced_rank.py [--seeds 5]

Simulated: 24 numbers that are linear in 200 correlated features, with noise of the same variance.
Related tasks have 3 directions in common, others none. 400 rows for training and 300 for
validation, with the same fraction of labels.

The rig: four tasks of `simulate_rig` from 1,008 features of MiniRocket; 250 runs for training and
125 for validation, with the same fraction of labels.

Strengths and ranks are chosen on the validation set. Prints mean losses over tasks on new rows, in
units of the best constant.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import multitide as mt

N_TASKS, N_FEATURES, N_DIRECTIONS = 24, 200, 3
SIZES = {"train": 400, "validation": 300, "test": 1000}


def simulated(seed: int, related: bool, labelled: float) -> dict[str, mt.Samples]:
    """Three sets of vectors with their labels; all rows of the test set have labels."""
    generator = np.random.default_rng(seed)
    scales = 1 / np.arange(1, N_FEATURES + 1)
    rotation, _ = np.linalg.qr(generator.normal(size=(N_FEATURES, N_FEATURES)))
    weights = generator.normal(size=(N_FEATURES, N_TASKS))
    if related:
        mixing = generator.normal(size=(N_DIRECTIONS, N_TASKS))
        weights = weights[:, :N_DIRECTIONS] @ mixing
    weights /= np.sqrt(((weights * scales[:, None]) ** 2).sum(axis=0))
    sets = {}
    for name, n in SIZES.items():
        hidden = generator.normal(size=(n, N_FEATURES)) * scales
        y = hidden @ weights + generator.normal(size=(n, N_TASKS))
        if name != "test":
            y[generator.random(y.shape) > labelled] = np.nan
        labels = pd.DataFrame(y, columns=[f"t{i}" for i in range(N_TASKS)])
        X = (hidden @ rotation).astype(np.float32)
        sets[name] = mt.Samples.from_arrays(X[:, :, None], labels)
    return sets


def rig(seed: int, labelled: float) -> dict[str, mt.Samples]:
    """Runs of the simulated rig, with a part of the labels for training and validation."""
    samples = mt.simulate_rig(n_runs=500, random_state=seed)
    generator = np.random.default_rng(seed)
    sets = {
        "train": samples[:250],
        "validation": samples[250:375],
        "test": samples[375:],
    }
    for name in ("train", "validation"):
        hidden = generator.random(sets[name].y.shape) > labelled
        sets[name] = sets[name].replace(y=sets[name].y.mask(hidden))
    return sets


def losses(sets: dict[str, mt.Samples], rank: str | None, **inputs: object) -> float:
    """Mean test loss over tasks."""
    model = mt.MultiTaskEstimator(
        backbone={"name": "linear", "rank": rank}, inputs=inputs, verbose=0
    )
    model.fit(sets["train"], validation=sets["validation"])
    table = model.evaluate(sets["test"])
    table = table[table["metric"] == "loss"]
    return float(table["value"].mean())


def main() -> None:
    """Print one row per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    n_seeds = parser.parse_args().seeds
    cases = {}
    for labelled in (0.06, 0.15, 0.5):
        for related in (True, False):
            kind = "related" if related else "unrelated"
            cases[f"{kind}, {labelled:.0%} labelled"] = (
                lambda seed, related=related, labelled=labelled: simulated(
                    seed, related, labelled
                ),
                {},
            )
    for labelled in (0.15, 1.0):
        cases[f"rig, {labelled:.0%} labelled"] = (
            lambda seed, labelled=labelled: rig(seed, labelled),
            {"representation": {"name": "minirocket", "n_features": 1008}},
        )
    print("| | alone | rank auto | difference | standard error |")
    print("|---|---|---|---|---|")
    for name, (make, inputs) in cases.items():
        found = []
        for seed in range(n_seeds):
            sets = make(seed)
            found.append([losses(sets, rank, **inputs) for rank in (None, "auto")])
        alone, auto = np.array(found).T
        difference = auto - alone
        error = difference.std(ddof=1) / np.sqrt(n_seeds)
        print(
            f"| {name} | {alone.mean():.3f} | {auto.mean():.3f} "
            f"| {difference.mean():+.3f} | {error:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
