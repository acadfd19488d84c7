"""The small models that are kept for later versions, one of each kind.

    PYTHONPATH=src:tests python tests/kept_models.py tests/model/kept/0.1

writes those that are not there yet, with their predictions; a release does so once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import multitide as mt
from makers import make_arrays, make_samples, small
from multitide.backbones import FC
from multitide.model._fitted_model import FittedModel

TINY = FC(hidden_size=4)
Model = mt.MultiTaskEstimator | mt.Ensemble


def samples() -> mt.Samples:
    return make_samples(n=60)


def with_times() -> mt.Samples:
    X, y = make_arrays(60, missing=0)
    y["hours"] = (X[:, 0].mean(axis=1) + 20).round(2)
    y["left"] = (y.index % 3 > 0).astype(float)
    return mt.Samples.from_arrays(X, y)


def network() -> Model:
    return small(backbone=TINY, max_epochs=1, verbose=0).fit(samples())


def trees() -> Model:
    backbone = {"name": "trees", "n_trees": 3}
    return small(backbone=backbone, verbose=0).fit(samples())


def mostly_missing() -> mt.Samples:
    X, y = make_arrays(40, missing=0)
    X[np.random.default_rng(0).random(X.shape) < 0.7] = np.nan
    return mt.Samples.from_arrays(X, y)


def auto() -> Model:
    """Return boosted trees, and a network, which is a small one where values are missing."""
    return small(backbone="auto", max_epochs=2, verbose=0).fit(mostly_missing())


def calibrated() -> Model:
    model = small(backbone=TINY, max_epochs=1, verbose=0)
    return model.fit(samples(), calibration=make_samples(n=60, seed=1))


def survival() -> Model:
    task = mt.Survival("stay", time="hours", event="left", n_bins=3)
    return small(tasks=[task], backbone=TINY, max_epochs=1, verbose=0).fit(with_times())


def ensemble() -> Model:
    member = small(backbone=TINY, max_epochs=1, verbose=0)
    mean = mt.Ensemble({"one": member}, n_seeds=2, n_jobs=1, random_state=0, verbose=0)
    return mean.fit(samples())


KINDS: dict[str, Callable[[], Model]] = {
    "network": network,
    "trees": trees,
    "auto": auto,
    "calibrated": calibrated,
    "survival": survival,
    "ensemble": ensemble,
}

OTHER_SAMPLES = {"survival": with_times, "auto": mostly_missing}


def predicted(model: FittedModel, kind: str) -> pd.DataFrame:
    """Return the predictions of a model for the samples of its kind."""
    given = OTHER_SAMPLES.get(kind, samples)
    found = model.predict(given())
    assert isinstance(found, pd.DataFrame)
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    for kind, fit in KINDS.items():
        if (place / kind).exists():
            continue
        fitted = fit()
        fitted.save(place / kind)
        predicted(fitted, kind).to_parquet(place / f"{kind}.parquet")
