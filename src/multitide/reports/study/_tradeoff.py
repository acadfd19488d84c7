"""The trade-off between two tasks in a study whose arms differ in ``alpha``, the weight of the first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from multitide import plot
from multitide.reports._svg import svg
from multitide.study import Comparison

FEWEST = 3  # weights that make a curve


def alpha_losses(comparison: Comparison) -> pd.DataFrame:
    """Return each task's loss by the weight of the first task.

    Parameters
    ----------
    comparison : Comparison
        Its arms with ``weighting = {"name": "fixed", "alpha": ...}`` count.

    Returns
    -------
    DataFrame
        One row a weight and task: ``alpha``, ``arm``, ``task``, ``mean`` and ``sd`` over seeds of
        the test loss, in units of the trivial loss. Empty where no arm has an alpha.
    """
    alphas = {arm: _alpha(comparison.settings[arm]["settings"]) for arm in comparison.arms}
    losses = comparison.figures[comparison.figures["metric"] == "loss"]
    table = losses.assign(alpha=losses["arm"].map(alphas).astype(float)).dropna(subset="alpha")
    return table.sort_values("alpha", kind="stable")[
        ["alpha", "arm", "task", "mean", "sd"]
    ].reset_index(drop=True)


def tradeoff_content(comparison: Comparison) -> dict[str, Any] | None:
    """Return the figure, its caption and its table; None where too few arms differ in alpha, and for several data sets.

    There alpha weighs two tasks, each of them judged on several.
    """
    losses = alpha_losses(comparison)
    if losses["alpha"].nunique() < FEWEST or len(comparison.questions) != 2:
        return None
    first, second = (asked.name for asked in comparison.questions)
    figures = comparison.figures[comparison.figures["metric"] == "loss"]
    reference = figures[figures["arm"] == comparison.reference].set_index("task")["mean"]
    draw = partial(plot.alpha_tradeoff, reference=None if reference.empty else reference)
    rows = [
        {"alpha": alpha, "losses": group.set_index("task").to_dict("index")}
        for alpha, group in losses.groupby("alpha", sort=True)
    ]
    label = f"Loss of {first} and {second} over alpha"
    return {
        "first": first,
        "second": second,
        "rows": rows,
        "svg": svg(draw, losses, label=label, size=(6, 3.4)),
    }


def _alpha(settings: Mapping[str, Any]) -> float | None:
    weighting = settings.get("weighting")
    return weighting.get("alpha") if isinstance(weighting, Mapping) else None
