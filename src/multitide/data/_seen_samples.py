"""Samples that share time steps with those that a model was trained on."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from multitide.data._blocks import blocks_of
from multitide.data._samples import Samples


def seen_samples(samples: Samples, earlier: Samples) -> np.ndarray:
    """Return which samples share time steps with earlier ones, bool (n_samples,).

    With dates, or numbers as times within a series column: samples of the same series whose spans
    of time overlap. Else, if one table begins with the rows of the other: samples that overlap in
    position. Else: samples whose series are the same, value by value.

    Parameters
    ----------
    samples : Samples
    earlier : Samples
        Read in the same way, perhaps from another table.
    """
    spans, known = _time_spans(samples), _time_spans(earlier)
    if spans is not None and known is not None and _are_alike(spans, known):
        return _overlapping(spans, known)
    if _continues(samples.values, earlier.values):
        return _overlapping(_positions(samples), _positions(earlier))
    contents = set(_contents(earlier))
    return np.array([each in contents for each in _contents(samples)], dtype=bool)


def _time_spans(samples: Samples) -> pd.DataFrame | None:
    """Return the series, begin and end of each sample; None if they do not identify it."""
    reading = samples.reading or {}
    if not reading.get("time") or samples.begin is None or samples.finish is None:
        return None
    kind = samples.begin.dtype.kind
    if kind == "M":
        begin, end = samples.begin.astype("M8[ns]"), samples.finish.astype("M8[ns]")
    elif kind in "iuf" and reading.get("series"):
        begin, end = samples.begin.astype(float), samples.finish.astype(float)
    else:
        return None
    # Without a series column, recordings are numbered, and another table numbers them differently.
    series = np.full(len(samples), "")
    if reading.get("series"):
        series = samples.series.astype(str)
    return pd.DataFrame({"begin": begin, "end": end, "series": series})


def _are_alike(spans: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Return whether both count time in the same way."""
    return bool(spans["begin"].dtype == others["begin"].dtype)


def _positions(samples: Samples) -> pd.DataFrame:
    ends = samples.starts + samples.lengths - 1
    return pd.DataFrame({"begin": samples.starts, "end": ends, "series": ""})


def _continues(values: np.ndarray, earlier: np.ndarray) -> bool:
    """Return whether one table begins with the rows of the other."""
    n_rows = min(len(values), len(earlier))
    pairs = zip(blocks_of(values[:n_rows]), blocks_of(earlier[:n_rows]), strict=True)
    return all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)


def _overlapping(spans: pd.DataFrame, earlier: pd.DataFrame) -> np.ndarray:
    """Return which spans overlap any of the earlier ones of their series."""
    overlaps = np.zeros(len(spans), dtype=bool)
    known = dict(list(earlier.groupby("series")))
    for series, rows in spans.groupby("series").indices.items():
        if series not in known:
            continue
        own = known[series].sort_values("begin")
        latest_end = own["end"].cummax().to_numpy()
        begins, ends = spans["begin"].to_numpy()[rows], spans["end"].to_numpy()[rows]
        last = own["begin"].searchsorted(ends, side="right") - 1
        overlaps[rows] = (last >= 0) & (latest_end[last] >= begins)
    return overlaps


def _contents(samples: Samples) -> list[bytes]:
    """Return a hash of the series of each sample."""
    found = []
    for start, length in zip(samples.starts, samples.lengths, strict=True):
        series = np.ascontiguousarray(samples.values[start : start + length])
        data = series.astype(np.float32).tobytes()
        found.append(hashlib.blake2b(data, digest_size=16).digest())
    return found
