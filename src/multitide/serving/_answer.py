"""Predictions as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from multitide.calibration._scores import Scores
from multitide.data._samples import Samples
from multitide.model._intervals import interval_table, supported
from multitide.model._prediction import HasTargets
from multitide.tasks import Target
from multitide.tasks._deciding import DecidingTarget
from multitide.training._decode_samples import Decoded

# JSON values; what they are differs from key to key.
Json: TypeAlias = "dict[str, object]"

LEVEL = 0.9  # of intervals and sets
MOST_RECORDINGS = 20  # that a page draws
MOST_POINTS = 2_000  # of a recording


def answer(
    model: HasTargets,
    scores: Mapping[str, Scores],
    samples: Samples,
    decoded: Decoded,
) -> Json:
    """Return where each sample comes from, and the predictions of every task.

    Parameters
    ----------
    model : HasTargets
        The model that made the predictions.
    scores : dict of str to Scores
        Those of the tasks with intervals.
    samples : Samples
        What was predicted.
    decoded : dict of str to ndarray
        The predictions of each task.
    """
    tasks = {}
    known = supported(LEVEL, scores)
    for task, values in decoded.items():
        tasks[task] = _of_task(model.target(task), values)
        if task in known:
            table = interval_table(model, known, {task: values}, LEVEL)
            tasks[task]["interval"] = {"level": LEVEL, "columns": _columns(table)}
    origin: Json = {"series": _plain(samples.series)}
    if samples.time is not None:
        origin["time"] = _plain(samples.time)
    notes: object = ()
    if samples.reading:
        notes = samples.reading.get("assumed", ())
    return {"n_samples": len(samples), "origin": origin, "tasks": tasks, "notes": notes}


def _of_task(target: Target, values: np.ndarray) -> Json:
    found: Json = {
        "kind": target.task.kind,
        "predictions": _columns(target.to_frame(values)),
    }
    probabilities = target.probabilities(values)
    if probabilities is not None:
        found["probabilities"] = _columns(probabilities)
        if isinstance(target, DecidingTarget):
            said = pd.DataFrame(target.chosen(values), columns=probabilities.columns)
            found["chosen"] = _columns(said)
    quantiles = target.quantiles(values)
    if quantiles is not None:
        found["quantiles"] = _columns(quantiles)
    return found


def _columns(table: pd.DataFrame) -> dict[str, list[object]]:
    columns = {}
    for place, name in enumerate(table.columns):
        columns[str(name)] = _plain(table.iloc[:, place].to_numpy())
    return columns


def _plain(values: np.ndarray) -> list[object]:
    """Return values of NumPy as JSON values: times as text, None for what is no number."""
    if values.dtype.kind in "mM":
        return [None if text == "NaT" else text for text in values.astype(str).tolist()]
    plain: list[object] = []
    for value in values.tolist():
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        elif isinstance(value, tuple):
            value = list(value)  # a set of classes
        elif not isinstance(value, (bool, int, float, str, type(None))):
            value = str(value)
        plain.append(value)
    return plain


def recordings(samples: Samples) -> list[Json]:
    """Return the series that the samples are windows of, thinned out, as a page draws them."""
    found = []
    names, numbers = np.unique(samples.series.astype(str), return_inverse=True)
    for number, name in enumerate(names[:MOST_RECORDINGS]):
        rows = np.flatnonzero(numbers == number)
        found.append(_recording(samples, str(name), rows))
    return found


def _recording(samples: Samples, name: str, rows: np.ndarray) -> Json:
    first = int(samples.starts[rows].min())
    ends = samples.starts[rows] + samples.lengths[rows]
    step = max(1, int(ends.max() - first) // MOST_POINTS)
    places = np.arange(first, int(ends.max()), step)
    channels = {}
    for channel, column in zip(samples.channels, samples.values.T, strict=True):
        channels[channel] = _plain(column[places])
    return {
        "series": name,
        "steps": (places - first).tolist(),
        "channels": channels,
        "samples": rows.tolist(),
        "ends": (ends - 1 - first).tolist(),
    }
