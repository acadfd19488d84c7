"""Properties of every aggregator in AGGREGATORS."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
import torchjd.aggregation as jd
from torch import Tensor, nn
from torch.nn import functional as F

from multitide._part import annotation_problems
from multitide.balancing import AGGREGATORS, Aggregator, AggregatorModule
from multitide.errors import MissingDependencyError, ParameterError
from refusals import refused

NAMES = ["wear", "load", "fault", "leak"]
SUBSETS = [subset for n in (2, 3, 4) for subset in combinations(range(4), n)]
STATEFUL = ["gradvac", "nash_mtl", "excess_mtl"]
NEEDS = {
    "upgrad": ["quadprog", "qpsolvers"],
    "dualproj": ["quadprog", "qpsolvers"],
    "cagrad": ["cvxpy", "clarabel"],
    "nash_mtl": ["cvxpy", "ecos"],
}


def make_spec(name: str) -> Aggregator:
    for package in NEEDS.get(name, []):
        pytest.importorskip(
            package,
            reason=f'{package} is not installed; pip install "multitide[balancing]"',
        )
    return AGGREGATORS[name]()


def theirs(spec: Aggregator, n_rows: int) -> nn.Module:
    """TorchJD's class, made with the same parameters, by hand."""
    parameters: dict[str, Any] = {
        key: value for key, value in vars(spec).items() if key != "at"
    }
    if spec.torchjd == "NashMTL":
        parameters["n_tasks"] = n_rows
    made = getattr(jd, spec.torchjd)(**parameters)
    assert isinstance(made, nn.Module)
    return Quiet(made)


class Quiet(nn.Module):
    """TorchJD's aggregator without the warnings of its solvers."""

    def __init__(self, aggregator: nn.Module) -> None:
        super().__init__()
        self.aggregator = aggregator

    def forward(self, rows: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            update: Tensor = self.aggregator(rows)
        return update


def jacobian(seed: int, n_rows: int = 4, n_params: int = 30) -> Tensor:
    return torch.randn(n_rows, n_params, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=AGGREGATORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def module(name: str) -> AggregatorModule:
    return make_spec(name).build(NAMES)


@pytest.mark.parametrize("present", SUBSETS, ids=str)
def test_present_rows_are_combined_as_torchjd_combines_them(
    name: str, module: AggregatorModule, present: tuple[int, ...]
) -> None:
    rows = jacobian(0)[list(present)]
    torch.manual_seed(1)
    update = module.combine(rows, [NAMES[i] for i in present])
    torch.manual_seed(1)
    expected = theirs(make_spec(name), len(present))(rows)
    torch.testing.assert_close(update, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stateful", STATEFUL)
def test_the_state_of_complete_batches_is_that_of_torchjd(stateful: str) -> None:
    module, reference = make_spec(stateful).build(NAMES), theirs(make_spec(stateful), 4)
    for step in range(5):
        # A batch without one of the tasks comes between and leaves no trace.
        module.combine(jacobian(100 + step, 3), NAMES[:3])
        torch.manual_seed(step)
        update = module.combine(jacobian(step), NAMES)
        torch.manual_seed(step)
        torch.testing.assert_close(
            update, reference(jacobian(step)), rtol=1e-5, atol=1e-5
        )


def test_a_gradient_of_zeros_counts_as_a_missing_task(name: str) -> None:
    rows = jacobian(3)
    rows[1] = 0
    torch.manual_seed(0)
    update = make_spec(name).build(NAMES).combine(rows, NAMES)
    torch.manual_seed(0)
    assert torch.equal(
        update,
        make_spec(name)
        .build(NAMES)
        .combine(rows[[0, 2, 3]], ["wear", "fault", "leak"]),
    )


def test_no_gradient_at_all_is_no_update(module: AggregatorModule) -> None:
    assert torch.equal(module.combine(torch.zeros(4, 30), NAMES), torch.zeros(30))


@pytest.mark.parametrize("task", NAMES)
def test_a_task_alone_in_a_batch_gets_its_gradient(
    module: AggregatorModule, task: str
) -> None:
    rows = jacobian(5, 1)
    assert torch.equal(module.combine(rows, [task]), rows[0])


def test_with_one_task_every_aggregator_is_plain_training(name: str) -> None:
    rows = jacobian(5, 1)
    assert torch.equal(
        AGGREGATORS[name]().build(["only"]).combine(rows, ["only"]), rows[0]
    )


@pytest.mark.parametrize("factor", [1e-9, 1e-4, 1e4])
@pytest.mark.parametrize(
    "case", [n for n, spec in AGGREGATORS.items() if spec().degree is not None]
)
def test_length_of_the_gradients_does_not_change_the_direction(
    case: str, factor: float
) -> None:
    spec = make_spec(case)
    assert spec.degree is not None
    torch.manual_seed(0)
    update = spec.build(NAMES).combine(jacobian(7), NAMES)
    torch.manual_seed(0)
    scaled = spec.build(NAMES).combine(factor * jacobian(7), NAMES)
    torch.testing.assert_close(
        scaled / factor**spec.degree, update, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_fairgrads_degree_is_that_of_torchjds(alpha: float) -> None:
    spec = AGGREGATORS["fairgrad"](alpha=alpha)  # type: ignore[call-arg]
    one, two = (theirs(spec, 4)(factor * jacobian(7)) for factor in (1.0, 2.0))
    torch.testing.assert_close(two, 2**spec.degree * one, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_rows", [2, 3, 4])
def test_upgrad_and_mgda_point_against_no_task(seed: int, n_rows: int) -> None:
    rows = jacobian(seed, n_rows, n_params=3) / 1000
    for spec in (make_spec("upgrad"), AGGREGATORS["mgda"]()):
        update = spec.build(NAMES).combine(rows, NAMES[:n_rows])
        lengths = torch.linalg.vector_norm(rows, dim=1) * torch.linalg.vector_norm(
            update
        )
        assert ((rows @ update) / lengths.clamp(min=1e-12)).min() > -0.05


def test_pcgrad_of_two_is_its_formula_in_float64() -> None:
    rows = jacobian(2, 2, 5)
    rows[1] -= 2 * rows[0]
    a, b = rows.double().numpy()
    assert a @ b < 0
    expected = a - (a @ b) / (b @ b) * b + b - (a @ b) / (a @ a) * a
    np.testing.assert_allclose(
        AGGREGATORS["pcgrad"]().build(NAMES).combine(rows, NAMES[:2]).numpy(),
        expected,
        rtol=1e-5,
        atol=1e-5,
    )


def test_mgda_of_two_is_the_shortest_vector_between_them() -> None:
    a, b = jacobian(4, 2, 5).double().numpy()
    share = np.clip((b - a) @ b / ((b - a) @ (b - a)), 0, 1)
    update = AGGREGATORS["mgda"]().build(NAMES).combine(jacobian(4, 2, 5), NAMES[:2])
    np.testing.assert_allclose(
        update.numpy(), share * a + (1 - share) * b, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_refused_by_name(
    module: AggregatorModule, value: float
) -> None:
    rows = jacobian(0)
    rows[2, 5] = value
    with refused("gradients", "finite", f"'fault': {value}", "`lr`"):
        module.combine(rows, NAMES)


@pytest.mark.parametrize("case", NEEDS)
def test_a_missing_package_is_reported_before_training(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "torchjd._mixins.find_spec", lambda n: None if n in NEEDS[case] else find(n)
    )
    with pytest.raises(
        MissingDependencyError, match=r'pip install "multitide\[balancing\]"'
    ):
        AGGREGATORS[case]().build(NAMES)
    AGGREGATORS[case]().build(["only"])


@pytest.mark.parametrize(
    ("name", "parameter", "value", "remedy"),
    [
        ("pcgrad", "at", "heads", "'parameters' or 'features'"),
        ("cagrad", "c", -1.0, "greater than or equal to 0"),
        ("mgda", "epsilon", 0.0, "greater than 0"),
        ("aligned_mtl", "scale_mode", "max", "'min', 'median' or 'rmse'"),
        ("fairgrad", "alpha", -1.0, "greater than or equal to 0"),
        ("gradvac", "beta", 1.5, "less than or equal to 1"),
        ("excess_mtl", "n_warmup_steps", -1, "greater than or equal to 0"),
    ],
    indirect=["name"],
)
def test_impossible_parameters_are_refused(
    name: str, parameter: str, value: object, remedy: str
) -> None:
    spec = AGGREGATORS[name](**{parameter: value})  # type: ignore[arg-type]
    with refused(f"`aggregator.{parameter}`", value, remedy, error=ParameterError):
        spec.check("aggregator")


def test_defaults_are_valid(name: str) -> None:
    spec = AGGREGATORS[name]()
    assert (
        annotation_problems(type(spec), spec.get_params(deep=False), "aggregator") == []
    )
    spec.check("aggregator")


class Toy(nn.Module):
    """A shared body with a frozen and an unused layer, and a head per task."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.unused = nn.Linear(3, 3)
        self.heads = nn.ModuleDict({name: nn.Linear(4, 1) for name in NAMES})

    def features(self, x: Tensor) -> Tensor:
        return self.frozen(self.body(x))

    def losses(self, features: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        return {
            name: F.mse_loss(self.heads[name](features), torch.full((8, 1), float(i)))
            for i, name in enumerate(names)
        }

    def shared(self) -> list[Tensor]:
        return [
            *self.body.parameters(),
            *self.frozen.parameters(),
            *self.unused.parameters(),
        ]


X = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))


def run(
    toy: Toy, module: AggregatorModule, at: str, present: Iterable[str] = NAMES
) -> dict[str, Tensor | None]:
    features, own = toy.features(X), list(toy.heads.parameters())
    if at == "features":
        views = {name: features.view_as(features) for name in present}
        losses = {name: toy.losses(views[name], present)[name] for name in views}
        module.backward_at_views(losses, list(views.values()), own)
    else:
        module.backward(toy.losses(features, present), toy.shared(), own)
    return {name: parameter.grad for name, parameter in toy.named_parameters()}


def plain(toy: Toy, present: Iterable[str] = NAMES) -> dict[str, Tensor | None]:
    torch.stack(list(toy.losses(toy.features(X), present).values())).sum().backward()
    return {name: parameter.grad for name, parameter in toy.named_parameters()}


class Sum(nn.Module):
    def forward(self, jacobian: Tensor) -> Tensor:
        return jacobian.sum(dim=0)


@pytest.mark.parametrize("at", ["features", "parameters"])
@pytest.mark.parametrize("present", [NAMES, NAMES[:1], NAMES[1:3]], ids=len)
def test_the_sum_of_the_gradients_is_the_gradient_of_the_sum(
    at: str, present: list[str]
) -> None:
    found = run(Toy(), AggregatorModule(NAMES, lambda n_rows: Sum(), 1.0), at, present)
    expected = plain(Toy(), present)
    for name, gradient in expected.items():
        assert (found[name] is None) == (gradient is None), name
        if gradient is not None:
            torch.testing.assert_close(found[name], gradient)
    absent = [name for name in NAMES if name not in present]
    assert all(found[f"heads.{name}.weight"] is None for name in absent)
    assert found["unused.weight"] is None
    assert found["frozen.weight"] is None


@pytest.mark.parametrize("at", ["features", "parameters"])
def test_backward_combines_at_the_given_place(name: str, at: str) -> None:
    toy, spec = Toy(), make_spec(name)
    features = toy.features(X)
    where = [features] if at == "features" else list(toy.body.parameters())
    rows = []
    for loss in toy.losses(features, NAMES).values():
        gradients = torch.autograd.grad(loss, where, retain_graph=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    torch.manual_seed(0)
    update = spec.build(NAMES).combine(torch.stack(rows), NAMES)
    torch.manual_seed(0)
    found = run(toy, spec.build(NAMES), at)
    if at == "features":
        expected = torch.autograd.grad(
            features, list(toy.body.parameters()), update.view_as(features)
        )
    else:
        sizes = [parameter.numel() for parameter in toy.body.parameters()]
        expected = tuple(
            piece.view_as(p)
            for piece, p in zip(update.split(sizes), toy.body.parameters(), strict=True)
        )
    for (key, _), gradient in zip(toy.body.named_parameters(), expected, strict=True):
        torch.testing.assert_close(found[f"body.{key}"], gradient)
    for key, gradient in plain(Toy()).items():
        if key.startswith("heads"):
            torch.testing.assert_close(found[key], gradient)


def test_backward_adds_to_gradients_that_are_there() -> None:
    toy = Toy()
    penalty = sum(parameter.square().sum() for parameter in toy.body.parameters())
    assert isinstance(penalty, Tensor)
    module = AggregatorModule(NAMES, lambda n_rows: Sum(), 1.0)
    alone = run(Toy(), module, "parameters")["body.0.weight"]
    penalty.backward()
    together = run(toy, module, "parameters")["body.0.weight"]
    assert alone is not None
    assert together is not None
    torch.testing.assert_close(together, alone + 2 * toy.body[0].weight.detach())


@pytest.mark.parametrize("at", ["features", "parameters"])
def test_heads_learn_on_a_frozen_body(name: str, at: str) -> None:
    toy = Toy()
    toy.body.requires_grad_(False)
    found = run(toy, make_spec(name).build(NAMES), at)
    expected = plain(Toy())
    for key, gradient in found.items():
        if key.startswith("heads"):
            torch.testing.assert_close(gradient, expected[key])
        else:
            assert gradient is None
