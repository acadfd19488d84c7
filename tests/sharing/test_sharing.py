"""Every way of sharing: shapes, what is shared, what ties, and that it trains, stores and loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from makers import SMALL, a_third_now, make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones._backbone import Backbone, BackboneModule
from multitide.errors import ParameterError
from multitide.sharing import SHARINGS, CrossStitch, Hard, Soft, SoftHard
from refusals import refused

X = torch.randn(5, 3, 20, generator=torch.Generator().manual_seed(0))


def build(sharing: Any, n_tasks: int = 3) -> Any:
    torch.manual_seed(0)
    return sharing.build(SMALL, 3, 20, n_tasks).eval()


@pytest.mark.parametrize("n_tasks", [1, 3])
@pytest.mark.parametrize("name", SHARINGS)
def test_every_sharing_gives_each_task_its_features(name: str, n_tasks: int) -> None:
    module = build(SHARINGS[name](), n_tasks)
    features = module(X)
    assert len(features) == n_tasks
    assert all(each.shape == (5, module.n_features) for each in features)


@pytest.mark.parametrize("name", SHARINGS)
def test_with_one_task_every_sharing_is_the_plain_backbone(name: str) -> None:
    torch.manual_seed(0)
    plain = SMALL.build(3, 20).eval()
    module = build(SHARINGS[name](), 1)
    assert module.penalty() is None
    torch.testing.assert_close(module(X)[0], plain(X))


@pytest.mark.parametrize("name", SHARINGS)
@pytest.mark.parametrize("unequal", a_third_now([True, False]))
def test_every_sharing_trains_stores_and_loads(
    name: str, unequal: bool, tmp_path: Path
) -> None:
    samples = make_samples(unequal=unequal)
    estimator = small(sharing=SHARINGS[name](head_units=6), max_epochs=2).fit(samples)
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    assert (loaded.predict(samples) == estimator.predict(samples)).all(axis=None)


@pytest.mark.parametrize("name", SHARINGS)
def test_the_gradient_of_a_task_reaches_what_it_shares_and_no_other_task(
    name: str,
) -> None:
    module = build(SHARINGS[name](), 3)
    module(X)[1].square().sum().backward()
    shared = {id(parameter) for parameter in module.shared_parameters()}
    reached = {
        id(p) for p in module.parameters() if p.grad is not None and p.grad.any()
    }
    assert all(
        id(p) in reached
        for p in module.shared_parameters()
        if p.ndim > 1 and name != "cross_stitch"
    )
    others = [p for p in module.parameters() if id(p) not in shared]
    assert sum(id(p) in reached for p in others) <= max(1, len(others) // 3)


def test_a_branch_leaves_the_lower_blocks_shared_and_the_upper_ones_apart() -> None:
    module = build(Hard(branch=1))
    shared = sum(p.numel() for p in module.shared_parameters())
    whole = sum(p.numel() for p in SMALL.build(3, 20).parameters())
    own = sum(p.numel() for p in module.upper[0].parameters())
    assert shared + own == whole
    assert sum(p.numel() for p in module.parameters()) == shared + 3 * own
    same = module(X)
    assert torch.equal(same[0], same[1])  # the branches start as copies
    with torch.no_grad():
        next(module.upper[2].parameters()).add_(1)
    apart = module(X)
    assert torch.equal(apart[0], same[0])
    assert not torch.equal(apart[2], same[2])


@pytest.mark.parametrize("sharing", [Soft(strength=0.5), SoftHard(strength=0.5)])
def test_the_tie_is_the_mean_squared_distance_over_pairs(sharing: Soft) -> None:
    module = build(sharing)
    assert module.penalty().item() == pytest.approx(
        0, abs=1e-12
    )  # all start from the same weights
    parts = module.own_blocks if isinstance(sharing, SoftHard) else module.backbones
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
    vectors = [
        nn.utils.parameters_to_vector(part.parameters()).detach().double().numpy()
        for part in parts
    ]
    pairs = [
        np.square(vectors[i] - vectors[j]).sum() for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert module.penalty().item() == pytest.approx(0.5 * np.mean(pairs), rel=1e-5)


def test_a_stronger_tie_keeps_the_backbones_closer() -> None:
    distances = []
    for strength in (0.0, 10.0):
        estimator = small(sharing=Soft(strength=strength), max_epochs=5, lr=0.01).fit(
            make_samples()
        )
        backbones = estimator.model_.network_list[0].sharing.backbones
        vectors = [nn.utils.parameters_to_vector(b.parameters()) for b in backbones]
        distances.append((vectors[0] - vectors[1]).norm().item())
    assert distances[1] < 0.5 * distances[0]


def test_cross_stitch_with_only_own_activations_is_a_backbone_a_task() -> None:
    module = build(CrossStitch(own=1.0))
    for features, backbone in zip(module(X), module.backbones, strict=True):
        torch.testing.assert_close(features, backbone(X))
    mixed = build(CrossStitch(own=0.5))
    assert not torch.allclose(mixed(X)[0], mixed.backbones[0](X))


def mixed(matrix: torch.Tensor, of_tasks: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the sums of the tasks' tensors with each row of the matrix, in NumPy and float64."""
    values = np.stack([each.detach().double().numpy() for each in of_tasks])
    sums = np.tensordot(matrix.detach().double().numpy(), values, axes=1)
    return list(torch.from_numpy(sums).float())


def test_cross_stitch_mixes_series_and_finished_features_as_its_matrices_say() -> None:
    module = build(CrossStitch(), n_tasks=3)
    for matrix in [*module.series_mix, *module.feature_mix]:
        nn.init.normal_(matrix)  # no symmetry that would hide whose row is whose
    flows = [backbone.start(X, None) for backbone in module.backbones]
    for i in range(len(module.backbones[0].block_list)):
        n_before = len(flows[0].features)
        flows = [
            b.block_list[i](flow)
            for b, flow in zip(module.backbones, flows, strict=True)
        ]
        series = mixed(module.series_mix[i], [flow.x for flow in flows])
        finished = range(n_before, len(flows[0].features))
        new = []
        for k in finished:
            new.append(
                mixed(module.feature_mix[i], [flow.features[k] for flow in flows])
            )
        for task, flow in enumerate(flows):
            own = [each[task] for each in new]
            features = (*flow.features[:n_before], *own)
            flows[task] = flow._replace(x=series[task], features=features)
    for task, features in enumerate(module(X)):
        expected = module.backbones[task].pool(flows[task])
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)


class NoBlocks(Backbone):
    """A backbone that is no chain of blocks."""

    def build(self, n_channels: int, n_timepoints: int) -> BackboneModule:
        class Mean(BackboneModule):
            n_features = n_channels

            def forward(
                self, x: torch.Tensor, lengths: torch.Tensor | None = None
            ) -> torch.Tensor:
                return x.mean(dim=2)

        return Mean()


@pytest.mark.parametrize("sharing", [CrossStitch(), SoftHard(), Hard(branch=1)])
def test_a_backbone_without_blocks_is_refused_where_blocks_are_needed(
    sharing: Any,
) -> None:
    with refused("`backbone`", "blocks", "NoBlocks", "'hard'", error=ParameterError):
        sharing.build(NoBlocks(), 3, 20, 2)


@pytest.mark.parametrize("sharing", [SoftHard(branch=4), Hard(branch=9)])
def test_a_branch_must_leave_something_to_share(sharing: Any) -> None:
    with refused(
        "`sharing.branch`", sharing.branch, "4 blocks", "'none'", error=ParameterError
    ):
        sharing.build(SMALL, 3, 20, 2)
