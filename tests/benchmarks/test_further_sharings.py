"""MMoE, PLE and trace-norm sharing, the experiments beside the sharing benchmark: formulas, owners, missing labels."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fakes import RANDOM
from makers import SMALL, make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.methods import goes_with, methods
from multitide.model._sizes import size_of
from multitide.sharing import SHARINGS
from multitide.study import compare

FOLDER = Path(__file__).parents[2] / "benchmarks"
X = torch.randn(5, 3, 20, generator=torch.Generator().manual_seed(0))
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("mmoe", {"n_experts": 3, "n_units": 6}),
    ("ple", {"n_units": 6}),
    ("ple", {"n_own": 2, "n_shared": 2, "n_levels": 3, "n_units": 6}),
    ("trace_norm", {}),
    ("trace_norm", {"same_start": True}),
]
each_variant = pytest.mark.parametrize(("name", "settings"), VARIANTS)


@pytest.fixture(scope="module")
def parts() -> Iterator[Any]:
    """The module of the three; the registry is as it was afterwards."""
    before = dict(SHARINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        module = importlib.import_module("further_parts")
        SHARINGS.update(mmoe=module.MMoE, ple=module.PLE, trace_norm=module.TraceNorm)
        yield module
    SHARINGS.clear()
    SHARINGS.update(before)


def build(name: str, settings: dict[str, Any], n_tasks: int = 3) -> Any:
    torch.manual_seed(0)
    return SHARINGS[name](**settings).build(SMALL, 3, 20, n_tasks).eval()


@each_variant
def test_each_gives_every_task_its_features_and_with_one_task_is_the_plain_backbone(
    parts: Any, name: str, settings: dict[str, Any]
) -> None:
    module = build(name, settings)
    features = module(X)
    assert [each.shape for each in features] == [(5, module.n_features)] * 3
    assert not torch.equal(features[0], features[1]) or settings.get("same_start")
    torch.manual_seed(0)
    plain = SMALL.build(3, 20).eval()
    alone = build(name, settings, n_tasks=1)
    assert alone.penalty() is None
    torch.testing.assert_close(alone(X)[0], plain(X))


@each_variant
def test_shared_and_own_parameters_are_what_the_tasks_gradients_say(
    parts: Any, name: str, settings: dict[str, Any]
) -> None:
    module = build(name, settings)
    below = list(module.parameters())
    gradients = [
        torch.autograd.grad(f.sum(), below, retain_graph=True, allow_unused=True) for f in module(X)
    ]
    owners = [
        [task for task in range(3) if gradients[task][i] is not None] for i in range(len(below))
    ]
    assert {id(p) for p, whose in zip(below, owners, strict=True) if len(whose) > 1} == {
        id(p) for p in module.shared_parameters()
    }
    for task, own in enumerate(module.own_parameters()):
        assert own
        assert {id(p) for p in own} == {
            id(p) for p, whose in zip(below, owners, strict=True) if whose == [task]
        }


@each_variant
def test_an_absent_task_sends_no_gradient_to_what_is_its_own(
    parts: Any, name: str, settings: dict[str, Any]
) -> None:
    samples = make_samples(missing=0)
    estimator = small(sharing=SHARINGS[name](**settings), max_epochs=1).fit(samples)
    network = estimator.model_.network_list[0].train()
    for head in network.heads:
        torch.nn.init.normal_(head[-1].weight, std=0.1)
    features = network.features(X, None)
    network.outputs(features, [True, False])[0].square().sum().backward()
    first, second = network.sharing.own_parameters()
    assert any(p.grad is not None and p.grad.any() for p in first)
    assert all(p.grad is None for p in [*second, *network.heads[1].parameters()])
    size = size_of(network)
    assert size.total == size.shared + sum(size.own.values()) + sum(size.heads.values())


@each_variant
def test_each_trains_with_missing_labels_and_a_head_of_its_own_is_stored_and_loaded(
    parts: Any, name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    samples = make_samples(unequal=True)
    estimator = small(sharing=SHARINGS[name](head_units=6, **settings), max_epochs=2).fit(samples)
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    assert (loaded.predict(samples) == estimator.predict(samples)).all(axis=None)


def test_gates_sum_to_one_and_mix_what_the_experts_say(parts: Any) -> None:
    module = build("mmoe", {"n_experts": 3, "n_units": 6})
    features = module.backbone(X)
    for gate, mixed in zip(module.gates, module(X), strict=True):
        shares = gate.shares(features)
        assert shares.shape == (5, 3)
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(5))
        logits = (features @ gate.linear.weight.T).detach().double().numpy()
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        answers = [
            torch.relu(features @ e[0].weight.T + e[0].bias).detach().double().numpy()
            for e in module.experts
        ]
        expected = sum(expected[:, [i]] * answer for i, answer in enumerate(answers))
        np.testing.assert_allclose(mixed.detach().numpy(), expected, atol=1e-6)


def test_a_task_of_ple_hears_its_own_and_the_shared_experts_and_no_other_tasks(parts: Any) -> None:
    module = build("ple", {"n_own": 2, "n_units": 6})
    (layer,) = module.layers
    before = module(X)
    with torch.no_grad():
        for parameter in layer.own[1].parameters():
            parameter.add_(1)
    after = module(X)
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, True]
    with torch.no_grad():
        layer.shared[0][0].bias.add_(1)
    assert not any(torch.equal(a, b) for a, b in zip(after, module(X), strict=True))


def test_below_the_top_of_ple_all_tasks_learn_from_a_tasks_experts(parts: Any) -> None:
    module = build("ple", {"n_levels": 2, "n_units": 6})
    before = module(X)
    with torch.no_grad():
        module.layers[0].own[1][0][0].bias.add_(1)
    assert not any(torch.equal(a, b) for a, b in zip(before, module(X), strict=True))


@pytest.mark.parametrize("same_start", [False, True])
def test_the_tie_is_numpys_nuclear_norm_of_each_layers_stacked_weights(
    parts: Any, same_start: bool
) -> None:
    module = build("trace_norm", {"strength": 0.5, "same_start": same_start})
    layers = zip(*(backbone.parameters() for backbone in module.backbones), strict=True)
    weights = [
        np.stack([p.detach().double().numpy().ravel() for p in same])
        for same in layers
        if same[0].ndim > 1
    ]
    expected = sum(np.linalg.norm(matrix, "nuc") for matrix in weights)
    assert module.penalty().item() == pytest.approx(0.5 * expected, rel=1e-5)
    rank_one = sum(np.sqrt(3) * np.linalg.norm(matrix[0]) for matrix in weights)
    assert (expected == pytest.approx(rank_one)) == same_start


def test_the_gradient_of_the_trace_norm_is_finite_and_at_most_one_long_where_singular_values_are_zero(
    parts: Any,
) -> None:
    generator = torch.Generator().manual_seed(0)
    one, far = torch.randn(2, 40, generator=generator)
    none, near = 0 * one, one + 1e-6 * far
    for rows in (
        [one, one, one],
        [one, none, none],
        [none, none, none],
        [one, one, far],
        [one, near, far],
    ):
        same = [row.clone().requires_grad_() for row in rows]
        parts.trace_norms([same]).backward()
        gradient = torch.stack([row.grad for row in same]).double()
        assert torch.isfinite(gradient).all()
        assert torch.linalg.matrix_norm(gradient, 2) <= 1 + 1e-6
    apart = [torch.randn(40, generator=generator, requires_grad=True) for _ in range(3)]
    parts.trace_norms([apart]).backward()
    U, _, Vh = np.linalg.svd(torch.stack(apart).detach().double().numpy(), full_matrices=False)
    np.testing.assert_allclose(torch.stack([row.grad for row in apart]).numpy(), U @ Vh, atol=1e-6)


def test_without_strength_the_networks_are_independent(parts: Any) -> None:
    module = build("trace_norm", {"strength": 0.0})
    assert module.penalty() is None
    torch.manual_seed(0)
    for backbone, features in zip(
        [SMALL.build(3, 20).eval() for _ in range(3)], module(X), strict=True
    ):
        torch.testing.assert_close(backbone(X), features)
    same = build("trace_norm", {"same_start": True})(X)
    assert torch.equal(same[0], same[2])


def test_a_stronger_tie_leaves_the_tasks_weights_fewer_directions(parts: Any) -> None:
    shares = []
    for strength in (0.0, 1.0):
        sharing = parts.TraceNorm(strength=strength)
        estimator = small(sharing=sharing, max_epochs=8, lr=0.02).fit(make_samples())
        backbones = estimator.model_.network_list[0].sharing.backbones
        weights = torch.stack(
            [backbone.blocks["conv2"].convolution.weight.flatten() for backbone in backbones]
        )
        singular = torch.linalg.svdvals(weights)
        shares.append((singular[1] / singular[0]).item())
    assert shares[1] < 0.75 * shares[0]


def test_they_are_listed_with_their_papers_and_go_with_what_has_a_meaning(parts: Any) -> None:
    listed = methods().set_index(["kind", "name"])
    for name, author in (
        ("mmoe", "Ma, Zhao"),
        ("ple", "Tang, Liu"),
        ("trace_norm", "Yang and Hospedales"),
    ):
        assert listed.loc[("sharing", name), "papers"][0].startswith(author)
    assert goes_with("sharing", "mmoe")["aggregator.at"] == ["parameters"]
    assert goes_with("sharing", "trace_norm")["aggregator"] == []


@pytest.mark.parametrize("name", ["mmoe", "ple"])
def test_they_train_with_an_aggregator(parts: Any, name: str) -> None:
    summed, combined = (
        small(sharing=name, aggregator=aggregator, max_epochs=2)
        .fit(make_samples())
        .history_["loss"]
        .to_numpy()
        for aggregator in (None, "pcgrad")
    )
    assert np.isfinite(combined).all()
    assert not np.array_equal(summed, combined)  # the gradients have met


# -- the rule --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def benchmark(parts: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        patch.delitem(sys.modules, "sharing", raising=False)  # tests/ has a folder of that name
        module = importlib.import_module("further_sharings")
        patch.delitem(sys.modules, "sharing")
        return module


def test_the_rule_wants_two_data_sets_above_and_none_below(benchmark: Any) -> None:
    above, below, open_, same = "helps", "hurts", "cannot tell", "same"
    assert benchmark.is_taken([above, above, open_, same])
    assert not benchmark.is_taken([above, open_, open_, same])
    assert not benchmark.is_taken([above, above, above, below])


def test_verdicts_are_adjusted_for_the_three_candidates(benchmark: Any) -> None:
    gains = pd.DataFrame(
        {"arm": ["mmoe", "ple", "trace_norm"], "gain": [0.1, -0.1, 0.1], "p": [0.02, 0.02, 0.01]}
    )
    gains = gains.assign(low=0.02, high=0.2, n_seeds=5, n_folds=1, n_groups=30)
    judged = benchmark.judged(gains).set_index("arm")
    assert judged["p_holm"].to_dict() == pytest.approx(
        {"mmoe": 0.04, "ple": 0.04, "trace_norm": 0.03}
    )
    assert judged["verdict"].to_dict() == {"mmoe": "helps", "ple": "hurts", "trace_norm": "helps"}
    assert set(benchmark.judged(gains.assign(p=0.04))["verdict"]) == {"cannot tell"}
    assert set(benchmark.judged(gains.assign(low=-0.001, high=0.002))["verdict"]) == {"same"}
    assert set(benchmark.judged(gains.assign(n_groups=9))["verdict"]) == {"cannot tell"}


def test_the_choice_falls_on_the_least_validation_loss_over_all_data_sets(benchmark: Any) -> None:
    losses = pd.DataFrame(
        {"a": [0.5, 0.5], "b": [0.2, 0.7], "c": [0.1, np.nan]}, index=["rig", "beijing"]
    )
    assert benchmark.chosen(losses) == "b"  # "c" failed on one of them


def test_a_study_in_processes_of_its_own_knows_the_parts(parts: Any) -> None:
    study = compare(
        make_samples(),
        estimator=small(max_epochs=1),
        arms={"hard": "hard", "mmoe": {"sharing": parts.MMoE(n_units=4)}},
        reference="hard",
        n_seeds=1,
        split=RANDOM,
        n_jobs=2,
        verbose=0,
    )
    assert set(study.runs["status"]) == {"done"}
    assert study.runs["validation_loss"].notna().all()
