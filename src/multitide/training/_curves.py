"""The rows of the history as curves, for programs that draw them."""

from __future__ import annotations

from numbers import Real

from multitide.training._callbacks import HistoryRow

NO_CURVES = ("epoch", "seconds", "value")


def curves_of(row: HistoryRow) -> dict[str, float]:
    """Return the numbers of a row of the history by the name of their curve.

    Returns
    -------
    dict of str to float
        ``loss/TASK``, ``weight/TASK``, ``accuracy/TASK``, ..., and ``lr``.
    """
    task = row["task"]
    curves = {}
    for column, value in row.items():
        if column not in NO_CURVES and isinstance(value, Real):
            curves[f"{column}/{task}"] = float(value)
    if "metric" in row:
        curves[f"{row['metric']}/{task}"] = float(row["value"])
    curves["lr"] = curves.pop(f"lr/{task}")
    return curves
