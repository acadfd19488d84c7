"""Vectors in the place of series: what they keep, and where they may come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from makers import make_samples, small
from multitide.errors import DataError, ParameterError, StoreError
from multitide.representations import (
    BackboneEncoder,
    Transformed,
    load_encoder,
    represent,
    save_encoder,
)
from refusals import refused


def test_vectors_become_samples_of_one_step_that_a_network_learns() -> None:
    samples = make_samples(40)
    vectors = np.random.default_rng(0).normal(size=(40, 7))
    made = represent(samples, vectors)
    assert made.shape == (40, 7, 1)
    np.testing.assert_array_equal(
        made.gather(slice(None))[:, :, 0], vectors.astype(np.float32)
    )
    pd.testing.assert_frame_equal(made.y, samples.y)
    predicted = small(backbone="fc", max_epochs=1).fit(made).predict(made[:5])
    assert list(predicted) == ["state", "load"]


@pytest.mark.parametrize(
    ("vectors", "found"),
    [
        (np.zeros((3, 2)), "got shape (3, 2)"),
        (np.zeros(40), "got shape (40,)"),
        (np.full((40, 2), np.inf), "with infinite values"),
    ],
)
def test_invalid_vectors_are_refused(vectors: np.ndarray, found: str) -> None:
    with refused("`encoder`", "40 vectors of finite numbers", found, error=DataError):
        represent(make_samples(40), vectors)


@pytest.mark.parametrize(
    ("sharing", "n_features"), [("hard", 12), ("soft", 24), ("none", 24)]
)
def test_features_of_a_model_are_what_its_heads_read(
    sharing: str, n_features: int
) -> None:
    samples = make_samples(40, unequal=True)
    estimator = small(sharing=sharing, max_epochs=2).fit(samples)
    features = BackboneEncoder(estimator).transform(samples)
    assert features.shape == (40, n_features)
    assert features.dtype == np.float32
    network = estimator.model_.network_list[0]
    place = network.names.index("load") if "load" in network.names else None
    if sharing == "hard" and place is not None:
        state = network.heads[place].state_dict()
        output = features @ state["0.weight"].numpy().T + state["0.bias"].numpy()
        target = network.target_list[place]
        expected = estimator.predict(samples)["load"]
        np.testing.assert_allclose(
            output[:, 0] * float(target.scale) + float(target.mean), expected, rtol=1e-5
        )


def test_features_of_a_series_are_its_own_whatever_its_batch_mates() -> None:
    samples = make_samples(20, unequal=True)
    encoder = BackboneEncoder(small(max_epochs=1).fit(samples))
    np.testing.assert_allclose(
        encoder.transform(samples[[3]])[0], encoder.transform(samples)[3], atol=1e-6
    )


def test_a_transformer_of_scikit_learn() -> None:
    samples = make_samples(40)
    given = PCA(5, random_state=0)
    encoder = Transformed(given, flat=True).fit(samples[:30])
    flat = samples.gather(slice(None)).reshape(40, -1)
    expected = PCA(5, random_state=0).fit(flat[:30]).transform(flat)
    np.testing.assert_allclose(
        encoder.transform(samples), expected, rtol=1e-4, atol=1e-5
    )
    assert not hasattr(given, "components_")


def test_what_is_not_stored_says_so(tmp_path: Path) -> None:
    encoder = Transformed(PCA(2), flat=True).fit(make_samples(20))
    with refused("`encoder`", "stored", "TransformedEncoder", error=ParameterError):
        save_encoder(encoder, tmp_path / "pca.safetensors")
    with refused(
        "`transformer`", "`fit` and `transform`", "'pca'", error=ParameterError
    ):
        Transformed("pca").fit(make_samples(20))
    with refused("`path`", "cannot be read", error=StoreError):
        load_encoder(tmp_path / "nothing.safetensors")
