"""No gain disappears from the chart: one beyond it has an arrow."""

from __future__ import annotations

import numpy as np
import pytest

from multitide.reports.study._gain_chart import _chart_row


@pytest.mark.parametrize(
    ("gain", "point", "cut"),
    [
        (0.05, 75.0, (False, False)),
        (0.5, None, (False, True)),
        (-0.5, None, (True, False)),
        (np.nan, None, (False, False)),
    ],
)
def test_a_gain_without_an_interval_is_a_dot_or_an_arrow(
    gain: float, point: float | None, cut: tuple[bool, bool]
) -> None:
    row = {"gain": gain, "low": np.nan, "high": np.nan}
    drawn = _chart_row(row, 0.1, is_mean=False)
    assert (drawn.point, drawn.interval) == (point, None)
    assert (drawn.cut_low, drawn.cut_high) == cut
