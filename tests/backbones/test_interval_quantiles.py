"""Quantiles of intervals are those of NumPy, and all levels at once have the bits of each alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from makers import random_series
from multitide.backbones import _quantiles
from multitide.backbones._interval_quantiles import Level, interval_quantiles, shares_of
from multitide.backbones._quantiles import Quantiles

NAN = float("nan")


def reference(values: np.ndarray, level: Level) -> list[float]:
    """Return the quantiles of one channel of one series, interval by interval."""
    found: list[float] = []
    length = len(values)
    for half in range(level.n_intervals):
        start = length * half // (2 * level.n_parts)
        end = max(length * (half + 2) // (2 * level.n_parts), start + 1)
        known = values[start:end][~np.isnan(values[start:end])]
        if not len(known):
            found += [NAN] * level.n_quantiles
            continue
        shares = np.linspace(0, 1, level.n_quantiles)
        if level.n_quantiles == 1:
            shares = np.array([0.5])
        quantiles = np.quantile(known, shares)
        quantiles[1::2] -= known.mean()
        found += quantiles.tolist()
    return found


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("level", [Level(1, 7), Level(2, 3), Level(8, 2), Level(16, 1)])
def test_quantiles_are_those_of_numpy(level: Level, missing: float) -> None:
    x = random_series(6, 2, 30, missing)
    lengths = torch.tensor([30, 29, 17, 3, 1, 8])
    found = interval_quantiles([x], [lengths], ((level,),))
    assert found.shape == (6, 2, level.n_intervals * level.n_quantiles)
    for row, length in enumerate(lengths.tolist()):
        for channel in range(2):
            expected = reference(x[row, channel, :length].double().numpy(), level)
            np.testing.assert_allclose(
                found[row, channel].numpy(), expected, rtol=1e-4, atol=1e-5
            )


def level_alone(view: Tensor, lengths: Tensor, level: Level) -> Tensor:
    """Return the quantiles of one level of one view, computed as they were first.

    Stored trees were grown on these features, so their bits must stay.
    """
    n_halves, n_steps = 2 * level.n_parts, view.shape[2]
    halves = torch.arange(level.n_intervals)
    length = lengths[:, None].clamp(min=0)
    start = length * halves // n_halves
    end = torch.maximum(length * (halves + 2) // n_halves, start + 1)
    end = torch.minimum(end, length)
    width = min(n_steps, n_steps // level.n_parts + 2)
    steps = start[:, :, None] + torch.arange(width)
    places, inside = steps.clamp(max=n_steps - 1), steps < end[:, :, None]
    shape = (*view.shape[:2], *places.shape[1:])
    of_intervals = view[:, :, None].expand(*shape[:3], n_steps)
    values = of_intervals.gather(3, places[:, None].expand(shape))
    known = inside[:, None] & ~values.isnan()
    count = known.sum(dim=3, keepdim=True)
    complete = torch.where(known, values, 0.0)
    total = complete.sum(dim=3, keepdim=True, dtype=torch.float64)
    mean = (total / count).to(view.dtype)
    ascending = torch.where(known, values, torch.inf).sort(dim=3).values
    place = shares_of(level) * (count - 1).clamp(min=0)
    lower = place.long()
    upper = torch.minimum(lower + 1, (count - 1).clamp(min=0))
    low, high = ascending.gather(3, lower), ascending.gather(3, upper)
    quantiles = low + (place - lower) * (high - low)
    quantiles = torch.where(count > 0, quantiles, torch.nan)
    quantiles[..., 1::2] -= mean
    return quantiles.flatten(2)


class LevelByLevel(Quantiles):
    """The same features, level by level."""

    def level_quantiles(
        self, view: Tensor, lengths: Tensor | int, level: Level
    ) -> Tensor:
        """Return the quantiles of a level."""
        if isinstance(lengths, int):
            lengths = torch.full((len(view),), lengths)
        return level_alone(view, lengths, level)


@pytest.mark.parametrize(
    ("n_channels", "n_trained", "n_steps"),
    [(1, 24, 24), (3, 40, 57), (2, 64, 5), (2, 9, 1), (40, 12, 12), (5, 2, 2)],
    ids=["one channel", "longer", "shorter", "one step", "many channels", "two steps"],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_bits_do_not_depend_on_how_many_levels_are_computed_at_once(
    monkeypatch: pytest.MonkeyPatch,
    at_once: bool,
    n_channels: int,
    n_trained: int,
    n_steps: int,
) -> None:
    before = LevelByLevel(n_channels, n_trained, 6, 10_000, 3)
    module = Quantiles(n_channels, n_trained, 6, 10_000, 3)
    lengths = torch.tensor([n_steps, 1, max(1, n_steps // 2), n_steps])
    for missing in (0.0, 0.3, 0.95):
        x = random_series(4, n_channels, n_steps, missing)
        for each in (None, lengths):
            monkeypatch.setattr(_quantiles, "FEW_VALUES", 0)
            expected = before(x, each)
            if at_once:
                monkeypatch.setattr(_quantiles, "FEW_VALUES", 2**40)
            found = module(x, each).numpy()
            assert np.array_equal(found, expected.numpy(), equal_nan=True)


def test_ties_and_infinite_values_are_sorted_like_others() -> None:
    x = torch.tensor([[[1.0, 1.0, torch.inf, 1.0, NAN, -torch.inf]]])
    found = interval_quantiles([x], (6,), ((Level(1, 1),),))
    assert found.tolist() == [[[1.0]]]


def test_quantiles_have_gradients_that_their_values_do_not_depend_on() -> None:
    x = random_series(4, 2, 24, missing=0.2)
    module = Quantiles(2, 24, n_levels=3, most_features=1000)
    read = x.clone().requires_grad_()
    features = module(read)
    torch.testing.assert_close(features.detach(), module(x), equal_nan=True)
    known = features[~features.isnan()]
    (gradient,) = torch.autograd.grad(known.sum(), read)
    assert gradient.nan_to_num().abs().sum() > 0
