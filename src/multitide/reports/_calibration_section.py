"""What the report of a run says about calibrated probabilities, intervals and sets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from multitide import plot
from multitide.data._data_sets import DataSets
from multitide.fitting._data_sets import labels_of
from multitide.model._intervals import (
    coverage_table,
    size_sentences,
    supported,
    without_size_links,
)
from multitide.plot._style import short
from multitide.reports._figures import Draw
from multitide.reports._model_lines import Model
from multitide.reports._section import Section
from multitide.tasks import Target
from multitide.tasks._reliability import reliability_curve, said_and_true
from multitide.training._decode_samples import Decoded

LEVELS = (0.8, 0.9, 0.95)
ABOUT_CALIBRATION = (
    'Probabilities of these tasks were calibrated on the set in the column "rows". The log '
    "losses are means over its labels, before and after, on folds that the calibrator was not "
    "fitted to. The figures show the test set."
)
ABOUT_INTERVALS = (
    "Intervals of numbers and sets of classes by conformal prediction, on the test set: "
    '"coverage" is the share of the labels that they contain, ideally the level, and "width" '
    "their mean width, or number of classes. A level that too few held-out samples support is left "
    "out."
)


def calibration_sections(
    model: Model, test_sets: DataSets, decoded: Mapping[str, Decoded]
) -> list[Section]:
    """Return the sections; none without held-out samples."""
    sections = []
    if len(model.calibration_):
        table = model.calibration_.rename(columns={"n_labels": "labelled"})
        if not table["label"].any():
            table = table.drop(columns="label")
        sections.append(Section("Calibration", ABOUT_CALIBRATION, [table]))
    coverage = _coverage(model, test_sets, decoded)
    if len(coverage):
        table = coverage.assign(n_labelled=coverage["n_labelled"].astype(int))
        table = without_size_links(table).rename(
            columns={"n_labelled": "labelled", "by_recording": "by recording"}
        )
        about = " ".join([ABOUT_INTERVALS, *size_sentences(coverage)])
        sections.append(Section("Intervals and sets", about, [table]))
    return sections


def reliability_figures(
    model: Model, test_sets: DataSets, decoded: Mapping[str, Decoded]
) -> list[tuple[str, Draw]]:
    """Return a figure per calibrated task and data set, with the curves before and after."""
    tasks = list(dict.fromkeys(model.calibration_["task"]))
    if not tasks or not decoded:
        return []
    before = model.decode_as_trained(test_sets)
    figures: list[tuple[str, Draw]] = []
    for data_set, samples in test_sets.items():
        for task in tasks:
            if task not in decoded[data_set]:
                continue
            target = model.targets_.target(task)
            truth = target.truth(labels_of(samples, target.task))
            if not target.has_label(truth).any():
                continue
            curves = {
                "as trained": _curve(target, truth, before[data_set][task]),
                "calibrated": _curve(target, truth, decoded[data_set][task]),
            }
            words = ["reliability", *filter(None, [data_set]), task]
            figures.append(("_".join(words), partial(_draw, curves, task)))
    return figures


def _draw(curves: Mapping[str, pd.DataFrame], task: str, ax: Axes) -> None:
    plot.calibration_curves(curves, ax)
    ax.set_title(short(task, max_letters=60))


def _curve(target: Target, truth: np.ndarray, decoded: np.ndarray) -> pd.DataFrame:
    """Return the reliability curve of a task; of all labels together for multi-label tasks."""
    if truth.ndim > 1:
        known = ~np.isnan(truth)
        return reliability_curve(decoded[known].astype(float), truth[known] == 1)
    known = target.has_label(truth)
    return reliability_curve(*said_and_true(truth[known], decoded[known]))


def _coverage(
    model: Model, test_sets: DataSets, decoded: Mapping[str, Decoded]
) -> pd.DataFrame:
    tables = []
    for level in LEVELS:
        scores = supported(level, model.scores_)
        if scores and decoded:
            tables.append(
                coverage_table(model.targets_, scores, test_sets, decoded, level)
            )
    if not tables:
        return pd.DataFrame()
    keys = [name for name in ("data", "task") if name in tables[0]]
    joined = pd.concat(tables, ignore_index=True)
    known = joined[joined["n_labelled"] > 0]
    return known.sort_values([*keys, "level"], kind="stable")
