"""Calibration curves: which bins are drawn."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from multitide.plot import calibration_curves


def test_bins_with_few_samples_are_left_out_if_others_have_more() -> None:
    bins = pd.DataFrame(
        {"said": [0.1, 0.5, 0.9], "came_true": [0.2, 0.4, 0.8], "n": [9, 1, 30]}
    )
    few = bins.assign(n=1)
    ax = Figure().subplots()
    calibration_curves({"as trained": bins, "calibrated": few}, ax)
    drawn = [list(line.get_xdata()) for line in ax.lines[1:]]
    assert drawn == [[0.1, 0.9], [0.1, 0.5, 0.9]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "as trained",
        "calibrated",
    ]
