"""Properties of every weighting in WEIGHTINGS."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from makers import a_third_now
from multitide._part import annotation_problems
from multitide.balancing import WEIGHTINGS, Fixed, Weighting, WeightingModule
from multitide.errors import ParameterError
from refusals import refused

NAMES = ["wear", "load", "fault", "leak"]
KINDS = ["regression", "regression", "classification", "classification"]
SUBSETS = [subset for n in (1, 2, 3) for subset in combinations(NAMES, n)]
# The weight of one task depends on the losses of the others; see test_formulas.py.
NOT_ADDITIVE = {"geometric_mean", "stch", "cosmos", "pbi", "famo"}


def make_spec(name: str) -> Weighting:
    return (
        Fixed(weights={"wear": 2.0, "leak": 0.25})
        if name == "fixed"
        else WEIGHTINGS[name]()
    )


def make_losses(values: Mapping[str, float]) -> dict[str, Tensor]:
    return {
        name: torch.tensor(value, requires_grad=True) for name, value in values.items()
    }


VALUES = dict(zip(NAMES, [0.9, 0.4, 1.3, 0.7], strict=True))


@pytest.fixture(params=WEIGHTINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def module(name: str) -> WeightingModule:
    """A module with a history of two epochs and different parameters per task."""
    module = make_spec(name).build(NAMES, KINDS)
    module.end_epoch(dict.fromkeys(NAMES, 1.0))
    module.end_epoch(VALUES)
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter += 0.3 * i
    return module


def test_defaults_are_valid(name: str) -> None:
    spec = make_spec(name)
    assert (
        annotation_problems(type(spec), spec.get_params(deep=False), "weighting") == []
    )
    spec.check("weighting")


def test_all_gradients_are_finite_and_not_zero(module: WeightingModule) -> None:
    losses = make_losses(VALUES)
    module(losses).backward()
    for loss in losses.values():
        assert loss.grad is not None
        assert loss.grad.isfinite()
        assert loss.grad != 0


@pytest.mark.parametrize("present", SUBSETS, ids="+".join)
def test_a_missing_task_gets_no_gradient_and_its_state_does_not_change(
    module: WeightingModule, present: tuple[str, ...]
) -> None:
    optimizer = torch.optim.AdamW(
        [{"params": []}, *module.parameter_groups(0.1)], lr=0.1, weight_decay=0.1
    )
    before = [parameter.clone() for parameter in module.parameters()]
    for _ in range(3):  # a momentum of the full batches before must not move it either
        optimizer.zero_grad(set_to_none=True)
        module(make_losses({name: VALUES[name] for name in present})).backward()
        optimizer.step()
    gradients = [parameter.grad for parameter in module.parameters()]
    for i, (old, parameter) in enumerate(zip(before, module.parameters(), strict=True)):
        moved = not torch.equal(old, parameter)
        assert moved == (NAMES[i] in present)
        assert (gradients[i] is None) == (NAMES[i] not in present)


@pytest.mark.parametrize(
    "additive", [name for name in WEIGHTINGS if name not in NOT_ADDITIVE]
)
@pytest.mark.parametrize("present", SUBSETS, ids="+".join)
def test_present_tasks_keep_the_weights_of_the_full_set(
    additive: str, present: tuple[str, ...]
) -> None:
    def gradients(names: tuple[str, ...]) -> dict[str, float]:
        torch.manual_seed(0)
        module = make_spec(additive).build(NAMES, KINDS)
        module.end_epoch(dict.fromkeys(NAMES, 1.0))
        module.end_epoch(VALUES)
        losses = make_losses({name: VALUES[name] for name in names})
        module(losses).backward()
        return {
            name: float(loss.grad)
            for name, loss in losses.items()
            if loss.grad is not None
        }

    whole = gradients(tuple(NAMES))
    assert gradients(present) == {name: whole[name] for name in present}


def test_order_of_the_losses_does_not_matter(name: str) -> None:
    def total(names: list[str]) -> Tensor:
        torch.manual_seed(0)
        return make_spec(name).build(NAMES, KINDS)(
            make_losses({name: VALUES[name] for name in names})
        )

    assert torch.equal(total(NAMES), total(NAMES[::-1]))


@pytest.mark.parametrize("task", NAMES)
def test_with_one_task_every_weighting_is_plain_training(name: str, task: str) -> None:
    module = make_spec(name).build([task], ["regression"])
    losses = make_losses({task: 0.37})
    total = module(losses)
    total.backward()
    assert total == losses[task]
    assert losses[task].grad == 1
    assert module.parameter_groups(0.1) == []
    module.end_epoch({task: 0.1})
    assert module.current() == {task: 1.0}


@pytest.mark.parametrize("value", a_third_now([0.0, 1e-30, 1e-6, 1e6]))
def test_no_loss_is_small_or_large_enough_for_nan(
    module: WeightingModule, value: float
) -> None:
    optimizer = torch.optim.AdamW(
        [{"params": []}, *module.parameter_groups(1.0)], lr=1.0
    )
    for _ in range(100):
        optimizer.zero_grad(set_to_none=True)
        losses = make_losses(VALUES | {"load": value})
        total = module(losses)
        total.backward()
        optimizer.step()
        assert total.isfinite()
        assert all(
            loss.grad is not None and loss.grad.isfinite() for loss in losses.values()
        )
    module.end_epoch(VALUES | {"load": value})
    module.end_epoch(VALUES | {"load": value})
    assert all(np.isfinite(list(module.current().values())))
    assert module(make_losses(VALUES)).isfinite()


@pytest.mark.parametrize(
    "name", [name for name in WEIGHTINGS if name != "random"], indirect=True
)
def test_current_weights_are_the_slopes_at_the_last_losses(
    module: WeightingModule,
) -> None:
    losses = make_losses(VALUES)
    module(losses).backward()
    expected = {
        task: float(loss.grad) for task, loss in losses.items() if loss.grad is not None
    }
    assert module.current() == pytest.approx(expected)


@pytest.mark.parametrize(
    "name", [name for name in WEIGHTINGS if name != "random"], indirect=True
)
def test_saved_state_weighs_alike(module: WeightingModule, name: str) -> None:
    twin = make_spec(name).build(NAMES, KINDS)
    twin.load_state_dict(module.state_dict())
    assert torch.equal(twin(make_losses(VALUES)), module(make_losses(VALUES)))


def test_learned_numbers_have_a_learning_rate_of_their_own_and_no_decay(
    name: str,
) -> None:
    module = make_spec(name).build(NAMES, KINDS)
    groups = module.parameter_groups(0.002)
    listed = [parameter for group in groups for parameter in group["params"]]
    assert {id(p) for p in listed} == {id(p) for p in module.parameters()}
    for group in groups:
        assert group["lr"] == pytest.approx(0.02)
        assert group["weight_decay"] == 0
    if any(field == "lr" for field in vars(make_spec(name))):
        assert (
            WEIGHTINGS[name](lr=0.5).build(NAMES).parameter_groups(0.002)[0]["lr"]
            == 0.5
        )  # type: ignore[call-arg]


def test_the_loss_of_an_unknown_task_is_an_error(module: WeightingModule) -> None:
    with pytest.raises(KeyError, match="wera"):
        module(make_losses({"wera": 1.0}))


def test_parameters_move_with_the_module(module: WeightingModule) -> None:
    tensors = [*module.parameters(), *module.buffers()]
    assert all(isinstance(tensor, Tensor) for tensor in tensors)
    assert isinstance(module.to("meta"), nn.Module)
    assert all(
        tensor.device.type == "meta"
        for tensor in [*module.parameters(), *module.buffers()]
    )


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (Fixed(), ["`weighting`", "weights=None, alpha=None", "either"]),
        (
            Fixed(weights={}, alpha=0.5),
            ["`weighting`", "weights={}, alpha=0.5", "either"],
        ),
        (
            Fixed(weights={"wear": -1.0}),
            ["`weighting.weights.wear`", "-1", "greater than or equal to 0"],
        ),
        (
            Fixed(weights={"wear": 0.0}),
            ["`weighting.weights`", "{'wear': 0.0}", "above 0"],
        ),
        (
            Fixed(weights={"waer": 1.0}),
            ["`weighting.weights`", "'waer'", "Did you mean 'wear'"],
        ),
        (Fixed(alpha=1.5), ["`weighting.alpha`", "1.5", "less than or equal to 1"]),
        (
            Fixed(alpha=0.5),
            ["`weighting.alpha`", "got 4", 'Use weights={"wear": 1.0, '],
        ),
        (
            WEIGHTINGS["stch"](preference={"waer": 1.0}),
            ["`weighting.preference`", "'waer'", "Did you mean 'wear'"],
        ),
    ],
)
def test_weights_that_do_not_fit_the_tasks_are_refused(
    spec: Weighting, parts: list[str]
) -> None:
    with refused(*parts, error=ParameterError):
        spec.build(NAMES)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("uncertainty", {"lr": 0.0}),
        ("uncertainty", {"start": -11.0}),
        ("dwa", {"temperature": 0.0}),
        ("random", {"random_state": -1}),
        ("stch", {"mu": 0.0}),
        ("cosmos", {"strength": -1.0}),
        ("pbi", {"theta": -1.0}),
        ("imtl_l", {"lr": -1.0}),
        ("famo", {"step_size": 0.0}),
        ("famo", {"decay": -1.0}),
    ],
)
def test_impossible_parameters_are_refused(
    name: str, parameters: dict[str, float]
) -> None:
    ((parameter, value),) = parameters.items()
    with refused(
        f"`weighting.{parameter}`", value, "greater than", error=ParameterError
    ):
        WEIGHTINGS[name](**parameters).check("weighting")
