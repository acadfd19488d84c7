"""Where a path is: on this machine, or behind a URL, whose content is copied here while it is read.

A URL names any protocol of fsspec whose driver is installed: ``s3://bucket/run``,
``zip://run::models.zip``. Its content may be a stranger's, so that names and sizes are checked
while it is copied.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from multitide._checks import as_path, counted
from multitide._without_password import without_password
from multitide.errors import (
    DataError,
    MissingDependencyError,
    MultitideError,
    ParameterError,
    StoreError,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Data = TypeVar("Data")
Labels = TypeVar("Labels")

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)")
MOST_FILES = 10_000  # and folders, of a folder
LARGEST_MODEL = 4 * 2**30  # bytes
CHUNK = 2**20  # bytes that are copied at once


@dataclass(frozen=True)
class _Remote:
    """What a URL names, and how messages speak of it."""

    files: AbstractFileSystem
    path: str
    name: str
    url: str
    error: type[MultitideError]

    def refusal(self, requirement: str, got: str | Exception = "") -> MultitideError:
        """Return the error that the content is not as required."""
        return self.error(_message(self.name, requirement, self.url, got))


def is_url(place: object) -> TypeGuard[str]:
    """Return whether a text is a URL such as ``s3://bucket/run`` or ``zip://run::file.zip``."""
    if not isinstance(place, str) or not URL.match(place):
        return False
    return not Path(place).exists()


def absolute(place: str | Path, folder: Path) -> str | Path:
    """Return a path, which may be relative to `folder`, as an absolute one; a URL as it is."""
    if is_url(place):
        return place
    return (folder / place).resolve()


@contextmanager
def local_folder(name: str, place: str | Path) -> Iterator[Path]:
    """Give the block the folder of a model on this machine.

    Parameters
    ----------
    name : str
        The parameter, for messages.
    place : path or URL
        A copy of what a URL names lives as long as the block.

    Raises
    ------
    ParameterError
        If `place` is neither a path nor a URL, or of a protocol that is unknown.
    MissingDependencyError
        If the driver of the protocol is not installed.
    StoreError
        If there is nothing, it cannot be read, or it is larger than a model is.
    """
    with _local(name, place, StoreError, LARGEST_MODEL) as folder:
        yield folder


@contextmanager
def local_tables(
    data: Data, labels: Labels
) -> Iterator[tuple[Data | Path, Labels | Path]]:
    """Give the block two tables on this machine: URLs are copied, anything else stays as it is.

    Parameters
    ----------
    data, labels : path, URL or table in memory
        The table and the one of the labels, or None.

    Raises
    ------
    ParameterError, MissingDependencyError
        As :func:`local_folder` does.
    DataError
        If there is nothing, it cannot be read, or it is larger than the free space of the folder
        for temporary files.
    """
    with _local_table("data", data) as table, _local_table("labels", labels) as beside:
        yield table, beside


@contextmanager
def _local_table(name: str, place: Data) -> Iterator[Data | Path]:
    if not is_url(place):
        yield place
        return
    with _local(name, place, DataError, None) as path:
        yield path


@contextmanager
def _local(
    name: str, place: str | Path, error: type[MultitideError], most: int | None
) -> Iterator[Path]:
    if not is_url(place):
        yield as_path(name, place)
        return
    remote = _open(name, place, error)
    if "file" in remote.files.protocol:
        yield Path(remote.path)
        return
    with tempfile.TemporaryDirectory(prefix="multitide-") as folder:
        room = shutil.disk_usage(folder).free
        copy = Path(folder) / _last_name(remote.path)
        _copy(remote, copy, room if most is None else min(most, room))
        try:
            yield copy
        except MultitideError as found:
            message = str(found).replace(str(copy), without_password(place))
            raise type(found)(message) from found


def _open(name: str, url: str, error: type[MultitideError]) -> _Remote:
    from fsspec.core import url_to_fs

    try:
        files, path = url_to_fs(url)
    except ImportError as reason:
        message = _message(name, "be a URL whose driver is installed", url, reason)
        raise MissingDependencyError(message) from reason
    except OSError as reason:
        message = _message(name, "be an existing file or folder", url, reason)
        raise error(message) from reason
    except Exception as reason:  # whatever a driver raises
        requirement = "be a path, or a URL that fsspec can open"
        raise ParameterError(_message(name, requirement, url, reason)) from reason
    return _Remote(files, str(path), name, url, error)


def _copy(remote: _Remote, target: Path, room: int) -> None:
    """Copy a file, or a folder with what is in it, up to a number of bytes."""
    try:
        sources = _sources(remote)
        for source, parts in sources.items():
            place = target.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            room -= _copy_file(remote, source, place, room)
    except MultitideError:
        raise
    except FileNotFoundError as reason:
        raise remote.refusal("be an existing file or folder") from reason
    except Exception as reason:  # whatever a driver raises
        raise remote.refusal("be readable", reason) from reason


def _sources(remote: _Remote) -> dict[str, tuple[str, ...]]:
    """Return the files that a URL names, with the parts of their place below it."""
    about: Mapping[str, Any] = remote.files.info(remote.path)
    if about["type"] != "directory":
        return {remote.path: ()}
    top = remote.path.rstrip("/")
    sources = {}
    walk = remote.files.walk(remote.path, detail=True)
    for number, (folder, _, files) in enumerate(walk):
        below = str(folder).removeprefix(top).strip("/")
        for name, about_file in files.items():
            parts = (*PurePosixPath(below).parts, str(name))
            _check_place(remote, parts)
            sources[str(about_file["name"])] = parts
        if number + len(sources) > MOST_FILES:
            most = counted(MOST_FILES, "file")
            raise remote.refusal(f"hold at most {most}", ", which holds more")
    return sources


def _check_place(remote: _Remote, parts: tuple[str, ...]) -> None:
    """Raise unless a name stays below the folder that it is copied to."""
    for part in parts:
        if part in ("", ".", "..") or re.search(r"[/\\:\0]", part):
            shown = "/".join(parts)
            raise remote.refusal("hold names of files", f", which holds {shown!r}")


def _copy_file(remote: _Remote, source: str, target: Path, room: int) -> int:
    """Copy a file and return its size; what its author says of the size does not count."""
    size = 0
    with remote.files.open(source, "rb") as file, target.open("xb") as copy:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            if size > room:
                largest = f"{room / 2**30:.1f} GiB"
                raise remote.refusal(
                    f"fit into the {largest} that are left for it", ", which is larger"
                )
            copy.write(chunk)
    return size


def _message(name: str, requirement: str, url: str, got: str | Exception) -> str:
    """Return a message about a URL; a driver's reason may repeat it."""
    if isinstance(got, Exception):
        got = f" ({type(got).__name__}: {got})"
    return without_password(f"`{name}` must {requirement}; got {url!r}{got}.")


def _last_name(path: str) -> str:
    """Return the name of a file or folder, which tells its kind and names it in messages."""
    name = PurePosixPath(path.rstrip("/")).name
    if name in ("", "..") or re.search(r"[\\:\0]", name):
        return "folder"
    return name
