"""Fetch published data sets, once, and read the files in a folder or a zip archive.

This is the only module that opens a connection.
"""

from __future__ import annotations

import io
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from multitide.data._fingerprints import Fingerprint, differences, fingerprint
from multitide.errors import DataError

logger = logging.getLogger("multitide")

ARCHIVE = "https://archive.ics.uci.edu/static/public"
TIMEOUT = 30  # seconds without an answer
MAX_PROBLEMS = 8  # of a table, in a message


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, how it is read, and how it is recognised.

    Attributes
    ----------
    loader : str
        The public function, for messages.
    url, file : str
        The publisher's archive, and its name in the cache.
    read : callable
        From a path to tables by name.
    fingerprints : dict
        Of each table, as :func:`fingerprint` returns it.
    """

    loader: str
    url: str
    file: str
    read: Callable[[Path], dict[str, pd.DataFrame]]
    fingerprints: Mapping[str, Fingerprint]


def load_tables(
    source: Source, path: str | Path | None, cache: str | Path | None, verify: bool
) -> dict[str, pd.DataFrame]:
    """Return the tables of a source, downloaded or from `path`, and compare them with its own.

    Raises
    ------
    DataError
        If the files cannot be reached or read, or are not the published tables.
    """
    if path is None:
        place = _download(source, cache)
    else:
        place = Path(path).expanduser()
    if not place.exists():
        raise DataError(
            f"`path` must be a file or folder that exists; got {str(place)!r}."
        )
    try:
        tables = source.read(place)
        if verify:
            _check_fingerprints(source, tables, place)
    except DataError:
        if path is None:
            place.unlink()  # or the next call would read the bad file again
        raise
    return tables


def _download(source: Source, cache: str | Path | None) -> Path:
    """Fetch the archive into the cache unless it is there, and return its path."""
    import pooch

    if cache is None:
        folder = Path(pooch.os_cache("multitide"))
    else:
        folder = Path(cache).expanduser()
    if not (folder / source.file).exists():
        logger.info("Downloading %s to %s.", source.url, folder)
    pooch_logger = pooch.get_logger()
    level = pooch_logger.level
    pooch_logger.setLevel(logging.WARNING)  # it writes to the terminal by itself
    try:
        fetch = pooch.HTTPDownloader(timeout=TIMEOUT)
        return Path(
            pooch.retrieve(
                source.url, None, fname=source.file, path=folder, downloader=fetch
            )
        )
    except OSError as error:  # includes the errors of requests
        raise DataError(
            f"`path` must be given where {source.url} "
            f"cannot be fetched into {folder}; "
            f"got {type(error).__name__}: {error}. "
            "Download the file elsewhere and read "
            f"it with {source.loader}(path=...)."
        ) from error
    finally:
        pooch_logger.setLevel(level)


def _check_fingerprints(
    source: Source, tables: Mapping[str, pd.DataFrame], place: Path
) -> None:
    """Raise one error that lists every difference from the published tables."""
    problems: list[str] = []
    for name, known in source.fingerprints.items():
        for problem in differences(fingerprint(tables[name]), known):
            problems.append(f"`{name}` {problem}")
    if not problems:
        return
    lines = problems[:MAX_PROBLEMS]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"... and {len(problems) - MAX_PROBLEMS} more.")
    lines.append(
        f"Pass `verify=False` to read {str(place)!r} anyway; "
        f"the published file is {source.url}."
    )
    raise DataError("\n".join(lines))


@contextmanager
def open_members(place: Path) -> Iterator[dict[str, Callable[[], bytes]]]:
    """Give the block functions that read the files of a folder, or of a zip and of zips in it.

    A single file stands for a folder that holds only this file.

    Raises
    ------
    DataError
        If a zip archive is damaged.
    """
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.is_file())
        yield {file.name: file.read_bytes for file in files}
    elif place.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(place) as archive:
                yield _zip_members(archive)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DataError(
                f"`path` must be a whole zip file; got {str(place)!r}: {error}."
            ) from error
    else:
        yield {place.name: place.read_bytes}


def read_csv_bytes(content: bytes, name: str) -> pd.DataFrame:
    """Read the content of a CSV file."""
    try:
        return pd.read_csv(io.BytesIO(content))
    except ValueError as error:  # includes the errors of pandas and of the decoder
        raise DataError(
            f"`{name}` must be a table separated by commas; {error}."
        ) from error


def _zip_members(archive: zipfile.ZipFile) -> dict[str, Callable[[], bytes]]:
    members: dict[str, Callable[[], bytes]] = {}
    for name in archive.namelist():
        if not name.endswith("/") and "__MACOSX" not in name:
            members[PurePosixPath(name).name] = partial(archive.read, name)
    inner = []
    for name in members:
        if name.lower().endswith(".zip"):
            inner.append(name)
    for name in inner:
        content = members.pop(name)()
        members |= _zip_members(zipfile.ZipFile(io.BytesIO(content)))
    return members
