"""The figure of one explained sample."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from multitide.plot._reasons import sample_reasons
from multitide.reasons._explanation import SampleReasons, TaskReasons


def test_a_value_without_neighbours_is_drawn() -> None:
    """Most laboratory values are measured once, where a line shows nothing."""
    nan = np.nan
    series = np.array([[1.0, 2.0, nan, 3.0, nan], [nan, nan, 4.0, nan, 5.0]])
    of_task = TaskReasons("load", 1.0, 0.0, np.ones((2, 5)), {})
    sample = SampleReasons(0, "run 1", ("a", "b"), series, {"load": of_task})
    ax = sample_reasons(sample, "load", Figure().add_subplot())
    marked = [line for line in ax.lines if line.get_marker() == "."]
    places = [np.asarray(line.get_xdata()).tolist() for line in marked]
    assert places == [[3], [2, 4]]
