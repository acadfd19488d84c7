"""Result folders that grow, such as a study that is resumed: who may write into a folder.

A folder is ours if it was empty when we first wrote into it: then it has a marker, which says what
kind of results it holds. Into any other folder that holds something, nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from multitide._folder_kinds import IN_WORDS, MARKER, STUDY_FORMAT, kind_of
from multitide._result_folder import DRAFT_PREFIX, writable, write_file
from multitide.errors import StoreError


def claim_folder(folder: Path, kind: str, name: str = "folder") -> None:
    """Make a folder for results of a kind, or take up one that holds such results already.

    Parameters
    ----------
    folder : path
        Absent, empty, or a folder of results of this kind. Parents are made.
    kind : str
        A key of `RECORDS` of `_folder_kinds`.
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    StoreError
        If the folder holds anything else, or cannot be written. Then nothing in it has changed.
    """
    check_claimable(folder, kind, name)
    with writable(folder, name):
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        if not marker.exists():
            write_file(marker, json.dumps({"format": kind}))


def claim_folders(folder: Path, kind: str, studies: Iterable[str]) -> None:
    """Claim a folder of a kind and, in it, the folder of each of its studies.

    Parameters
    ----------
    folder, kind
        As in :func:`claim_folder`.
    studies : iterable of str
        Names of the folders.

    Raises
    ------
    StoreError
        If one of them holds anything else, or cannot be written.
    """
    claim_folder(folder, kind)
    for name in studies:
        claim_folder(folder / name, STUDY_FORMAT)


def check_claimable(folder: Path, kind: str, name: str = "folder") -> None:
    """Raise unless :func:`claim_folder` may claim a folder; nothing is written.

    Parameters
    ----------
    folder, kind, name
        As in :func:`claim_folder`.

    Raises
    ------
    StoreError
        If the folder holds anything but results of this kind.
    """
    with writable(folder, name):
        # Another process may be making the folder: its marker is there before anything else is.
        if not _holds_anything(folder) or kind_of(folder) == kind:
            return
    raise StoreError(
        f"`{name}` must be new, be empty, or hold {IN_WORDS[kind]}; "
        f"{str(folder)!r} {_described(folder)}. Choose another name."
    )


def _holds_anything(folder: Path) -> bool:
    if not folder.exists():
        return False
    if not folder.is_dir():
        return True
    return any(not path.name.startswith(DRAFT_PREFIX) for path in folder.iterdir())


def _described(folder: Path) -> str:
    if not folder.is_dir():
        return "is a file"
    kind = kind_of(folder)
    if kind is not None:
        return f"holds {IN_WORDS[kind]}"
    return "is not empty and was not made for that"
