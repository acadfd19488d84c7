"""Each weighting against its formula in float64 and, on complete batches, against TorchJD."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchjd import scalarization as jd

from multitide.balancing import (
    COSMOS,
    DWA,
    IMTLL,
    PBI,
    STCH,
    WEIGHTINGS,
    Fixed,
    Random,
    Uncertainty,
    Weighting,
)

NAMES = ["a", "b", "c", "d"]
PREFERENCE = {"a": 1.0, "b": 3.0, "c": 0.5, "d": 1.5}
R = np.array(list(PREFERENCE.values())) / 6
Array = NDArray[np.float64]


def draw(seed: int) -> Tensor:
    return torch.rand(4, generator=torch.Generator().manual_seed(seed)) * 2 + 0.05


def as_dict(losses: Tensor, present: list[int] | None = None) -> dict[str, Tensor]:
    return {NAMES[i]: losses[i] for i in (range(4) if present is None else present)}


def value_and_gradient(
    function: Callable[[Tensor], Tensor], losses: Tensor
) -> tuple[Tensor, Tensor]:
    losses = losses.clone().requires_grad_()
    value = function(losses)
    return value.detach(), torch.autograd.grad(value, losses)[0]


# The reference of the scalarizers, in their own words; the middle column is TorchJD's on complete
# batches.
CASES: dict[
    str, tuple[Weighting, Callable[[], jd.Scalarizer], Callable[[Array, Array], float]]
] = {
    "uniform": (WEIGHTINGS["uniform"](), jd.Sum, lambda x, r: x.sum()),
    "mean": (WEIGHTINGS["mean"](), jd.Mean, lambda x, r: x.sum() / 4),
    "fixed": (
        Fixed(weights=PREFERENCE),
        lambda: jd.Constant(torch.tensor(6 * R).float()),
        lambda x, r: (6 * r * x).sum(),
    ),
    "geometric_mean": (
        WEIGHTINGS["geometric_mean"](),
        jd.GeometricMean,
        lambda x, r: float(np.exp(np.log(x).sum() / 4)),
    ),
    "stch": (
        STCH(preference=PREFERENCE, mu=0.3),
        lambda: jd.STCH(0.3, torch.tensor(R).float()),
        lambda x, r: 0.3 * np.log(np.exp(r * x / 0.3).sum()),
    ),
    "stch, default": (
        STCH(),
        lambda: jd.STCH(0.1),
        lambda x, r: 0.1 * np.log(np.exp(x / 4 / 0.1).sum()),
    ),
    "cosmos": (
        COSMOS(preference=PREFERENCE, strength=2.0),
        lambda: jd.COSMOS(2.0, torch.tensor(R).float()),
        lambda x, r: (
            (r * x).sum() - 2 * (r * x).sum() / np.linalg.norm(r) / np.linalg.norm(x)
        ),
    ),
    "pbi": (
        PBI(preference=PREFERENCE, theta=2.0),
        lambda: jd.PBI(2.0, torch.tensor(R).float()),
        lambda x, r: (
            (
                r @ x
                + 2
                * np.linalg.norm(
                    x * np.linalg.norm(r) - (r @ x) * r / np.linalg.norm(r)
                )
            )
            / np.linalg.norm(R)
        ),
    ),
    "imtl_l": (IMTLL(), lambda: jd.IMTLL(4), lambda x, r: x.sum()),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(10))
def test_complete_batches_are_torchjds(case: str, seed: int) -> None:
    spec, theirs, _ = CASES[case]
    module = spec.build(NAMES)
    value, gradient = value_and_gradient(lambda x: module(as_dict(x)), draw(seed))
    expected, expected_gradient = value_and_gradient(theirs(), draw(seed))
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 2], [3], [1, 2, 3]], ids=str)
def test_values_are_those_of_the_formula_without_the_absent_terms(
    case: str, present: list[int]
) -> None:
    spec, _, formula = CASES[case]
    losses = draw(0)
    expected = formula(losses.double().numpy()[present], R[present])
    assert spec.build(NAMES)(as_dict(losses, present)).item() == pytest.approx(
        expected, rel=1e-5, abs=2e-6
    )


def test_alpha_weighs_two_tasks() -> None:
    module = Fixed(alpha=0.3).build(["first", "second"])
    assert module.current() == pytest.approx({"first": 0.3, "second": 0.7})
    losses = {"first": torch.tensor(2.0), "second": torch.tensor(5.0)}
    assert float(module(losses)) == pytest.approx(0.3 * 2 + 0.7 * 5)
    for alpha, expected in [(0.0, 5.0), (1.0, 2.0)]:
        assert float(Fixed(alpha=alpha).build(["first", "second"])(losses)) == expected


def test_tasks_without_a_weight_have_one() -> None:
    assert Fixed(weights={"b": 4.0}).build(NAMES).current() == {
        "a": 1.0,
        "b": 4.0,
        "c": 1.0,
        "d": 1.0,
    }


@pytest.mark.parametrize("present", [[0, 1, 2, 3], [1, 3]], ids=str)
def test_uncertainty_has_kendalls_two_forms(present: list[int]) -> None:
    kinds = ["classification", "regression", "regression", "classification"]
    module = Uncertainty(start=0.7).build(NAMES, kinds)
    factors, s, losses = np.array([1, 0.5, 0.5, 1]), 0.7, draw(1)
    x = losses.double().numpy()[present]
    expected = (factors[present] * np.exp(-s) * x + s / 2).sum()
    assert module(as_dict(losses, present)).item() == pytest.approx(expected, rel=1e-6)
    assert module.current() == pytest.approx(
        dict(zip(NAMES, factors * np.exp(-s), strict=True))
    )


@pytest.mark.slow
def test_uncertainty_of_numbers_is_torchjds() -> None:
    module, theirs = Uncertainty().build(NAMES, ["regression"] * 4), jd.UW(4)
    logs = torch.linspace(-1, 1, 4)
    with torch.no_grad():
        theirs.log_var.copy_(logs)
        for parameter, log in zip(module.parameters(), logs, strict=True):
            parameter.copy_(log)
    module(as_dict(draw(0))).backward()
    theirs(draw(0)).backward()
    torch.testing.assert_close(module(as_dict(draw(0))), theirs(draw(0)))
    assert theirs.log_var.grad is not None
    for parameter, gradient in zip(
        module.parameters(), theirs.log_var.grad, strict=True
    ):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.slow
def test_uncertainty_finds_its_optimum() -> None:
    losses = draw(2)
    module = Uncertainty(lr=0.05).build(NAMES, ["classification", "regression"] * 2)
    optimizer = torch.optim.Adam(module.parameter_groups(1e-3))
    for _ in range(500):
        optimizer.zero_grad(set_to_none=True)
        module(as_dict(losses)).backward()
        optimizer.step()
    # The slope in s is zero at exp(s) = 2 L for classes and at exp(s) = L for numbers, so that
    # every w L is 1/2.
    weighted = np.array(list(module.current().values())) * losses.numpy()
    np.testing.assert_allclose(weighted, 0.5, rtol=1e-2)


def test_imtl_l_with_scales_is_torchjds() -> None:
    module, theirs = IMTLL().build(NAMES), jd.IMTLL(4)
    logs = torch.linspace(-1, 1, 4)
    with torch.no_grad():
        theirs.log_scale.copy_(logs)
        for parameter, log in zip(module.parameters(), logs, strict=True):
            parameter.copy_(log)
    torch.testing.assert_close(module(as_dict(draw(0))), theirs(draw(0)))


def test_dwa_is_torchjds_over_epochs_of_one_batch() -> None:
    module, theirs = DWA(temperature=1.5).build(NAMES), jd.DWA(1.5)
    for epoch in range(5):
        losses = draw(epoch)
        torch.testing.assert_close(
            module(as_dict(losses)), theirs(losses), rtol=1e-5, atol=1e-5
        )
        theirs.step()
        module.end_epoch(dict(zip(NAMES, losses.tolist(), strict=True)))


def test_dwa_is_the_softmax_of_the_rates() -> None:
    module = DWA().build(NAMES)
    before, last = draw(0).double().numpy(), draw(1).double().numpy()
    for losses in (before, last):
        assert module.current() == pytest.approx(dict.fromkeys(NAMES, 1.0))
        module.end_epoch(dict(zip(NAMES, losses.tolist(), strict=True)))
    rates = np.exp(last / before / 2)
    assert module.current() == pytest.approx(
        dict(zip(NAMES, 4 * rates / rates.sum(), strict=True)), rel=1e-5
    )


def test_dwa_keeps_the_rate_of_a_task_without_labels_in_an_epoch() -> None:
    module = DWA().build(["a", "b"])
    module.end_epoch({"a": 1.0, "b": 1.0})
    module.end_epoch({"a": 0.5})
    assert module.current() == pytest.approx(
        {"a": 2 / (1 + np.exp(0.25)), "b": 2 / (1 + np.exp(-0.25))}, rel=1e-5
    )
    module.end_epoch({"a": 0.5, "b": 0.5})
    assert module.current() == pytest.approx(
        {"a": 2 / (1 + np.exp(-0.25)), "b": 2 / (1 + np.exp(0.25))}, rel=1e-5
    )


def test_random_draws_torchjds_weights_from_the_same_seed() -> None:
    module, theirs = Random(random_state=7).build(NAMES), jd.Random()
    torch.manual_seed(7)
    for seed in range(5):
        torch.testing.assert_close(module(as_dict(draw(seed))), theirs(draw(seed)))


def test_random_has_a_generator_of_its_own() -> None:
    module, twin = (Random(random_state=7).build(NAMES) for _ in range(2))
    state = torch.random.get_rng_state()
    first = [float(module(as_dict(draw(0)))) for _ in range(3)]
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(10)
    assert [float(twin(as_dict(draw(0), [0, 1, 2, 3]))) for _ in range(3)] == first
    assert len(set(first)) == 3
    assert sum(module.current().values()) == pytest.approx(1)


def test_random_without_a_seed_follows_torchs() -> None:
    def draw_weights(seed: int) -> dict[str, float]:
        torch.manual_seed(seed)
        module = Random().build(NAMES)
        module(as_dict(draw(0)))
        return module.current()

    assert draw_weights(1) == draw_weights(1) != draw_weights(2)


def test_random_weights_do_not_depend_on_who_is_present() -> None:
    module, twin = (Random(random_state=3).build(NAMES) for _ in range(2))
    module(as_dict(draw(0)))
    twin(as_dict(draw(0), [2]))
    assert module.current() == twin.current()
