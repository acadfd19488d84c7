"""Tables of metrics: which direction is better, and whether a trivial predictor is beaten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd

from multitide.tasks._reliability import RELIABILITY

Numbers = TypeVar("Numbers", float, np.ndarray, pd.Series)

HIGHER_IS_BETTER = {
    "accuracy": True,
    "balanced_accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "f1_macro": True,
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    **dict.fromkeys(RELIABILITY, False),
    "rmse": False,
    "mae": False,
    "r2": True,
    "mape": False,
    "pinball": False,
    "coverage": True,
    "width": False,
    "exact_match": True,
    "hamming_loss": False,
    "persistence_rmse": False,
    "skill": True,
    "nasa_score": False,
    "rmse_over_std": False,
    "c_index": True,
    "integrated_brier": False,
    "loss": False,
}
# Metrics that are best at a level in between; see `Target.level_of`.
BEST_AT_A_LEVEL = ("coverage",)


def metric_table(
    values: Mapping[str, float], trivial: Mapping[str, float], n_labelled: int
) -> pd.DataFrame:
    """Return one row per metric.

    Parameters
    ----------
    values, trivial : mapping of str to float
        The metrics of the predictions and of the trivial predictor.
    n_labelled : int
        Number of rows that the metrics are computed on.
    """
    rows = []
    for name, value in values.items():
        rows.append(
            {
                "metric": name,
                "value": float(value),
                "trivial": float(trivial[name]),
                "n_labelled": n_labelled,
                "higher_is_better": HIGHER_IS_BETTER[name],
            }
        )
    return pd.DataFrame(rows)


class HasDirection(Protocol):
    """A metric of the user."""

    @property
    def higher_is_better(self) -> bool | None:
        """Whether the larger value is better."""


def goodness(
    metric: str | HasDirection, value: Numbers, level: float | None = None
) -> Numbers:
    """Return numbers of which the larger one is better.

    Parameters
    ----------
    metric : str or Metric
        A key of `HIGHER_IS_BETTER`, or a metric that says so itself.
    value : float, ndarray or Series
        Values of the metric.
    level : float, optional
        Where the metric is best, from :meth:`Target.level_of`; None: at one of its ends.
    """
    if level is not None:
        return -abs(value - level)
    if isinstance(metric, str):
        is_better = HIGHER_IS_BETTER[metric]
    else:
        is_better = bool(metric.higher_is_better)
    if is_better:
        return value
    return -value


def better_than_trivial(table: pd.DataFrame) -> pd.Series:
    """Say for each metric whether it is better than that of the trivial predictor.

    Parameters
    ----------
    table : DataFrame
        From ``estimator.evaluate``: columns ``value``, ``trivial``, ``higher_is_better``.

    Returns
    -------
    Series of str
        "yes", "no", "same" (in four significant digits), or "-" if there is no value, or if the
        metric is best at a level that the table does not hold.
    """
    larger = table["value"].gt(table["trivial"])
    better = larger.eq(table["higher_is_better"]).map({True: "yes", False: "no"})
    same = table["value"].map("{:.4g}".format).eq(table["trivial"].map("{:.4g}".format))
    no_answer = table["value"].isna() | table["metric"].isin(BEST_AT_A_LEVEL)
    return better.mask(same, "same").mask(no_answer, "-")


def disagreement(table: pd.DataFrame) -> str:
    """Explain why the main metric can be better than the trivial one while the loss is not.

    Parameters
    ----------
    table : DataFrame
        From ``estimator.evaluate``.

    Returns
    -------
    str
        A sentence with the tasks whose main metric and loss disagree; "" if there are none.
    """
    keys = []
    for name in ("data", "task"):
        if name in table:
            keys.append(name)
    judged = table.assign(better=better_than_trivial(table))
    tasks = []
    for key, rows in judged.groupby(keys, sort=False):
        of_loss = rows.loc[rows["metric"] == "loss", "better"]
        if {rows["better"].iloc[0], *of_loss} == {"yes", "no"}:
            tasks.append(str(key[-1]))
    if not tasks:
        return ""
    return (
        f"The main metric and the loss disagree for {', '.join(dict.fromkeys(tasks))}: training "
        "minimises the loss, which counts how far off a number is, or how sure of a class a wrong "
        "prediction is."
    )
