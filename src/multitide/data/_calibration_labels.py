"""The labels that a calibration set needs."""

from __future__ import annotations

import pandas as pd

from multitide.errors import DataError

# With fewer there is no interval of the level 0.9.
LEAST_LABELS = 10
LARGER = "Raise it, or leave it out: the validation set then serves."


def check_calibration_labels(y: pd.DataFrame, remedy: str = LARGER) -> None:
    """Raise if a task has too few labels in a calibration set.

    Parameters
    ----------
    y : DataFrame
        The labels of the calibration set; without rows there is no calibration set.
    remedy : str, optional
        What to do; by default, about the fraction of a splitter.

    Raises
    ------
    DataError
        With the number that each such task has.
    """
    if y.empty:
        return
    problems = []
    for task, n in y.notna().sum().items():
        if n < LEAST_LABELS:
            problems.append(
                f"`calibration` must give at least {LEAST_LABELS} labels of every task to the "
                f"calibration set; got {n} of {task!r} in {len(y)} samples."
            )
    if problems:
        raise DataError("\n".join([*problems, remedy]))
