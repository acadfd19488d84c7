"""Encodings: what all keep, then each against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from multitide.encodings import (
    ENCODINGS,
    Difference,
    Encoding,
    EncodingModule,
    PiecewiseLinear,
)

CHANNELS = ("a", "b", "c")
SPECS: dict[str, Encoding] = {
    "difference": Difference(),
    "difference, one": Difference(channels=("c",)),
    "piecewise_linear": PiecewiseLinear(),
    "piecewise_linear, two": PiecewiseLinear(
        n_bins=3, channels=("c", "a"), replace=True
    ),
    "piecewise_linear, replace": PiecewiseLinear(n_bins=1, replace=True),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def data(n: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Series with a skewed channel, and what of them was measured."""
    rng = np.random.default_rng(seed)
    x = np.stack(
        [
            rng.normal(size=(n, 9)),
            rng.lognormal(0, 2, (n, 9)),
            rng.integers(0, 3, (n, 9)),
        ],
        axis=1,
    )
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(
        rng.random((n, 3, 9)) < 0.8
    )


def fitted(spec: Encoding, x: Tensor, measured: Tensor) -> EncodingModule:
    module = spec.build(CHANNELS)
    module.fit(x, measured)
    return module


def test_every_registered_encoding_is_tested_here() -> None:
    assert {type(spec) for spec in SPECS.values()} == set(ENCODINGS.values())


@every_spec
def test_names_and_sources_say_what_comes_out(spec: Encoding) -> None:
    x, measured = data()
    module = fitted(spec, x, measured)
    encoded = module(x)
    assert encoded.shape == (40, len(module.names), 9)
    assert len(module.sources) == len(module.names) == len(set(module.names))
    for column, (name, source) in enumerate(
        zip(module.names, module.sources, strict=True)
    ):
        assert name.startswith(CHANNELS[source])
        changed = x.clone()
        changed[:, source] = changed[:, source] * 2 + torch.randn(40, 9)
        for i, other in enumerate(module.sources):
            assert other == source or torch.equal(module(changed)[:, i], encoded[:, i])
        if name in CHANNELS:
            assert torch.equal(encoded[:, column], x[:, source])


@every_spec
def test_constant_and_unmeasured_channels_stay_finite(spec: Encoding) -> None:
    x, measured = data()
    x[:, 0], measured[:, 1] = 2.0, False
    module = fitted(spec, x, measured)
    assert module(x).isfinite().all()
    assert module(x + 1).isfinite().all()


def test_difference_is_numpys_over_its_deviation() -> None:
    x, measured = data()
    got = fitted(Difference(), x, measured)(x).double().numpy()
    changes = np.diff(x.double().numpy(), axis=2)
    assert (got[:, 3:, 0] == 0).all()
    for i in range(3):
        deviation = changes[:, i][measured[:, i, 1:].numpy()].std()
        np.testing.assert_allclose(
            got[:, 3 + i, 1:], changes[:, i] / deviation, rtol=1e-5, atol=1e-6
        )


def test_difference_of_a_constant_channel_is_zero() -> None:
    x, measured = torch.ones(4, 3, 5), torch.ones(4, 3, 5, dtype=torch.bool)
    assert (fitted(Difference(), x, measured)(x)[:, 3:] == 0).all()


def test_difference_of_single_steps_is_zero() -> None:
    x, measured = torch.randn(4, 3, 1), torch.ones(4, 3, 1, dtype=torch.bool)
    assert (fitted(Difference(), x, measured)(x)[:, 3:] == 0).all()


def papers_encoding(x: float, edges: np.ndarray) -> list[float]:
    """Equation 1 of Gorishniy et al. (2022)."""
    n, encoded = len(edges) - 1, []
    for t in range(1, n + 1):
        if x < edges[t - 1] and t > 1:
            encoded.append(0.0)
        elif x >= edges[t] and t < n:
            encoded.append(1.0)
        else:
            encoded.append((x - edges[t - 1]) / (edges[t] - edges[t - 1]))
    return encoded


@pytest.mark.parametrize("n_bins", [1, 2, 8])
def test_piecewise_linear_is_the_papers_formula(n_bins: int) -> None:
    x, measured = data()
    module = fitted(
        PiecewiseLinear(n_bins=n_bins, channels=("b",), replace=True), x, measured
    )
    edges = np.quantile(
        x[:, 1][measured[:, 1]].double().numpy(), np.linspace(0, 1, n_bins + 1)
    )
    values = torch.tensor([-3.0, *edges.tolist(), 0.3, 1.0, 50.0, 1e4])
    got = module(values.reshape(1, 1, -1).expand(1, 3, -1))[0, 2:]
    expected = np.array([papers_encoding(float(value), edges) for value in values])
    np.testing.assert_allclose(got.T, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("n_bins", [1, 4, 20])
def test_bins_add_up_to_the_value(n_bins: int) -> None:
    # The lowest edge plus the filled width of every bin is the value itself, also outside of the
    # training range and where quantiles coincide (channel c has three values for up to twenty
    # bins).
    x, measured = data()
    module = fitted(PiecewiseLinear(n_bins=n_bins, replace=True), x, measured)
    state = module.state_dict()
    widths = torch.where(state["gain"] > 0, 1 / state["gain"], 0.0)
    for values in (x, x * 3 - 5):
        filled = module(values).unflatten(1, (3, n_bins))
        torch.testing.assert_close(
            state["low"][:, 0] + (filled * widths).sum(2), values, rtol=1e-3, atol=1e-3
        )


def test_coinciding_quantiles_make_one_bin_and_the_rest_give_zero() -> None:
    x, measured = torch.zeros(10, 3, 4), torch.ones(10, 3, 4, dtype=torch.bool)
    x[0] = 5.0  # nine tenths of the values are equal
    module = fitted(PiecewiseLinear(n_bins=4, replace=True), x, measured)
    assert module(x)[:, :4].unique(dim=0).shape[0] == 2
    assert module(x + 0.5)[1, :4, 0].tolist() == pytest.approx([0.1, 0, 0, 0], abs=1e-6)
    x[0] = 0.0
    assert (
        fitted(PiecewiseLinear(n_bins=4, replace=True), x, measured)(x + 1) == 0
    ).all()
