"""Intervals and sets of a fitted model, and how often they contain the label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import check_fraction
from multitide._weighted_mean import weighted_mean
from multitide.calibration._conformity import Conformity
from multitide.calibration._conformity_of import conformity_of
from multitide.calibration._scores import Scores, units_needed
from multitide.calibration._size_link import size_link
from multitide.data._data_sets import DataSets
from multitide.data._recordings import units_of_rows
from multitide.data._weights import weights_of
from multitide.errors import ParameterError
from multitide.fitting._data_sets import labels_of
from multitide.model._prediction import HasTargets
from multitide.training._decode_samples import Decoded

NO_SCORES = (
    "`predict_interval` must have a model with conformal scores; got one without. It was fitted by "
    "an earlier version, without held-out samples, or with training.calibrate='none'. Fit it again "
    "with a validation or a calibration set."
)


def check_level(level: object, scores: Mapping[str, Scores]) -> float:
    """Return a level that the scores of every task support.

    Raises
    ------
    ParameterError
        If there are no scores, or with the number that each task would need.
    """
    check_fraction("level", level)
    if not scores:
        raise ParameterError(NO_SCORES)
    number = float(level)  # type: ignore[arg-type]  # checked above
    needed = units_needed(number)
    problems = []
    for task, own in scores.items():
        n = own.fewest_units
        if n < needed:
            problems.append(
                f"`level` must be at most {n / (n + 1):.3g} for {task!r}, whose intervals rest on "
                f"{n} recordings (each sample is one, unless a split by group or new series keeps "
                f"several together); got {number:g}, which needs {needed}."
            )
    if problems:
        remedy = "Lower it, or hold out more samples for `calibration`."
        raise ParameterError("\n".join([*problems, remedy]))
    return number


def supported(level: float, scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """Return the scores of the tasks that have intervals of a level."""
    needed = units_needed(level)
    by_task = {}
    for task, own in scores.items():
        if own.fewest_units >= needed:
            by_task[task] = own
    return by_task


def interval_table(
    model: HasTargets, scores: Mapping[str, Scores], decoded: Decoded, level: float
) -> pd.DataFrame:
    """Return the intervals and sets of all tasks with scores, side by side; a row per sample."""
    tables = [pd.DataFrame(index=pd.RangeIndex(len(next(iter(decoded.values())))))]
    for task, values in decoded.items():
        if task in scores:
            quantiles = scores[task].quantiles(level)
            tables.append(_conformity(model, task).table(values, quantiles))
    return pd.concat(tables, axis=1)


def coverage_table(
    model: HasTargets,
    scores: Mapping[str, Scores],
    data_sets: DataSets,
    decoded: Mapping[str, Decoded],
    level: float,
) -> pd.DataFrame:
    """Return, per task, how many labels are in their interval or set, and how wide these are.

    Parameters
    ----------
    model : HasTargets
        The model that made the predictions.
    scores : mapping of str to Scores
        By task.
    data_sets : DataSets
        Samples with labels.
    decoded : mapping of str to dict
        The predictions for each data set.
    level : float
        The share of the labels that intervals should contain.
    """
    rows = []
    for name, samples in data_sets.items():
        for task, values in decoded[name].items():
            if task not in scores:
                continue
            conformity = _conformity(model, task)
            truth = conformity.target.truth(labels_of(samples, conformity.target.task))
            known = conformity.target.has_label(truth)
            quantiles = scores[task].quantiles(level)
            row: dict[str, object] = {"data": name} if name else {}
            row |= {"task": task, "level": level}
            weights = weights_of(samples, task)
            if weights is None:
                weights = np.ones(len(truth))
            row |= _covered(
                conformity,
                truth[known],
                values[known],
                weights[known],
                units_of_rows(samples, np.flatnonzero(known)),
                quantiles,
            )
            rows.append(row)
    return pd.DataFrame(rows)


def without_size_links(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of coverage for people: with that of recordings only where it differs."""
    hidden = ["size_linked"]
    if not table["size_linked"].any():
        hidden.append("by_recording")
    return table.drop(columns=hidden)


def size_sentences(table: pd.DataFrame) -> list[str]:
    """Return what the size of recordings does to the coverage of :func:`coverage_table`."""
    sentences = []
    for row in table[table["size_linked"]].to_dict("records"):
        of_data = f" of {row['data']!r}" if "data" in row else ""
        which = "harder" if row["coverage"] < row["by_recording"] else "easier"
        sentences.append(
            f"{row['task']!r}{of_data} at {row['level']:g}: longer recordings are {which}. "
            f"Intervals cover {row['coverage']:.3f} of all rows, and {row['by_recording']:.3f} of "
            "the rows of an average recording; they promise the second where recordings are held "
            "out whole."
        )
    return sentences


def _covered(
    conformity: Conformity[Any],
    truth: np.ndarray,
    decoded: np.ndarray,
    weights: np.ndarray,
    units: np.ndarray,
    quantiles: np.ndarray,
) -> dict[str, float | bool]:
    """Return weighted coverage and mean width over all known labels; NaN without any."""
    found: dict[str, float | bool] = {
        "coverage": np.nan,
        "width": np.nan,
        "n_labelled": float(len(truth)),
        "by_recording": np.nan,
        "size_linked": False,
    }
    if weights.any():
        scores = conformity.scores(truth, decoded)
        known = ~np.isnan(scores)
        of_labels = np.broadcast_to(weights[:, None], scores.shape)[known]
        inside = (scores <= quantiles)[known]
        widths = conformity.widths(decoded, quantiles)[known]
        found["coverage"] = weighted_mean(inside, of_labels)
        found["width"] = weighted_mean(widths, of_labels)
        counting = weights > 0
        link = size_link(
            scores[counting], quantiles, units[counting], weights[counting]
        )
        found["by_recording"], found["size_linked"] = link
    return found


def _conformity(model: HasTargets, task: str) -> Conformity[Any]:
    conformity = conformity_of(model.target(task))
    if conformity is None:
        raise KeyError(task)
    return conformity
