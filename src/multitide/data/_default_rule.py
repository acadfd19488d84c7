"""The way to split that does not leak, judged by how many series and samples there are."""

from __future__ import annotations

from typing import Literal

FEW_SERIES = 10
MIN_ROOM = 3  # windows side by side in the longest series, so that purging leaves some


def default_rule(
    n_series: int, n_samples: int, *, has_time: bool, room: float
) -> Literal["time", "group", "random"]:
    """Return the rule of a split that nobody chose.

    Windows of one recording overlap or follow each other, so that random ones would leak. With many
    recordings whole ones are held out; with few, the last samples in time, if there is room.

    Parameters
    ----------
    n_series, n_samples : int
        Equal if each sample is a whole series.
    has_time : bool
        Whether samples have times, or an order.
    room : float
        How many samples lie side by side in the longest series.
    """
    if n_series == n_samples:
        return "random"
    is_few = n_series == 1 or (n_series < FEW_SERIES and room >= MIN_ROOM)
    if has_time and is_few:
        return "time"
    if n_series > 1:
        return "group"
    return "random"
