"""Trace-norm sharing: the norm is NumPy's, its gradient is finite everywhere, and it draws the tasks together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from makers import SMALL, make_samples, small
from multitide.methods import goes_with
from multitide.sharing import TraceNorm
from multitide.sharing.trace_norm import trace_norms

X = torch.randn(5, 3, 20, generator=torch.Generator().manual_seed(0))


def build(**settings: Any) -> Any:
    torch.manual_seed(0)
    return TraceNorm(**settings).build(SMALL, 3, 20, 3).eval()


@pytest.mark.parametrize("same_start", [False, True])
def test_the_tie_is_numpys_nuclear_norm_of_each_layers_stacked_weights(same_start: bool) -> None:
    module = build(strength=0.5, same_start=same_start)
    layers = zip(*(backbone.parameters() for backbone in module.backbones), strict=True)
    weights = [np.stack([p.detach().double().numpy().ravel() for p in same]) for same in layers if same[0].ndim > 1]
    expected = sum(np.linalg.norm(matrix, "nuc") for matrix in weights)
    assert module.penalty().item() == pytest.approx(0.5 * expected, rel=1e-5)
    rank_one = sum(np.sqrt(3) * np.linalg.norm(matrix[0]) for matrix in weights)
    assert (expected == pytest.approx(rank_one)) == same_start


def test_the_gradient_of_the_trace_norm_is_finite_and_at_most_one_long_where_singular_values_are_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    one, far = torch.randn(2, 40, generator=generator)
    none, near = 0 * one, one + 1e-6 * far
    for rows in ([one, one, one], [one, none, none], [none, none, none], [one, one, far], [one, near, far]):
        same = [row.clone().requires_grad_() for row in rows]
        trace_norms([same]).backward()
        gradient = torch.stack([row.grad for row in same]).double()
        assert torch.isfinite(gradient).all()
        assert torch.linalg.matrix_norm(gradient, 2) <= 1 + 1e-6
    apart = [torch.randn(40, generator=generator, requires_grad=True) for _ in range(3)]
    trace_norms([apart]).backward()
    U, _, Vh = np.linalg.svd(torch.stack(apart).detach().double().numpy(), full_matrices=False)
    np.testing.assert_allclose(torch.stack([row.grad for row in apart]).numpy(), U @ Vh, atol=1e-6)


def test_without_strength_the_networks_are_independent() -> None:
    module = build(strength=0.0, same_start=False)
    assert module.penalty() is None
    torch.manual_seed(0)
    for backbone, features in zip([SMALL.build(3, 20).eval() for _ in range(3)], module(X), strict=True):
        torch.testing.assert_close(backbone(X), features)
    same = build()(X)
    assert torch.equal(same[0], same[2])


def test_a_stronger_tie_leaves_the_tasks_weights_fewer_directions() -> None:
    shares = []
    for strength in (0.0, 1.0):
        sharing = TraceNorm(strength=strength, same_start=False)
        estimator = small(sharing=sharing, max_epochs=8, lr=0.02).fit(make_samples())
        backbones = estimator.model_.network_list[0].sharing.backbones
        weights = torch.stack([backbone.blocks["conv2"].convolution.weight.flatten() for backbone in backbones])
        singular = torch.linalg.svdvals(weights)
        shares.append((singular[1] / singular[0]).item())
    assert shares[1] < 0.75 * shares[0]


def test_no_aggregator_has_a_place_where_the_gradients_meet() -> None:
    assert goes_with("sharing", "trace_norm")["aggregator"] == []
