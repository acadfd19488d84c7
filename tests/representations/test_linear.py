"""Linear heads are scikit-learn's ridge and logistic regression, per task, on its labelled rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from makers import make_samples, small
from multitide.errors import DataError, ParameterError
from multitide.representations import LinearHeads, represent
from multitide.tasks import Classification, Regression
from refusals import refused


def make_vectors(
    n: int = 80, n_features: int = 12, seed: int = 0
) -> tuple[np.ndarray, pd.DataFrame]:
    """Vectors with three classes and a number, partly missing and nearly linear in the vectors."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(5, 3, size=(n, n_features))
    noise = rng.normal(size=(n, 2))
    place = (vectors[:, 0] - 5) / 3 + 0.3 * noise[:, 0]
    y = pd.DataFrame(
        {
            "kind": np.digitize(place, [-0.5, 0.5]),
            "size": 40 + 7 * vectors[:, 1] + noise[:, 1],
        }
    )
    y["kind"] = y["kind"].map({0: "low", 1: "mid", 2: "high"}).mask(rng.random(n) < 0.3)
    y["size"] = y["size"].mask(rng.random(n) < 0.3)
    return vectors, y


def standardised(vectors: np.ndarray) -> np.ndarray:
    return (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)


@pytest.mark.parametrize("n_features", [12, 150])
@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_numbers_are_scikit_learns_ridge(n_features: int, strength: float) -> None:
    vectors, y = make_vectors(n_features=n_features)
    heads = LinearHeads(["size"], strengths=[strength]).fit(vectors, y)
    labelled = y["size"].notna().to_numpy()
    scaled = standardised(vectors)
    centred = scaled[labelled] - scaled[labelled].mean(axis=0)
    penalty = (
        strength * (centred**2).sum()
    )  # mean squared length, times the number of rows
    ridge = Ridge(alpha=penalty).fit(scaled[labelled], y["size"][labelled])
    np.testing.assert_allclose(
        heads.predict(vectors)["size"], ridge.predict(scaled), rtol=1e-6
    )


@pytest.mark.parametrize("n_features", [12, 150])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_scikit_learns_logistic_regression(
    n_features: int, n_classes: int
) -> None:
    vectors, y = make_vectors(n_features=n_features)
    y["kind"] = y["kind"].replace({"high": "mid"}) if n_classes == 2 else y["kind"]
    heads = LinearHeads(["kind"], strengths=[0.1]).fit(vectors, y)
    labelled = y["kind"].notna().to_numpy()
    scaled = standardised(vectors)
    centred = scaled[labelled] - scaled[labelled].mean(axis=0)
    model = LogisticRegression(
        C=1 / (0.1 * (centred**2).sum()), tol=1e-8, max_iter=2000
    )
    model.fit(scaled[labelled], y["kind"][labelled])
    probabilities = heads.predict_proba(vectors)["kind"]
    assert list(probabilities) == list(model.classes_)
    np.testing.assert_allclose(probabilities, model.predict_proba(scaled), atol=2e-3)


def test_balanced_classes_reach_the_head() -> None:
    vectors, y = make_vectors(200)
    y["kind"] = y["kind"].where((y["kind"] != "low") | (np.arange(200) % 8 == 0))
    plain, balanced = (
        LinearHeads([Classification("kind", class_weight=weight)], strengths=[1.0]).fit(
            vectors, y
        )
        for weight in (None, "balanced")
    )
    share = [
        (heads.predict(vectors)["kind"] == "low").mean() for heads in (plain, balanced)
    ]
    assert share[0] < share[1]


def test_the_strength_is_the_best_on_the_given_validation_rows() -> None:
    vectors, y = make_vectors(120, n_features=60)
    train, valid = (vectors[:60], y[:60]), (vectors[60:], y[60:])
    strengths = [10.0, 0.1, 1e-4]
    heads = LinearHeads(strengths=strengths).fit(*train, validation=valid)
    for task in ("kind", "size"):
        losses = {}
        for strength in strengths:
            table = (
                LinearHeads([task], strengths=[strength])
                .fit(*train, validation=valid)
                .evaluate(*valid)
            )
            losses[strength] = table.set_index("metric")["value"]["loss"]
        assert heads.strengths_[task] == min(
            losses, key=lambda strength: losses[strength]
        )


def test_it_beats_the_trivial_predictor_on_new_rows_and_learns_from_labelled_rows_only() -> (
    None
):
    vectors, y = make_vectors(300)
    heads = LinearHeads().fit(vectors[:200], y[:200])
    losses = heads.evaluate(vectors[200:], y[200:]).query("metric == 'loss'")
    assert (losses["value"] < 0.5 * losses["trivial"]).all()
    unlabelled = y["size"][:200].isna().to_numpy()
    other = LinearHeads(["size"]).fit(vectors[:200], y[:200].assign(kind=None))
    np.testing.assert_allclose(
        other.predict(vectors)["size"], heads.predict(vectors)["size"]
    )
    assert unlabelled.any()


def test_figures_are_those_of_the_estimator_for_the_same_predictions() -> None:
    samples = make_samples(40)
    vectors = represent(samples, samples.gather(slice(None)).mean(axis=2))
    estimator = small(backbone="fc", max_epochs=1, validation=None).fit(vectors)
    heads = LinearHeads(list(estimator.tasks_)).fit(vectors.values, vectors.y)
    own, other = heads.evaluate(vectors.values, vectors.y), estimator.evaluate(vectors)
    same = ["task", "metric", "trivial", "n_labelled", "higher_is_better"]
    pd.testing.assert_frame_equal(own[same], other[same])


def test_missing_and_constant_entries_do_no_harm() -> None:
    vectors, y = make_vectors()
    plain = LinearHeads(strengths=[0.1]).fit(vectors, y)
    wider = np.column_stack(
        [vectors, np.full(len(vectors), 7.0), np.full(len(vectors), np.nan)]
    )
    heads = LinearHeads(strengths=[0.1]).fit(wider, y)
    np.testing.assert_allclose(
        heads.predict(wider)["size"], plain.predict(vectors)["size"]
    )
    wider[:5, 1] = np.nan
    assert heads.predict(wider).notna().all(axis=None)


def test_a_class_that_only_the_choosing_rows_have_is_survived() -> None:
    vectors, y = make_vectors(30)
    y["kind"] = np.where(np.arange(30) == 3, "rare", "usual")
    for seed in range(8):
        assert (
            LinearHeads(["kind"], random_state=seed)
            .fit(vectors, y)
            .predict(vectors)
            .notna()
            .all(axis=None)
        )


def test_wrong_input_is_refused() -> None:
    vectors, y = make_vectors()
    heads = LinearHeads([Regression("size")]).fit(vectors, y)
    with refused("`vectors`", "12 entries", "got 3", error=DataError):
        heads.predict(vectors[:, :3])
    with refused("`vectors`", "finite or NaN", "shape", error=DataError):
        LinearHeads().fit(vectors[:, 0], y)
    with refused("`y`", "one row per vector", error=DataError):
        LinearHeads().fit(vectors, y[:3])
    with refused("labels for validation", "none", error=DataError):
        LinearHeads(["size"]).fit(
            vectors, y, validation=(vectors, y.assign(size=np.nan))
        )
    with refused("`y`", "column for every task", error=DataError):
        heads.evaluate(vectors, y[["kind"]])
    with refused("`strengths`", "above 0", error=ParameterError):
        LinearHeads(strengths=[0]).fit(vectors, y)
    with refused("`fit`", error=ParameterError):
        LinearHeads().predict(vectors)
