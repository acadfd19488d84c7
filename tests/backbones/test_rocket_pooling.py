"""The longest stretch, in both of its formulations, is that of a loop over time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from multitide.backbones import _rocket_pooling
from multitide.backbones._rocket_pooling import four_operators, longest_stretch


def largest_distance(below: list[bool]) -> int:
    """Return the longest stretch as the authors' code counts it."""
    longest = last = 0
    for step, is_below in enumerate(below):
        if is_below:
            longest, last = max(longest, step - last), step
    return max(longest, len(below) - 1 - last)


@given(below=st.lists(st.booleans(), min_size=1, max_size=40), exported=st.booleans())
def test_the_longest_stretch_is_that_of_a_loop(
    below: list[bool], exported: bool
) -> None:
    marks = torch.tensor(below, dtype=torch.float32) * torch.arange(len(below))
    with pytest.MonkeyPatch.context() as patch:
        if exported:
            latest = _rocket_pooling._latest_by_count
            patch.setattr(_rocket_pooling, "_latest", latest)
        assert longest_stretch(marks).item() == largest_distance(below)


def test_a_long_series_does_not_overflow() -> None:
    marks = torch.zeros(70_000)
    marks[40_000] = 40_000
    assert longest_stretch(marks).item() == 40_000


def test_steps_on_the_bias_are_neither_above_nor_below() -> None:
    z = torch.tensor([[[[0.0, 0.0, 2.0, 0.0, -1.0, 4.0, 0.0, 0.0]]]])
    pooled = four_operators(z)[0, :, 0, 0]
    np.testing.assert_allclose(pooled, [2 / 8, 4 / 8, 3.0, 3.5 / 8])
    never = four_operators(torch.full((1, 1, 1, 4), -1.0))[0, :, 0, 0]
    np.testing.assert_allclose(never, [0, 1 / 4, 0, -1 / 4])
