"""Samples as columns that can be profiled: inputs, lengths, steps, labels, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.model._profile import Kind, Source
from multitide.tasks import Classification, MultiLabel, Target, Task
from multitide.tasks._label_column import as_numbers, distinct_values

MOST_SAMPLES = 2_000
MOST_ROWS = 20_000  # steps of them


class Column(NamedTuple):
    """Values of a column: one row per sample, one or several values in it."""

    source: Source
    name: str
    kind: Kind
    values: np.ndarray


def drawn(samples: Samples, most: int = MOST_SAMPLES) -> Samples:
    """Return at most so many samples, evenly spaced."""
    n_drawn = min(len(samples), most)
    rows = np.linspace(0, len(samples) - 1, n_drawn).round().astype(np.int64)
    return samples[rows]


def input_columns(samples: Samples) -> list[Column]:
    """Return channels at some steps of each sample, static inputs, lengths, sampling steps."""
    n_steps = max(1, min(samples.n_timepoints, MOST_ROWS // max(len(samples), 1)))
    # One step at random from each of `n_steps` equal parts of the sample.
    shares = np.random.default_rng(0).random((len(samples), n_steps))
    places = (np.arange(n_steps) + shares) / n_steps * samples.lengths[:, None]
    last = samples.lengths[:, None] - 1
    rows = samples.starts[:, None] + np.minimum(places.astype(np.int64), last)
    columns = []
    for i, name in enumerate(samples.channels):
        values = samples.values[rows, i]
        if name in samples.categories:
            words = _named_codes(values, samples.categories[name])
            columns.append(Column("channel", name, "category", words))
        else:
            columns.append(Column("channel", name, "number", values))
    if samples.static is not None:
        for name, column in samples.static.items():
            columns.append(_frame_column("static", str(name), column))
    lengths = samples.lengths[:, None].astype(float)
    columns.append(Column("length", "length", "number", lengths))
    steps = sampling_steps(samples)
    if steps is not None:
        columns.append(Column("step", "sampling step", "number", steps[:, None]))
    return columns


def _named_codes(values: np.ndarray, categories: Sequence[object]) -> np.ndarray:
    """Return the categories of codes as text; None for a missing or unknown one."""
    names = np.array([*map(str, categories), None], dtype=object)
    is_code = (values >= 0) & (values < len(categories))
    codes = np.where(is_code, values, len(categories)).astype(np.int64)
    return np.asarray(names[codes])


def _frame_column(source: Source, name: str, column: pd.Series) -> Column:
    """Return a column of a frame: numbers, or text for everything else."""
    is_bool = pd.api.types.is_bool_dtype(column.dtype)
    if pd.api.types.is_numeric_dtype(column.dtype) and not is_bool:
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        return Column(source, name, "number", numbers[:, None])
    return Column(source, name, "category", _words(column)[:, None])


def _words(column: pd.Series) -> np.ndarray:
    """Return the values of a column as text, None for missing ones."""
    positions, values = distinct_values(column)
    names = np.array([*map(str, values), None], dtype=object)
    return np.asarray(names[positions])


def sampling_steps(samples: Samples) -> np.ndarray | None:
    """Return the mean time between the rows of each sample, in seconds or in the unit of the times.

    None if there are no times of first and last rows.
    """
    if samples.time is None or samples.begin is None:
        return None
    spans = samples.time - samples.begin
    if spans.dtype.kind == "m":
        spans = spans / np.timedelta64(1, "s")
    if spans.dtype.kind not in "iuf" or not (samples.lengths > 1).any():
        return None
    steps = np.where(samples.lengths > 1, spans, np.nan) / np.maximum(
        samples.lengths - 1, 1
    )
    if not (steps > 0).any():
        return None  # arrays have one time per sample
    return np.asarray(steps, dtype=float)


def label_columns(samples: Samples, tasks: Sequence[Task]) -> list[Column]:
    """Return the labels of the tasks, as far as the samples have their columns."""
    columns = []
    for task in tasks:
        for name in task.columns:
            if name not in samples.y:
                continue
            labels = samples.y[name]
            if isinstance(task, (Classification, MultiLabel)):
                columns.append(
                    Column("label", name, "category", _words(labels)[:, None])
                )
            else:
                numbers = as_numbers(labels)[0]
                columns.append(Column("label", name, "number", numbers[:, None]))
    return columns


def prediction_columns(
    targets: Mapping[str, Target], decoded: Mapping[str, np.ndarray]
) -> list[Column]:
    """Return what is predicted, and how sure each classification is of its class."""
    columns = []
    for task, target in targets.items():
        values = decoded[task]
        frame = target.to_frame(values)
        kind: Kind = "number"
        if isinstance(target.task, (Classification, MultiLabel)):
            kind = "category"
        for name, column in frame.items():
            if kind == "category":
                found = _words(column)
            else:
                found = column.to_numpy(dtype=float)
            columns.append(Column("prediction", str(name), kind, found[:, None]))
        if isinstance(target.task, Classification):
            sure = values.max(axis=1, keepdims=True).astype(float)
            columns.append(Column("prediction", f"{task} (confidence)", "number", sure))
    return columns
