"""The Beijing PM2.5 data set: five years of hourly weather and fine dust."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Unpack

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
from multitide.data.tables._read_options import UncutOptions
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError


def load_beijing_pm25(
    path: str | Path | None = None,
    *,
    window: int = 24,
    stride: int = 1,
    verify: bool = True,
    cache: str | Path | None = None,
    **options: Unpack[UncutOptions],
) -> Samples:
    """Load five years of hourly weather and fine dust in Beijing, cut into windows.

    Tasks: ``cbwd``, the wind direction (4 classes), and ``pm2.5``, the PM2.5 concentration at the
    US embassy (ug/m3, missing in 2,067 hours), both at the last hour of the window. Channels: dew
    point (``DEWP``, degrees C), temperature (``TEMP``, degrees C), pressure (``PRES``, hPa) and
    cumulated wind speed (``Iws``, m/s). ``Is`` and ``Ir``, cumulated hours of snow and rain, are
    used only if `channels` names them.
    Liang et al., "Assessing Beijing's PM2.5 pollution", Proc. R. Soc. A 471 (2015); UCI Machine
    Learning Repository 381, CC BY 4.0.

    Parameters
    ----------
    path : str or Path, optional
        A CSV file, the publisher's zip, or a folder that holds the CSV. By default, the zip is
        downloaded once. (The publisher's own file has not been tested.)
    window, stride : int, default=24 and 1
        Hours per sample, and hours between the starts of two samples.
    verify : bool, default=True
        Compare shape, columns and sums with those of the published table.
    cache : str or Path, optional
        Folder for the download. By default, the user's cache folder.
    **options
        Any other option of :func:`multitide.read_table`, such as ``channels=...`` or
        ``missing_rows="drop"``.

    Returns
    -------
    Samples
        X of shape (n_windows, 4, `window`). Rows without PM2.5 are kept, because the wind direction
        is known there.

    Raises
    ------
    DataError
        If the file cannot be reached or read, or is not the published table.
    """
    (table,) = load_tables(SOURCE, path, cache, verify).values()
    defaults: UncutOptions = {
        "tasks": ["cbwd", "pm2.5"],
        "channels": ["DEWP", "TEMP", "PRES", "Iws"],
        "time": ["year", "month", "day", "hour"],
    }
    return read_table(table, window=window, stride=stride, **(defaults | options))


def _read(place: Path) -> dict[str, pd.DataFrame]:
    with open_members(place) as members:
        for pattern in ("prsa*.csv", "*beijing*.csv", "*.csv"):
            for name in members:
                if fnmatch(name.lower(), pattern):
                    return {"table": read_csv_bytes(members[name](), name)}
        raise DataError(
            "`path` must hold a CSV file; "
            f"got {str(place)!r} with {sorted(members)[:10]}."
        )


# `python benchmarks/fingerprints.py` computes the sums again.
SUMS = {
    "No": 960293400, "year": 88173888, "month": 285888, "day": 689256, "hour": 503976,
    "pm2.5": 4117792, "DEWP": 79639, "TEMP": 545544, "PRES": 44544802, "cbwd": 139158340397349,
    "Iws": 1046917.65, "Is": 2311, "Ir": 8542,
}  # fmt: skip

SOURCE = Source(
    loader="load_beijing_pm25",
    url=f"{ARCHIVE}/381/beijing+pm2+5+data.zip",
    file="beijing_pm25.zip",
    read=_read,
    fingerprints={"table": fingerprint_of_sums(43824, SUMS, {"pm2.5": 2067})},
)
