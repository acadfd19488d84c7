"""Figures: each a function of a result and a Matplotlib Axes."""

from __future__ import annotations

from multitide.plot._calibration import calibration_curves
from multitide.plot._confusion import confusion
from multitide.plot._curves import precision_recall_curve, roc_curve
from multitide.plot._gradients import flow_by_step
from multitide.plot._ranks import mean_ranks
from multitide.plot._reasons import importance, importance_in_time, sample_reasons
from multitide.plot._run import (
    cosines,
    error_by_step,
    gradient_norms,
    history,
    predicted_vs_measured,
    right_by_label,
    weights,
)
from multitide.plot._study import (
    example_series,
    gains_by_share,
    learning_curves,
    reliability,
    residuals,
    task_matrix,
    task_weights,
    verdict_gains,
)
from multitide.plot._survival import survival_times
from multitide.plot._tuning import importances, trials

__all__ = [
    "calibration_curves",
    "confusion",
    "cosines",
    "error_by_step",
    "example_series",
    "flow_by_step",
    "gains_by_share",
    "gradient_norms",
    "history",
    "importance",
    "importance_in_time",
    "importances",
    "learning_curves",
    "mean_ranks",
    "precision_recall_curve",
    "predicted_vs_measured",
    "reliability",
    "residuals",
    "right_by_label",
    "roc_curve",
    "sample_reasons",
    "survival_times",
    "task_matrix",
    "task_weights",
    "trials",
    "verdict_gains",
    "weights",
]
