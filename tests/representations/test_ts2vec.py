"""TS2Vec: its loss is the paper's formula, and its vectors are those of each series alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from makers import make_samples
from multitide.errors import DataError, ParameterError, StoreError
from multitide.representations import LinearHeads, TS2Vec, load_encoder, save_encoder
from multitide.representations._ts2vec import (
    DilatedEncoder,
    contrast,
    hierarchical_loss,
    two_crops,
)
from refusals import refused

SMALL = TS2Vec(n_features=12, hidden_size=8, depth=3, n_steps=4, batch_size=8)


def paper_loss(first: np.ndarray, second: np.ndarray) -> float:
    """The dual loss of the paper at one time scale, for codes of shape (series, time, code)."""
    n, n_steps, _ = first.shape
    total = 0.0
    for i in range(n):
        for t in range(n_steps):
            for own, other in ((first, second), (second, first)):
                positive = own[i, t] @ other[i, t]
                temporal = [own[i, t] @ other[i, s] for s in range(n_steps)]
                temporal += [own[i, t] @ own[i, s] for s in range(n_steps) if s != t]
                instance = [own[i, t] @ other[j, t] for j in range(n)]
                instance += [own[i, t] @ own[j, t] for j in range(n) if j != i]
                total -= (
                    2 * positive
                    - np.logaddexp.reduce(temporal)
                    - np.logaddexp.reduce(instance)
                )
    return total / (4 * n * n_steps)


def test_the_loss_at_one_scale_is_the_papers_formula() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 5, 4))
    a, b = torch.from_numpy(first), torch.from_numpy(second)
    own = (contrast(a, b) + contrast(a.transpose(0, 1), b.transpose(0, 1))) / 2
    assert float(own) == pytest.approx(paper_loss(first, second), rel=1e-12)


def test_the_loss_is_the_mean_over_scales_each_half_as_long() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 3, 5, 4))
    scales = []
    a, b = first, second
    while a.shape[1] > 1:
        scales.append(paper_loss(a, b))
        a, b = (
            z[:, : len(z[0]) // 2 * 2].reshape(3, -1, 2, 4).max(axis=2) for z in (a, b)
        )
    top = contrast(
        torch.from_numpy(a).transpose(0, 1), torch.from_numpy(b).transpose(0, 1)
    )
    expected = np.mean([*scales, float(top) / 2])
    own = hierarchical_loss(
        *(torch.from_numpy(z).transpose(1, 2) for z in (first, second))
    )
    assert float(own) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_steps", [2, 3, 17])
def test_the_end_of_one_crop_is_the_start_of_the_other(n_steps: int) -> None:
    generator = np.random.default_rng(0)
    x = torch.arange(4 * n_steps, dtype=torch.float32).reshape(4, 1, n_steps)
    for _ in range(30):
        first, second, overlap = two_crops(x, generator)
        assert overlap >= 2
        torch.testing.assert_close(first[:, :, -overlap:], second[:, :, :overlap])


def test_a_code_sees_as_far_as_the_dilations_reach() -> None:
    network = DilatedEncoder(1, 4, 4, depth=2).eval()
    x = torch.zeros(1, 1, 61)
    x[0, 0, 30] = 1
    changed = (network(x) != network(torch.zeros_like(x))).any(dim=1)[0].nonzero()[:, 0]
    reach = 2 * (1 + 2 + 4)
    assert (int(changed.min()), int(changed.max())) == (30 - reach, 30 + reach)


def test_a_series_has_its_own_vector_and_the_same_seed_gives_the_same() -> None:
    samples = make_samples(20, unequal=True)
    before = torch.random.get_rng_state()
    encoder = SMALL.fit(samples)
    assert torch.equal(torch.random.get_rng_state(), before)
    vectors = encoder.transform(samples)
    assert (vectors.shape, vectors.dtype) == ((20, 12), np.float32)
    np.testing.assert_allclose(
        encoder.transform(samples[[4]])[0], vectors[4], atol=1e-6
    )
    np.testing.assert_array_equal(SMALL.fit(samples).transform(samples), vectors)


def test_training_lowers_the_loss() -> None:
    samples = make_samples(24)
    x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
    losses = []
    for n_steps in (1, 60):
        encoder = TS2Vec(
            n_features=12, hidden_size=8, depth=3, n_steps=n_steps, lr=0.01
        ).fit(samples)
        torch.manual_seed(0)
        network = encoder._network.train()
        x_in = encoder.layer(x)
        with torch.no_grad():
            losses.append(float(hierarchical_loss(network(x_in), network(x_in))))
    assert losses[1] < 0.8 * losses[0]


def test_linear_heads_learn_from_its_vectors() -> None:
    samples = make_samples(120, missing=0.1)
    vectors = SMALL.fit(samples[:80]).transform(samples)
    figures = (
        LinearHeads()
        .fit(vectors[:80], samples.y[:80])
        .evaluate(vectors[80:], samples.y[80:])
    )
    losses = figures.query("metric == 'loss'")
    assert (losses["value"] < 0.8 * losses["trivial"]).all()


def test_it_is_stored_as_its_arrays(tmp_path: Path) -> None:
    samples = make_samples(20)
    encoder = SMALL.fit(samples)
    path = save_encoder(encoder, tmp_path / "vectors.safetensors")
    again = load_encoder(path)
    np.testing.assert_array_equal(again.transform(samples), encoder.transform(samples))
    assert again.spec == SMALL
    with refused("`path`", "exist", error=StoreError):
        save_encoder(encoder, path)
    path.write_bytes(path.read_bytes()[:-50])
    with refused("`path`", "cannot be read", error=StoreError):
        load_encoder(path)


def test_wrong_input_is_refused() -> None:
    samples = make_samples(20)
    with refused("`X`", "two series", "two time steps", error=DataError):
        SMALL.fit(samples[:1])
    with refused("`TS2Vec.batch_size`", error=ParameterError):
        TS2Vec(batch_size=1).fit(samples)
