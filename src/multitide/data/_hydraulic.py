"""The hydraulic data set: load cycles of a test rig whose components were worn on purpose."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd

from multitide.data._fingerprints import fingerprint_of_sums
from multitide.data._samples import Samples
from multitide.data._sources import (
    ARCHIVE,
    Source,
    load_tables,
    open_members,
    read_csv_bytes,
)
from multitide.data.tables._read_options import ReadOptions
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError

SENSORS = {  # readings per second
    **dict.fromkeys(("PS1", "PS2", "PS3", "PS4", "PS5", "PS6", "EPS1"), 100),
    **dict.fromkeys(("FS1", "FS2"), 10),
    **dict.fromkeys(("TS1", "TS2", "TS3", "TS4", "VS1", "CE", "CP", "SE"), 1),
}
SECONDS = 60  # per cycle
CONDITIONS = ("cooler", "valve", "pump", "accumulator", "stable")


def load_hydraulic(
    path: str | Path | None = None,
    *,
    verify: bool = True,
    cache: str | Path | None = None,
    **options: Unpack[ReadOptions],
) -> Samples:
    """Load load cycles of a hydraulic test rig whose components were worn on purpose.

    Tasks, all classes: ``cooler`` (3, 20, 100: % efficiency), ``valve`` (73, 80, 90, 100: %
    switching), ``pump`` (0, 1, 2: leakage), ``accumulator`` (90, 100, 115, 130: bar), ``stable``
    (0: conditions were stable, 1: perhaps not yet). Channels: pressures ``PS1`` to ``PS6`` (bar),
    motor power ``EPS1`` (W), flows ``FS1``, ``FS2`` (L/min), temperatures ``TS1`` to ``TS4``
    (degrees C), vibration ``VS1`` (mm/s), cooling efficiency ``CE`` (%), cooling power ``CP`` (kW),
    efficiency factor ``SE`` (%), all at 1 Hz (signals of 10 and 100 Hz as one-second means). Helwig
    et al., "Condition monitoring of a complex hydraulic system using multivariate statistics",
    I2MTC 2015; UCI Machine Learning Repository 447, CC BY 4.0.

    Parameters
    ----------
    path : str or Path, optional
        The publisher's zip, the folder of its text files, or a folder with ``series.parquet`` and
        ``labels.csv``. By default, the zip (73 MB) is downloaded once. (The publisher's own file
        has not been tested.)
    verify : bool, default=True
        Compare shapes, columns and sums with those of the published tables.
    cache : str or Path, optional
        Folder for the download. By default, the user's cache folder.
    **options
        Options of :func:`multitide.read_table`, such as ``tasks=...`` or ``channels=...``.

    Returns
    -------
    Samples
        X of shape (2205, 17, 60), one sample per cycle. ``series`` is the run (consecutive cycles
        of one condition), so that a split by group keeps runs whole. Cycles of one run are nearly
        copies; a random split would put them in training and test set. ``time`` counts cycles;
        ``extra`` holds ``cycle`` and ``run``.

    Raises
    ------
    DataError
        If the files cannot be reached or read, or are not the published tables.
    """
    tables = load_tables(SOURCE, path, cache, verify)
    labels = tables["labels"]
    defaults: ReadOptions = {
        "tasks": list(CONDITIONS),
        "series": "cycle",
        "time": (),
        "ignore": ["second", "run"],
    }
    samples = read_table(tables["series"], labels=labels, **(defaults | options))
    cycle = np.asarray(samples.series)
    run = labels.set_index("cycle")["run"].loc[cycle].to_numpy()
    if samples.extra is None:
        extra = pd.DataFrame()
    else:
        extra = samples.extra
    return samples.replace(
        series=run,
        time=cycle,
        begin=cycle,
        finish=cycle,
        extra=extra.assign(cycle=cycle, run=run),
    )


def _read(place: Path) -> dict[str, pd.DataFrame]:
    """Return ``series`` (one row per second of a cycle) and ``labels`` (one row per cycle)."""
    with open_members(place) as members:
        if {"series.parquet", "labels.csv"} <= set(members):
            series = pd.read_parquet(io.BytesIO(members["series.parquet"]()))
            return {
                "series": series,
                "labels": read_csv_bytes(members["labels.csv"](), "labels.csv"),
            }
        wanted = [*SENSORS, "profile"]
        missing = []
        for name in wanted:
            if f"{name}.txt" not in members:
                missing.append(f"{name}.txt")
        if missing:
            raise DataError(
                "`path` must hold the publisher's text files; "
                f"{str(place)!r} lacks {missing}."
            )
        arrays = {}
        for name in wanted:
            arrays[name] = read_signal(members[f"{name}.txt"](), name)
    profile = arrays.pop("profile")
    _check_shapes(arrays, profile)
    return {"series": series_table(arrays), "labels": labels_table(profile)}


def read_signal(text: bytes, name: str) -> np.ndarray:
    """Read a tab-separated text as an array with one row per cycle and one column per second.

    Several readings per second become their mean.
    """
    try:
        rows = np.loadtxt(io.BytesIO(text), ndmin=2)
    except ValueError as error:
        raise DataError(
            f"`{name}.txt` must hold numbers separated by tabs; {error}."
        ) from error
    rate = SENSORS.get(name, 1)
    if name in SENSORS and rows.shape[1] != SECONDS * rate:
        raise DataError(
            f"`{name}.txt` must have {SECONDS * rate} columns; got {rows.shape[1]}."
        )
    return np.asarray(rows.reshape(len(rows), -1, rate).mean(axis=2))


def _check_shapes(arrays: Mapping[str, np.ndarray], profile: np.ndarray) -> None:
    problems: list[str] = []
    for name, rows in arrays.items():
        if len(rows) != len(profile):
            problems.append(
                f"`{name}.txt` must have one row per "
                f"cycle, {len(profile)} as `profile.txt`; "
                f"got {len(rows)}."
            )
    if profile.shape[1] != len(CONDITIONS):
        problems.append(
            f"`profile.txt` must have {len(CONDITIONS)} columns; "
            f"got {profile.shape[1]}."
        )
    if problems:
        raise DataError("\n".join(problems))


def series_table(arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the long table of the signals, one row per second."""
    n_cycles = len(next(iter(arrays.values())))
    cycle, second = np.divmod(np.arange(n_cycles * SECONDS), SECONDS)
    columns = {"cycle": cycle.astype(np.int32), "second": second.astype(np.int16)}
    for name, rows in arrays.items():
        columns[name] = rows.ravel().astype(np.float32)
    return pd.DataFrame(columns)


def labels_table(profile: np.ndarray) -> pd.DataFrame:
    """Return the conditions of each cycle, and its run: consecutive cycles of one condition."""
    changes = (np.diff(profile, axis=0) != 0).any(axis=1)
    labels = pd.DataFrame(profile.astype(np.int64), columns=list(CONDITIONS))
    labels.insert(0, "cycle", np.arange(len(profile)))
    return labels.assign(run=np.concatenate([[0], np.cumsum(changes)]))


# `python benchmarks/fingerprints.py` computes the sums again.
SERIES_SUMS = {
    "cycle": 145794600, "second": 3902850,
    "PS1": 21232207.129, "PS2": 14470961.595, "PS3": 231951.99793, "PS4": 344015.18619,
    "PS5": 1212307.2474, "PS6": 1201199.6919, "EPS1": 330155867.45, "FS1": 820068.08063,
    "FS2": 1276622.6374, "TS1": 6009670.1791, "TS2": 6663418.965, "TS3": 6305698.6765,
    "TS4": 5389327.0414, "VS1": 81141.620008, "CE": 4140867.9058, "CP": 239251.12211,
    "SE": 7314589.1196,
}  # fmt: skip
LABEL_SUMS = {
    "cycle": 2429910, "cooler": 90936, "valve": 199980, "pump": 1476, "accumulator": 236375,
    "stable": 756, "run": 194837,
}  # fmt: skip

SOURCE = Source(
    loader="load_hydraulic",
    url=f"{ARCHIVE}/447/condition+monitoring+of+hydraulic+systems.zip",
    file="hydraulic.zip",
    read=_read,
    fingerprints={
        "series": fingerprint_of_sums(132300, SERIES_SUMS),
        "labels": fingerprint_of_sums(2205, LABEL_SUMS),
    },
)
