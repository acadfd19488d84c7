"""Features for trees are the quantiles that NumPy finds, on each series' own measured steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from makers import random_series
from multitide.backbones import Trees
from multitide.backbones._quantiles import (
    N_STATISTICS,
    VIEWS,
    Plan,
    Quantiles,
    changes_between_measured,
    columns_in,
    last_steps,
    smoothed,
    statistics,
)
from multitide.backbones._spectrum import spectrum

NAN = float("nan")


def test_a_change_is_the_one_since_the_last_measured_step() -> None:
    x = torch.tensor([[[NAN, 1.0, NAN, NAN, 4.0, 3.0]]])
    assert changes_between_measured(x)[0, 0].tolist() == pytest.approx(
        [NAN, NAN, NAN, 3.0, -1.0], nan_ok=True
    )
    assert changes_between_measured(x[:, :, :1]).isnan().all()


def test_smoothing_averages_the_measured_neighbours() -> None:
    x = torch.tensor([[[1.0, 2.0, NAN, 6.0, 1.0]]])
    assert smoothed(x)[0, 0].tolist() == pytest.approx(
        [1.5, 3.0, NAN, 3.0, 3.5], nan_ok=True
    )


def test_statistics_describe_the_measured_steps() -> None:
    x = torch.tensor([[[NAN, 1.0, 3.0, NAN, 8.0, NAN]], [[NAN] * 6]])
    lengths = torch.tensor([5, 6])
    found = statistics(x, changes_between_measured(x), lengths)
    known, times = np.array([1.0, 3.0, 8.0]), np.array([1, 2, 4])
    slope = np.polyfit(times, known, 1)[0]
    expected = [4.0, known.std(), 1.0, 8.0, slope, 1.0, 8.0, 7.0, 3.5, 1.5, 5.0, 0.4]
    np.testing.assert_allclose(found[0, 0].numpy(), expected, rtol=1e-6)
    assert found[1, 0].tolist() == pytest.approx([NAN] * 11 + [1.0], nan_ok=True)


def test_steps_are_counted_from_the_end_of_each_series() -> None:
    x = torch.arange(12.0).reshape(2, 1, 6)
    found = last_steps(x, torch.tensor([6, 2]), 4)
    np.testing.assert_array_equal(found[0, 0], [2, 3, 4, 5])
    np.testing.assert_array_equal(found[1, 0], [NAN, NAN, 6, 7])


def test_steps_are_features_on_request_if_they_are_few() -> None:
    plain = Trees(n_levels=1).build(2, 24)
    with_steps = Trees(n_levels=1, steps=True).build(2, 24)
    assert with_steps.n_features == plain.n_features + 2 * 2 * 24
    x = random_series(5, 2, 24, 0.2)
    features = with_steps(x)
    assert features.shape == (5, with_steps.n_features)
    of_channel = features.reshape(5, 2, -1)
    values = of_channel[:, :, N_STATISTICS : N_STATISTICS + 24]
    np.testing.assert_array_equal(values, x)
    longer = torch.cat([random_series(5, 2, 6, 0.2, seed=1), x], dim=2)
    again = with_steps(longer).reshape(5, 2, -1)
    np.testing.assert_array_equal(again[:, :, N_STATISTICS : N_STATISTICS + 24], x)
    many = Trees(n_levels=1, steps=True).build(20, 24)
    assert many.n_features == Trees(n_levels=1).build(20, 24).n_features


def test_the_spectrum_finds_the_frequency_of_a_wave() -> None:
    steps = torch.arange(64)
    x = 5 + torch.sin(2 * torch.pi * 8 * steps / 64)[None, None]
    found = spectrum(x, 64)[0, 0]
    assert found.shape == (32,)
    # The eighth frequency; the first is a whole turn.
    assert int(found.argmax()) == 7
    assert found[7] == pytest.approx(0.5)
    assert found.sum() == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5, 24, 100])
@pytest.mark.parametrize("missing", [0.0, 0.5, 1.0])
def test_any_series_gives_the_declared_number_of_features(
    n_steps: int, missing: float
) -> None:
    module = Quantiles(2, n_steps, 6, 10_000)
    features = module(random_series(3, 2, n_steps, missing))
    assert features.shape == (3, module.n_features)
    assert not features.isinf().any()
    if n_steps > 2 and not missing:
        assert features.isfinite().all()


@pytest.mark.parametrize(
    ("n_channels", "n_timepoints"), [(1, 80), (17, 60), (37, 48), (3, 5000), (1, 1)]
)
def test_there_are_a_limited_number_of_features(
    n_channels: int, n_timepoints: int
) -> None:
    for most in (1_000_000, 10_000, 2_000):
        plan = Plan.within(n_channels, n_timepoints, 6, most)
        assert n_channels * plan.n_features <= most


def test_with_very_many_channels_the_coarsest_features_remain() -> None:
    plan = Plan.within(2000, 50, 6, 10_000)
    assert (plan.n_levels, plan.most) == (1, 4)
    assert plan.n_features == N_STATISTICS + VIEWS * 4


def test_vectors_stay_as_they_are() -> None:
    x = random_series(4, 7, 1, 0.3)
    module = Quantiles(7, 1, 6, 10_000)
    torch.testing.assert_close(module(x), x[:, :, 0], equal_nan=True)


@pytest.mark.parametrize("lengths", [None, torch.tensor([24, 3, 24, 10, 24, 1, 24])])
def test_many_series_are_processed_in_parts(
    monkeypatch: pytest.MonkeyPatch, lengths: Tensor | None
) -> None:
    x, module = random_series(7, 2, 24, 0.2), Quantiles(2, 24, 6, 10_000)
    whole = module(x, lengths)
    monkeypatch.setattr("multitide.backbones._quantiles.MOST_VALUES", 100)
    assert torch.equal(module(x, lengths).nan_to_num(7.5), whole.nan_to_num(7.5))


@pytest.mark.parametrize(
    ("n_timepoints", "coarse", "fine", "is_part"),
    [
        (24, (24, 0, 7), (24, 6, 7), True),
        (24, (24, 1, 7), (24, 6, 7, 4), True),
        (24, (24, 2, 7, 4), (24, 3, 7, 4), True),
        (24, (20, 0, 7), (24, 6, 7), True),
        (24, (24, 1, 4), (24, 6, 7), False),
        (24, (20, 1, 7), (24, 6, 7), False),
        (24, (24, 1, 7, 3), (24, 6, 7, 4), False),
        (24, (24, 3, 7), (24, 2, 7), False),
        (1, (1, 0, 7), (1, 6, 7), False),
    ],
)
def test_features_are_found_among_finer_ones(
    n_timepoints: int, coarse: tuple[int, ...], fine: tuple[int, ...], is_part: bool
) -> None:
    columns = columns_in(Plan(*coarse), Plan(*fine))
    assert (columns is not None) == is_part
    if columns is None:
        return
    x = random_series(5, 3, n_timepoints, 0.2)
    own, finer = of_plan(Plan(*coarse)), of_plan(Plan(*fine))
    joined = torch.cat([finer(x), torch.ones(5, 2)], dim=1)
    found = finer.part_of(joined, columns).numpy()
    expected = torch.cat([own(x), torch.ones(5, 2)], dim=1).numpy()
    assert np.array_equal(found, expected, equal_nan=True)


def of_plan(plan: Plan) -> Quantiles:
    """Return the module of a plan for three channels."""
    module = Quantiles(3, plan.n_timepoints, plan.n_levels, 10**9, plan.n_steps)
    module.plan = plan
    module.n_features = 3 * plan.n_features
    module.levels = tuple(tuple(plan.levels(view)) for view in range(VIEWS))
    return module


@pytest.mark.parametrize("n_timepoints", [1, 24])
def test_the_last_measured_value_has_a_known_place(n_timepoints: int) -> None:
    x = random_series(20, 3, n_timepoints, 0.3)
    module = Quantiles(3, n_timepoints, 2, 10_000)
    features = module(x)
    for channel in range(3):
        for row in range(20):
            known = x[row, channel][~x[row, channel].isnan()]
            found = features[row, module.last_value(channel)]
            assert found == known[-1] if len(known) else found.isnan()


def test_the_features_are_the_same_in_an_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    module = Quantiles(2, 20, 3, 1000, 4)
    for n_steps in (20, 27, 9):
        x = torch.randn(3, 2, n_steps)
        x[0, 1, 3:5] = torch.nan
        lengths = torch.tensor([n_steps, n_steps - 3, n_steps])
        usual = module(x, lengths)
        with monkeypatch.context() as patch:
            patch.setattr(torch.compiler, "is_compiling", lambda: True)
            torch.testing.assert_close(
                module(x, lengths), usual, rtol=1e-5, atol=1e-6, equal_nan=True
            )
