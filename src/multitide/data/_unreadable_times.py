"""What is said of times that cannot be read."""

from __future__ import annotations

import numpy as np
import pandas as pd

MOST_SHOWN = 3
REMEDY = (
    'say how times are written with `time_format`, e.g. time_format="%d.%m.%y %H:%M"'
)


def unreadable(
    texts: pd.Series, bad: np.ndarray, label: str, how: str, remedy: str = REMEDY
) -> str:
    """Return a message that names the first values that are no times, their rows, and a remedy.

    Parameters
    ----------
    texts : Series of str
    bad : ndarray of int
        The rows that hold no time.
    label : str
        The column.
    how : str
        What times must be, "such as 2024-07-04 13:00".
    remedy : str
        What else to do.
    """
    shown = []
    for row in bad[:MOST_SHOWN]:
        shown.append(f"{texts.iloc[row]!r} in row {row + 1}")
    count = ""
    if len(bad) > 1:
        count = f" ({len(bad)} of {len(texts)} rows)"
    return (
        f"{label} must hold times {how}; "
        f"got {', '.join(shown)}{count}. "
        f"Correct or remove these rows, or {remedy}."
    )
