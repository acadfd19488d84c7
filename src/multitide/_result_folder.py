"""Result folders: written whole or not at all, and versioned; one message if that fails.

Models, runs, studies and searches are folders. What every one of them needs when it is written or
read back stands here; what a folder holds is up to the module that owns its kind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from multitide._folder_kinds import what_it_is
from multitide.errors import StoreError

Record = TypeVar("Record", bound=BaseModel)

DRAFT_PREFIX = ".draft-"  # of files and folders that are being written
INSTALL = "Install the version that wrote it, or a newer one, to read it."
LONGEST = (
    500  # characters of what is wrong with a record; its values can be of any length
)


def refuse_existing(folder: Path, name: str = "folder") -> None:
    """Raise unless `folder` is free: absent, or an empty directory.

    Parameters
    ----------
    folder : path
        Where something is about to be written.
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    StoreError
        If there is a file, or a directory that holds anything.
    """
    with writable(folder, name):
        is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not is_free:
        raise StoreError(
            f"`{name}` must not exist yet; {str(folder)!r} does. "
            "Choose another name or move it away."
        )


def check_can_be_made(folder: Path, name: str = "folder") -> None:
    """Raise unless a new folder can be made, before any work is done.

    Parameters
    ----------
    folder : path
        Must be free; see :func:`refuse_existing`.
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    StoreError
        If `folder` is not free, or nothing can be written there.
    """
    refuse_existing(folder, name)
    parent = next(path for path in folder.resolve().parents if path.exists())
    with writable(folder, name):
        os.rmdir(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=parent))


@contextmanager
def writable(place: Path, name: str = "folder") -> Iterator[None]:
    """Turn an error of the file system into the one message about a place that is not writable.

    Parameters
    ----------
    place : path
        What is written inside the block.
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    StoreError
        In place of any OSError, such as a full disk or a missing permission.
    """
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"`{name}` must be a place that can be written; "
            f"got {str(place)!r} ({error})."
        ) from error


@contextmanager
def draft_of_file(path: Path) -> Iterator[Path]:
    """Give the block a draft file, which becomes `path` if the block ends without an error.

    Parameters
    ----------
    path : path
        In a folder that exists; an earlier file is replaced at the end of the block.

    Yields
    ------
    path
        The draft, in the same folder. It is removed after an error.
    """
    handle, name = tempfile.mkstemp(prefix=DRAFT_PREFIX, dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file so that readers find the old content or the new one, never a part of it.

    Parameters
    ----------
    path : path
        In a folder that exists; an earlier file is replaced.
    content : str or bytes
        Text is written as UTF-8.
    """
    if isinstance(content, str):
        data = content.encode("utf-8")
    else:
        data = content
    with draft_of_file(path) as draft:
        draft.write_bytes(data)


@contextmanager
def new_folder(folder: Path, name: str = "folder") -> Iterator[Path]:
    """Give the block a draft folder, which becomes `folder` if the block ends without an error.

    Parameters
    ----------
    folder : path
        Must be free; see :func:`refuse_existing`. Parents are made.
    name : str, default="folder"
        The parameter or option that named it.

    Yields
    ------
    path
        The draft, next to `folder`. It is removed after an error.

    Raises
    ------
    StoreError
        If `folder` is not free or cannot be written.
    """
    refuse_existing(folder, name)
    with writable(folder, name), _draft_of(folder) as draft:
        yield draft
        os.replace(draft, folder)


@contextmanager
def replaced_folder(folder: Path, name: str = "folder") -> Iterator[Path]:
    """Like :func:`new_folder`, but an earlier `folder` is replaced if the block succeeds.

    Parameters
    ----------
    folder : path
        One of ours; it is removed once the draft is complete. Parents are made.
    name : str, default="folder"
        The parameter or option that named it.

    Yields
    ------
    path
        The draft, next to `folder`. It is removed after an error.

    Raises
    ------
    StoreError
        If `folder` cannot be written.
    """
    with writable(folder, name), _draft_of(folder) as draft:
        yield draft
        if not folder.exists():
            os.replace(draft, folder)
            return
        with _draft_of(folder) as aside:
            earlier = aside / folder.name
            os.replace(folder, earlier)
            try:
                os.replace(draft, folder)
            except OSError:
                os.replace(earlier, folder)
                raise


@contextmanager
def _draft_of(folder: Path) -> Iterator[Path]:
    """Give the block an empty hidden folder next to `folder`, and remove what is left of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}-", dir=folder.parent))
    try:
        draft.chmod(0o755)
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_record(
    path: Path,
    kind: str,
    schemas: Collection[int],
    remedy: str,
    called: str | None = None,
) -> dict[str, Any]:
    """Read the JSON record that says what a result folder is, and check its format and version.

    Parameters
    ----------
    path : path
        Of the record, such as ``study.json``.
    kind : str
        The ``format`` that it must have, such as ``"multitide study"``.
    schemas : collection of int
        The schema versions that this version of multitide reads.
    remedy : str
        What to do about an older version, as a sentence: ``"Run `multitide compare` again."``
    called : str, optional
        How messages call such a folder; `kind` by default.

    Returns
    -------
    dict
        The record, with text keys; nothing else in it is checked.

    Raises
    ------
    StoreError
        If the record is absent, damaged, of another format, or of another version.
    """
    folder = path.parent
    try:
        is_there = path.is_file()
    except OSError as error:
        raise StoreError(
            f"`folder` must be one that can be read; got {str(folder)!r} ({error})."
        ) from error
    if not is_there:
        raise StoreError(
            f"`folder` must be a {called or kind} "
            f"with {path.name!r}; "
            f"got {str(folder)!r}.{what_it_is(folder)}"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"{str(path)!r} must be readable JSON; it is damaged ({error})."
        raise StoreError(message) from error
    if not isinstance(content, dict) or content.get("format") != kind:
        raise StoreError(f"{str(path)!r} must be a {kind}; its format is not {kind!r}.")
    schema = content.get("schema_version")
    if schema not in list(schemas):
        known = " or ".join(map(str, sorted(schemas)))
        if isinstance(schema, int) and schema > max(schemas):
            remedy = INSTALL
        raise StoreError(
            f"{str(path)!r} must have schema version {known}; "
            f"got {shortened(repr(schema))}{_written_by(content)}. {remedy}"
        )
    return content


def validated(content: object, model: type[Record], path: Path) -> Record:
    """Check what :func:`read_record` returned against the model of its kind.

    Parameters
    ----------
    content : object
        Plain values.
    model : pydantic model
    path : path
        Of the file that they come from.

    Raises
    ------
    StoreError
        With the file and the first value that is wrong.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise damaged(path, first_problem(error)) from error


@contextmanager
def said_of_newer(path: Path) -> Iterator[None]:
    """Name the newer version of multitide that wrote a folder, if the folder cannot be read.

    Its schema may have the same number and new fields, which would look like damage.

    Parameters
    ----------
    path : path
        Of the record that names the versions.

    Raises
    ------
    StoreError
        In place of one that the block raises.
    """
    try:
        yield
    except StoreError as error:
        theirs = _version_in(path)
        if _numbers(theirs) <= _numbers(version("multitide")):
            raise
        raise StoreError(
            f"{str(path)!r} must be one that multitide {version('multitide')} can read; "
            f"it was written by multitide {shortened(theirs)}. {INSTALL}"
        ) from error


def _version_in(path: Path) -> str:
    """Return the version of multitide that a record names; "" if it names none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    if not isinstance(content, dict) or not isinstance(content.get("versions"), dict):
        return ""
    return str(content["versions"].get("multitide", ""))


def _numbers(text: str) -> list[int]:
    """Return the numbers of a version, which are compared one after the other."""
    matched = re.match(r"\d{1,9}(\.\d{1,9})*", text)
    if matched is None:
        return []
    return list(map(int, matched[0].split(".")))


def first_problem(error: ValidationError) -> str:
    """Return the first value that is wrong, in one line."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if place:
        return shortened(f"{place}: {first['msg']}")
    return shortened(first["msg"])


def damaged(path: Path, problem: object) -> StoreError:
    """Return the error about a file that is not as it was written.

    Parameters
    ----------
    path : path
    problem : object
        What is wrong with it; the first characters are shown.
    """
    return StoreError(
        f"{str(path)!r} must be as multitide wrote it; "
        f"it is damaged ({shortened(str(problem))})."
    )


def shortened(text: str) -> str:
    """Return a text that is too long for a message without its end."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}..."


def _written_by(record: dict[str, object]) -> str:
    versions = record.get("versions")
    if isinstance(versions, dict) and "multitide" in versions:
        return f", written by multitide {shortened(str(versions['multitide']))}"
    return ""
