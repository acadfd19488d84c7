"""Public data sets, ready to fit: fetched once from their publishers, or read from a path, and checked either way.

This is the only module that opens a connection. The publishers' own archives could not be tried
where this was written: their addresses and file names are as published, the fingerprints were
measured on copies of the same tables (``benchmarks/fingerprints.py`` measures them again). Where an
archive has changed, ``path=`` reads a copy of yours.
"""

from __future__ import annotations

import io
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError

logger = logging.getLogger("multitide")

SENSORS = {  # readings a second
    **dict.fromkeys(("PS1", "PS2", "PS3", "PS4", "PS5", "PS6", "EPS1"), 100),
    **dict.fromkeys(("FS1", "FS2"), 10),
    **dict.fromkeys(("TS1", "TS2", "TS3", "TS4", "VS1", "CE", "CP", "SE"), 1),
}
SECONDS = 60  # of a cycle
CONDITIONS = ("cooler", "valve", "pump", "accumulator", "stable")
TIMEOUT = 30  # s without an answer
TOLERANCE = 1e-6  # relative, of sums that are not whole: those of float32 against those of the publisher's decimals


def load_beijing_pm25(
    path: str | Path | None = None,
    *,
    window: int = 24,
    stride: int = 1,
    verify: bool = True,
    cache: str | Path | None = None,
    **options: Any,
) -> Samples:
    """Load five years of hourly weather and fine dust in Beijing, cut into windows.

    Tasks: ``cbwd``, the wind's direction (4 classes), and ``pm2.5``, particles of the US embassy's
    monitor (ug/m3, missing in 2,067 hours), both at the window's last hour. Channels: dew point
    (``DEWP``, degrees C), temperature (``TEMP``, degrees C), pressure (``PRES``, hPa), cumulated
    wind speed (``Iws``, m/s); ``Is`` and ``Ir``, cumulated hours of snow and rain, on request.
    Liang et al., "Assessing Beijing's PM2.5 pollution", Proc. R. Soc. A 471 (2015); UCI Machine
    Learning Repository 381, CC BY 4.0.

    Parameters
    ----------
    path : str or Path, optional
        A CSV file, the publisher's zip, or a folder that holds the CSV. Without it, the zip is
        downloaded once. The publisher's own file could not be tried where this was written.
    window, stride : int, default=24 and 1
        Hours in a sample, and from one sample's start to the next one's.
    verify : bool, default=True
        Compare shape, columns and sums with those of the published table.
    cache : str or Path, optional
        Folder for the download; the user's cache folder when not given.
    **options
        Any other option of :func:`multitide.read_table`, such as ``channels=...`` or
        ``missing_rows="drop"``.

    Returns
    -------
    Samples
        X of shape (n_windows, 4, `window`); rows without PM2.5 are kept, as their wind is known.

    Raises
    ------
    DataError
        If the file cannot be reached or read, or is not the published table; the message has the
        remedy.
    """
    (table,) = _load(SOURCES["beijing_pm25"], path, cache, verify).values()
    defaults = {
        "tasks": ["cbwd", "pm2.5"],
        "channels": ["DEWP", "TEMP", "PRES", "Iws"],
        "time": ["year", "month", "day", "hour"],
    }
    return read_table(table, window=window, stride=stride, **{**defaults, **options})


def load_hydraulic(
    path: str | Path | None = None,
    *,
    verify: bool = True,
    cache: str | Path | None = None,
    **options: Any,
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
        ``labels.csv``. Without it, the zip (73 MB) is downloaded once. The publisher's own file
        could not be tried where this was written.
    verify : bool, default=True
        Compare shapes, columns and sums with those of the published tables.
    cache : str or Path, optional
        Folder for the download; the user's cache folder when not given.
    **options
        Options of :func:`multitide.read_table`, such as ``tasks=...`` or ``channels=...``.

    Returns
    -------
    Samples
        X of shape (2205, 17, 60), a sample a cycle. ``series`` is the run (consecutive cycles of
        one condition), so that a split by group keeps runs whole: cycles of one run are near
        copies, and a random split puts them on both sides. ``time`` counts cycles; ``extra`` holds
        ``cycle`` and ``run``.

    Raises
    ------
    DataError
        If the files cannot be reached or read, or are not the published tables; the message has the
        remedy.
    """
    tables = _load(SOURCES["hydraulic"], path, cache, verify)
    defaults = {
        "tasks": list(CONDITIONS),
        "series": "cycle",
        "time": (),
        "ignore": ["second", "run"],
    }
    samples = read_table(tables["series"], labels=tables["labels"], **{**defaults, **options})
    cycle = np.asarray(samples.series)
    run = tables["labels"].set_index("cycle")["run"].loc[cycle].to_numpy()
    extra = (pd.DataFrame() if samples.extra is None else samples.extra).assign(
        cycle=cycle, run=run
    )
    return samples.replace(series=run, time=cycle, begin=cycle, finish=cycle, extra=extra)


def fingerprint(table: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """Return, for each column, how many values are measured and their sum (of texts: the sum of their CRC-32)."""
    marks = {}
    for name, column in table.items():
        known = column.dropna()
        is_number = pd.api.types.is_numeric_dtype(known)
        numbers = known if is_number else known.map(lambda text: zlib.crc32(str(text).encode()))
        marks[str(name)] = (len(known), float(numbers.astype(np.float64).sum()))
    return marks


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, how it is read, and how it is known again.

    Attributes
    ----------
    loader : str
        The public function, as messages name it.
    url, file : str
        The publisher's archive, and its name in the cache.
    read : callable
        From a path to tables by name.
    fingerprints : dict
        Of each table, as :func:`fingerprint` gives it.
    """

    loader: str
    url: str
    file: str
    read: Callable[[Path], dict[str, pd.DataFrame]]
    fingerprints: Mapping[str, Mapping[str, tuple[int, float]]]


def _load(source: Source, path: Any, cache: Any, verify: bool) -> dict[str, pd.DataFrame]:
    """Return the tables of a source, downloaded or from `path`, after comparing them with what was published."""
    place = Path(path).expanduser() if path is not None else _download(source, cache)
    if not place.exists():
        raise DataError(f"`path` must be a file or folder that exists; got {str(place)!r}.")
    try:
        tables = source.read(place)
        if verify:
            _check_fingerprints(source, tables, place)
    except DataError:
        if path is None:
            place.unlink()  # or the next call would read the bad file again
        raise
    return tables


def _download(source: Source, cache: Any) -> Path:
    """Fetch the archive into the cache unless it is there, and return its place."""
    import pooch

    folder = Path(cache).expanduser() if cache is not None else Path(pooch.os_cache("multitide"))
    if not (folder / source.file).exists():
        logger.info("Downloading %s to %s.", source.url, folder)
    own = pooch.get_logger()
    level = own.level
    own.setLevel(logging.WARNING)  # it writes to the terminal by itself
    try:
        fetch = pooch.HTTPDownloader(timeout=TIMEOUT)
        return Path(
            pooch.retrieve(source.url, None, fname=source.file, path=folder, downloader=fetch)
        )
    except OSError as error:  # requests' errors are OSErrors too
        raise DataError(
            f"`path` must be given where {source.url} cannot be fetched into {folder}; got {type(error).__name__}: "
            f"{error}. Fetch the file elsewhere and read it with {source.loader}(path=...)."
        ) from error
    finally:
        own.setLevel(level)


def _check_fingerprints(source: Source, tables: Mapping[str, pd.DataFrame], place: Path) -> None:
    """Raise one error that lists every difference to the published tables."""
    problems = [
        f"`{name}` {problem}"
        for name, known in source.fingerprints.items()
        for problem in differences(fingerprint(tables[name]), known)
    ]
    if problems:
        more = [f"... and {len(problems) - 8} more."] if len(problems) > 8 else []
        remedy = (
            f"`verify=False` reads {str(place)!r} all the same; {source.url} is the published file."
        )
        raise DataError("\n".join([*problems[:8], *more, remedy]))


def differences(
    found: Mapping[str, tuple[int, float]], known: Mapping[str, tuple[int, float]]
) -> Iterator[str]:
    """Yield one sentence for every difference between two fingerprints of a table."""
    if list(found) != list(known):
        yield f"must have the columns {list(known)}; got {list(found)}."
        return
    for column, (n_known, total) in known.items():
        n_found, sum_found = found[column]
        if n_found != n_known:
            yield f"must have {n_known} values of {column!r}; got {n_found}."
        elif abs(sum_found - total) > (0.01 if total.is_integer() else TOLERANCE * abs(total)):
            yield f"must have {column!r} sum to {total}; got {sum_found}."


# -- from files to tables --------------------------------------------------------------------------


@contextmanager
def _members(place: Path) -> Iterator[dict[str, Callable[[], bytes]]]:
    """Give the files of a folder or of a zip (and of zips in it) by name, each to be read when asked for."""
    if place.is_dir():
        yield {file.name: file.read_bytes for file in sorted(place.iterdir()) if file.is_file()}
    elif place.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(place) as archive:
                yield _unzipped(archive)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DataError(
                f"`path` must be a whole zip file; got {str(place)!r}: {error}."
            ) from error
    else:
        yield {place.name: place.read_bytes}


def _unzipped(archive: zipfile.ZipFile) -> dict[str, Callable[[], bytes]]:
    names = [
        name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name
    ]
    members: dict[str, Callable[[], bytes]] = {
        PurePosixPath(name).name: partial(archive.read, name) for name in names
    }
    for name in [name for name in members if name.lower().endswith(".zip")]:
        members |= _unzipped(zipfile.ZipFile(io.BytesIO(members.pop(name)())))
    return members


def _read_beijing(place: Path) -> dict[str, pd.DataFrame]:
    """Return the one table of the data set."""
    with _members(place) as members:
        patterns = ("prsa*.csv", "*beijing*.csv", "*.csv")
        by_rank = [
            name for pattern in patterns for name in members if fnmatch(name.lower(), pattern)
        ]
        if not by_rank:
            raise DataError(
                f"`path` must hold a CSV file; got {str(place)!r} with {sorted(members)[:10]}."
            )
        return {"table": _csv(members[by_rank[0]](), by_rank[0])}


def _csv(text: bytes, name: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.BytesIO(text))
    except ValueError as error:  # pandas' and the decoder's errors are ValueErrors
        raise DataError(f"`{name}` must be a table separated by commas; {error}.") from error


def _read_hydraulic(place: Path) -> dict[str, pd.DataFrame]:
    """Return ``series`` (one row a second of a cycle) and ``labels`` (one row a cycle, with its run)."""
    with _members(place) as members:
        if {"series.parquet", "labels.csv"} <= set(members):
            series = pd.read_parquet(io.BytesIO(members["series.parquet"]()))
            return {"series": series, "labels": _csv(members["labels.csv"](), "labels.csv")}
        wanted = [*SENSORS, "profile"]
        if missing := [f"{name}.txt" for name in wanted if f"{name}.txt" not in members]:
            raise DataError(
                f"`path` must hold the publisher's text files; {str(place)!r} lacks {missing}."
            )
        arrays = {name: _numbers(members[f"{name}.txt"](), name) for name in wanted}
    profile = arrays.pop("profile")
    _check_shapes(arrays, profile)
    return {"series": _long_table(arrays), "labels": _labels_of(profile)}


def _numbers(text: bytes, name: str) -> np.ndarray:
    """Return a tab-separated text as one array, a row a cycle; of more than one reading a second, the means."""
    try:
        rows = np.loadtxt(io.BytesIO(text), ndmin=2)
    except ValueError as error:
        raise DataError(f"`{name}.txt` must hold numbers separated by tabs; {error}.") from error
    rate = SENSORS.get(name, 1)
    if name in SENSORS and rows.shape[1] != SECONDS * rate:
        raise DataError(f"`{name}.txt` must have {SECONDS * rate} columns; got {rows.shape[1]}.")
    return rows.reshape(len(rows), -1, rate).mean(axis=2)


def _check_shapes(arrays: Mapping[str, np.ndarray], profile: np.ndarray) -> None:
    problems = [
        f"`{name}.txt` must have a row a cycle, {len(profile)} as `profile.txt`; got {len(rows)}."
        for name, rows in arrays.items()
        if len(rows) != len(profile)
    ]
    if profile.shape[1] != len(CONDITIONS):
        problems.append(
            f"`profile.txt` must have {len(CONDITIONS)} columns; got {profile.shape[1]}."
        )
    if problems:
        raise DataError("\n".join(problems))


def _long_table(arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    n_cycles = len(next(iter(arrays.values())))
    cycle, second = np.divmod(np.arange(n_cycles * SECONDS), SECONDS)
    columns = {name: rows.ravel().astype(np.float32) for name, rows in arrays.items()}
    return pd.DataFrame(
        {"cycle": cycle.astype(np.int32), "second": second.astype(np.int16), **columns}
    )


def _labels_of(profile: np.ndarray) -> pd.DataFrame:
    """Return the conditions of each cycle, and the run it belongs to: consecutive cycles of one condition."""
    changes = (np.diff(profile, axis=0) != 0).any(axis=1)
    labels = pd.DataFrame(profile.astype(np.int64), columns=list(CONDITIONS))
    labels.insert(0, "cycle", np.arange(len(profile)))
    return labels.assign(run=np.concatenate([[0], np.cumsum(changes)]))


# -- what was published: `python benchmarks/fingerprints.py` measures the sums again ---------------

_BEIJING_SUMS = {
    "No": 960293400, "year": 88173888, "month": 285888, "day": 689256, "hour": 503976, "pm2.5": 4117792, "DEWP": 79639,
    "TEMP": 545544, "PRES": 44544802, "cbwd": 139158340397349, "Iws": 1046917.65, "Is": 2311, "Ir": 8542,
}  # fmt: skip
_SERIES_SUMS = {
    "cycle": 145794600, "second": 3902850,
    "PS1": 21232207.129, "PS2": 14470961.595, "PS3": 231951.99793, "PS4": 344015.18619, "PS5": 1212307.2474,
    "PS6": 1201199.6919, "EPS1": 330155867.45, "FS1": 820068.08063, "FS2": 1276622.6374, "TS1": 6009670.1791,
    "TS2": 6663418.965, "TS3": 6305698.6765, "TS4": 5389327.0414, "VS1": 81141.620008, "CE": 4140867.9058,
    "CP": 239251.12211, "SE": 7314589.1196,
}  # fmt: skip
_LABEL_SUMS = {
    "cycle": 2429910, "cooler": 90936, "valve": 199980, "pump": 1476, "accumulator": 236375, "stable": 756,
    "run": 194837,
}  # fmt: skip


def _marks(n_rows: int, sums: Mapping[str, float], **missing: int) -> dict[str, tuple[int, float]]:
    return {name: (n_rows - missing.get(name, 0), float(total)) for name, total in sums.items()}


ARCHIVE = "https://archive.ics.uci.edu/static/public"
SOURCES = {
    "beijing_pm25": Source(
        "load_beijing_pm25",
        f"{ARCHIVE}/381/beijing+pm2+5+data.zip",
        "beijing_pm25.zip",
        _read_beijing,
        {"table": _marks(43824, _BEIJING_SUMS, **{"pm2.5": 2067})},
    ),
    "hydraulic": Source(
        "load_hydraulic",
        f"{ARCHIVE}/447/condition+monitoring+of+hydraulic+systems.zip",
        "hydraulic.zip",
        _read_hydraulic,
        {"series": _marks(132300, _SERIES_SUMS), "labels": _marks(2205, _LABEL_SUMS)},
    ),
}
