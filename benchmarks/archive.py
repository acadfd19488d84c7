"""Measure the defaults on small archive sets that no default was chosen on.

    python benchmarks/archive.py [SET ...] [--arms default best boosting minirocket ...]
        [--seeds 3] [--n-seeds 1] [--folder runs/archive]

aeon is installed with ten sets of the archives of time series classification and regression, with
24 to 1,460 steps and 36 to 270 training series. Training and test set are the archive's.
``default`` is ``MultiTaskEstimator()``, ``best`` ``Ensemble(n_seeds=...)`` and ``boosting`` the
study's baseline; the others are aeon's own, with their defaults. Nothing is chosen here. The
figures are accuracies, and for numbers RMSE. Each fit is a line of ``results.jsonl`` in the
folder, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from aeon import datasets
from aeon.classification.convolution_based import (
    MiniRocketClassifier,
    MultiRocketHydraClassifier,
)
from aeon.classification.interval_based import QUANTClassifier
from aeon.regression.convolution_based import (
    MiniRocketRegressor,
    MultiRocketHydraRegressor,
)
from aeon.regression.interval_based import QUANTRegressor
from results import Results
from sklearn.model_selection import train_test_split

from multitide import Ensemble, MultiTaskEstimator, Samples, Split
from multitide.reports._pages import markdown_table
from multitide.study.design._baselines import Boosting
from multitide.tasks import resolve_tasks

CLASSES = (
    "acsf1",
    "arrow_head",
    "basic_motions",
    "gunpoint",
    "italy_power_demand",
    "japanese_vowels",
    "osuleaf",
    "PickupGestureWiimoteZ",
)
NUMBERS = ("cardano_sentiment", "covid_3month")
AEON = {
    "minirocket": (MiniRocketClassifier, MiniRocketRegressor),
    "multirocket_hydra": (MultiRocketHydraClassifier, MultiRocketHydraRegressor),
    "quant": (QUANTClassifier, QUANTRegressor),
}
ARMS = ("default", "best", "boosting", *AEON)


def read(name: str, which: str) -> tuple[Any, np.ndarray]:
    """Return the series and labels of the training or the test set."""
    if hasattr(datasets, f"load_{name}"):
        series, labels = getattr(datasets, f"load_{name}")(split=which)
    else:
        place = Path(datasets.__file__).parent / "data"
        series, labels = datasets.load_classification(
            name, split=which, extract_path=place, load_equal_length=False
        )
    if name in NUMBERS:
        return series, labels.astype(float)
    return series, labels


def samples_of(series: Any, labels: np.ndarray) -> Samples:
    """Return the series with their labels."""
    return Samples.from_arrays(list(series), pd.DataFrame({"label": labels}))


def figure_in(table: pd.DataFrame, name: str) -> float:
    """Return the accuracy, or the RMSE of a number, in a table of metrics."""
    metric = "rmse" if name in NUMBERS else "accuracy"
    return float(table.loc[table["metric"] == metric, "value"].iloc[0])


def of_boosting(name: str, seed: int) -> float:
    """Measure the study's baseline; a fifth of the training set chooses its number of trees."""
    series, labels = read(name, "train")
    more_series, more_labels = read(name, "test")
    n_train = len(labels)
    both = samples_of([*series, *more_series], np.concatenate([labels, more_labels]))
    learn, hold = train_test_split(
        np.arange(n_train),
        test_size=0.2,
        random_state=seed,
        stratify=None if name in NUMBERS else labels,
    )
    split = Split(np.sort(learn), np.sort(hold), np.arange(n_train, len(both)))
    (task,) = resolve_tasks(None, both.y)
    target = task.fit_target(both[split.train].y)
    decoded, _ = Boosting().answer(both, split, target)
    return figure_in(target.evaluate(both[split.test], decoded), name)


def of_aeon(name: str, arm: str, seed: int) -> float:
    """Measure one of aeon's own."""
    estimator = AEON[arm][name in NUMBERS](random_state=seed)
    estimator.fit(*read(name, "train"))
    series, truth = read(name, "test")
    predicted = estimator.predict(series)
    if name in NUMBERS:
        return float(np.sqrt(np.mean((predicted - truth) ** 2)))
    return float(np.mean(predicted == truth))


def figure_of(name: str, arm: str, seed: int, n_seeds: int) -> float:
    """Fit an arm, and return its accuracy or RMSE on the test set."""
    if arm in AEON:
        return of_aeon(name, arm, seed)
    if arm == "boosting":
        return of_boosting(name, seed)
    estimator: MultiTaskEstimator | Ensemble
    if arm == "default":
        estimator = MultiTaskEstimator(random_state=seed, verbose=0)
    else:
        estimator = Ensemble(
            n_seeds=n_seeds, random_state=100 * seed, n_jobs=1, verbose=0
        )
    estimator.fit(samples_of(*read(name, "train")))
    return figure_in(estimator.evaluate(samples_of(*read(name, "test"))), name)


def measure(name: str, arm: str, seed: int, n_seeds: int) -> dict[str, Any]:
    """Measure an arm, and the seconds of the processor; NaN if it refuses the series."""
    started = time.process_time()
    try:
        figure = figure_of(name, arm, seed, n_seeds)
    except (ValueError, TypeError) as error:
        print(f"{name}, {arm}: {error}", file=sys.stderr)
        figure = float("nan")
    return {
        "set": name,
        "arm": arm,
        "seed": seed,
        "figure": round(figure, 5),
        "seconds": round(time.process_time() - started, 1),
    }


def main() -> None:
    """Measure what is not measured yet, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = (*CLASSES, *NUMBERS)
    parser.add_argument("sets", nargs="*", choices=[[], *names])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-seeds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/archive"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = Results(arguments.folder)
    done = results.values("set", "arm", "seed")
    for arm in arguments.arms:
        for name in arguments.sets or names:
            for seed in range(arguments.seeds):
                if (name, arm, seed) not in done:
                    row = measure(name, arm, seed, arguments.n_seeds)
                    results.add(row)
                    print(json.dumps(row), file=sys.stderr, flush=True)
    frame = pd.DataFrame(results.rows)
    for value in ("figure", "seconds"):
        wide = frame.pivot_table(value, "set", "arm", sort=False).round(3)
        print(f"\n{value}\n\n{markdown_table(wide.reset_index())}")


if __name__ == "__main__":
    main()
