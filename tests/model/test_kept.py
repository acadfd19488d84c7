"""Models saved by earlier versions of the code still load and predict the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import kept_models
from makers import make_arrays, make_samples
from multitide import MultiTaskEstimator, Samples, load
from multitide._load_to_predict import load_to_predict
from multitide.model._fitted_model import FittedModel

KEPT = (
    Path(__file__).parent / "kept"
)  # written at commit 97f4715, before the package was laid out anew


def samples_of_one() -> Samples:
    X, y = make_arrays(n=60, n_timepoints=16)
    y["ahead_1"], y["ahead_2"] = X[:, 0, -1] * 2, X[:, 0, -2] * 3
    y["hot"] = (X[:, 1].max(1) > 0.5).astype(float)
    y["wet"] = (X[:, 2].max(1) > 0.5).astype(float)
    return Samples.from_arrays(X, y)


def samples_of_two() -> dict[str, Samples]:
    return {
        "rig": make_samples(n=48),
        "plant": make_samples(n=40, seed=1, unequal=True),
    }


def joined(probabilities: dict[str, pd.DataFrame]) -> pd.DataFrame:
    columns = {}
    for task, frame in probabilities.items():
        for value in frame:
            columns[f"{task}={value}"] = frame[value]
    return pd.DataFrame(columns)


def assert_kept(
    name: str, predictions: pd.DataFrame, probabilities: dict[str, pd.DataFrame]
) -> None:
    known = pd.read_parquet(KEPT / f"{name}_predictions.parquet")
    pd.testing.assert_frame_equal(predictions, known, check_exact=True)
    known = pd.read_parquet(KEPT / f"{name}_probabilities.parquet")
    pd.testing.assert_frame_equal(
        joined(probabilities), known, check_exact=True, check_names=False
    )


@pytest.mark.parametrize("name", ["one", "linear"])
def test_a_kept_model_predicts_the_same_bits(name: str) -> None:
    samples = samples_of_one() if name == "one" else make_samples(n=48)
    estimator = MultiTaskEstimator.load(KEPT / name)
    assert_kept(name, estimator.predict(samples), estimator.predict_proba(samples))


def test_a_kept_model_of_two_data_sets_predicts_the_same_bits() -> None:
    samples = samples_of_two()
    estimator = MultiTaskEstimator.load(KEPT / "two")
    predictions, probabilities = (
        estimator.predict(samples),
        estimator.predict_proba(samples),
    )
    for data_set in samples:
        assert_kept(f"two_{data_set}", predictions[data_set], probabilities[data_set])


@pytest.mark.parametrize("read", [load, load_to_predict])
@pytest.mark.parametrize("kind", kept_models.KINDS)
def test_every_kind_of_an_earlier_version_predicts_the_same(
    kind: str, read: Callable[[Path], FittedModel]
) -> None:
    model = read(KEPT / "0.1" / kind)
    known = pd.read_parquet(KEPT / "0.1" / f"{kind}.parquet")
    found = kept_models.predicted(model, kind)
    pd.testing.assert_frame_equal(found, known, rtol=1e-5, check_dtype=False)
