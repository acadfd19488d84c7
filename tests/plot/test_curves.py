"""ROC and precision-recall curves, and their bands over groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, roc_auc_score

from multitide import plot
from refusals import refused


def rows(n: int = 200, seed: int = 0) -> tuple[pd.Series, np.ndarray]:
    rng = np.random.default_rng(seed)
    yes = rng.random(n) < 0.3
    # Rounded, so that some are equal.
    probability = np.round(0.3 * yes + 0.7 * rng.random(n), 2)
    measured = pd.Series(yes, name="leak", dtype=object)
    measured[:5] = None
    return measured, probability


@pytest.mark.parametrize(
    ("draw", "area"),
    [
        (plot.roc_curve, roc_auc_score),
        (plot.precision_recall_curve, average_precision_score),
    ],
)
def test_the_area_is_scikit_learns_and_groups_widen_the_band(draw, area) -> None:  # type: ignore[no-untyped-def]
    measured, probability = rows()
    known = measured.notna()
    expected = area(measured[known].astype(bool), probability[known])
    widths = []
    for groups in (None, np.arange(200) // 25):
        ax = draw(measured, probability, Figure().subplots(), groups=groups)
        (text,) = [each.get_text() for each in ax.get_legend().get_texts()]
        assert f"{expected:.2f} (" in text
        low, high = text.split("(")[1].rstrip(")").split(" to ")
        widths.append(float(high) - float(low))
        assert len(ax.collections) == 1
    assert widths[0] > 0
    alone = draw(measured, probability, Figure().subplots(), groups=np.zeros(200))
    assert not alone.collections  # a band needs several groups


def test_without_labels_no_curve_is_drawn() -> None:
    _, probability = rows()
    with refused("`measured`", "200", "'leak'"):
        plot.roc_curve(
            pd.Series([None] * 200, name="leak"), probability, Figure().subplots()
        )
