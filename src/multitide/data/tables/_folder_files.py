"""Find the files of a folder that make one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from multitide._folder_kinds import own_folder
from multitide.data.tables._one_file import (
    CSV_SUFFIXES,
    PARQUET_SUFFIXES,
    kind_suffix,
)
from multitide.data.tables._read_excel import EXCEL_SUFFIXES
from multitide.errors import DataError

PLAIN_TEXT = ".txt"  # notes about the data, unless there are no other tables
ABOUT = ("readme", "license", "licence", "changelog", "notes")
HIDDEN = (".", "_")  # what programs leave next to the data: .DS_Store, _SUCCESS
MOST_NAMED = 3


@dataclass(frozen=True)
class FolderFile:
    """A file of a folder.

    Attributes
    ----------
    path : path
    keys : dict of str to str
        What the folders above it say in their names, ``engine=3``.
    label : str
        What the file is called as a series: its name, or the folders above it that have keys.
    """

    path: Path
    keys: dict[str, str]
    label: str = ""


@dataclass
class _Found:
    """What is in a folder: tables, and everything else."""

    files: list[FolderFile] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def of(self, suffixes: Sequence[str]) -> list[FolderFile]:
        """Return the files with some suffixes."""
        of_kind = []
        for file in self.files:
            if kind_suffix(file.path) in suffixes:
                of_kind.append(file)
        return of_kind

    def remove(self, path: Path) -> None:
        """Remove a file, given by its resolved path."""
        rest = []
        for file in self.files:
            if file.path.resolve() != path:
                rest.append(file)
        self.files = rest


def folder_files(
    folder: Path, name: str, without: Path | None = None
) -> tuple[list[FolderFile], list[str]]:
    """Return the files that make a table, in the order of their names, and what was left out.

    Parameters
    ----------
    folder : path
        Folders in it whose names are ``key=value`` are looked into; others are not. Hidden files
        are passed over.
    name : str
        The parameter, for messages.
    without : path, optional
        A file that is not part of the table.

    Raises
    ------
    DataError
        If the folder is one of ours, holds no table, or tables of several kinds.
    """
    if (described := own_folder(folder)) is not None:
        raise DataError(
            f"`{name}` must be a table or a folder of tables; "
            f"{str(folder)!r} {described}"
        )
    content = _Found()
    _look_into(folder, folder, {}, content, name)
    if without is not None:
        outside = without.resolve()
        content.remove(outside)
    files = _of_one_kind(content, folder, name)
    _check_keys(files, name)
    chosen = {file.path for file in files}
    for file in content.files:
        if file.path not in chosen:
            content.others.append(file.path.name)
    return labelled(files), [*sorted(content.others), *content.folders]


def _look_into(
    folder: Path, top: Path, keys: dict[str, str], found: _Found, name: str
) -> None:
    """Add what is in a folder, and in its folders that have keys."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(HIDDEN):
            continue
        key, equals, value = path.name.partition("=")
        if not path.is_dir():
            if _is_table(path):
                found.files.append(FolderFile(path, keys))
            else:
                found.others.append(path.name)
        elif equals and key:
            if unquote(key) in keys:  # a link to a folder above it would never end
                raise DataError(
                    f"`{name}` must have folders with "
                    "different keys on the way to a file; "
                    f"got {key!r} again in "
                    f"{path.relative_to(top).as_posix()!r}."
                )
            inner = {**keys, unquote(key): unquote(value)}
            _look_into(path, top, inner, found, name)
        else:
            found.folders.append(path.name + "/")


def _is_table(path: Path) -> bool:
    if kind_suffix(path) not in (*CSV_SUFFIXES, *PARQUET_SUFFIXES, *EXCEL_SUFFIXES):
        return False
    return path.is_file() and path.name.split(".")[0].lower() not in ABOUT


def _of_one_kind(found: _Found, folder: Path, name: str) -> list[FolderFile]:
    """Return the tables; text files next to other tables describe them."""
    csv = found.of(CSV_SUFFIXES)
    tables = []
    for file in csv:
        if kind_suffix(file.path) != PLAIN_TEXT:
            tables.append(file)
    kinds = [tables, found.of(PARQUET_SUFFIXES), found.of(EXCEL_SUFFIXES)]
    kinds = list(filter(None, kinds)) or [csv]
    if len(kinds) > 1:
        shown = " and ".join(map(_named, kinds))
        raise DataError(
            f"`{name}` must be a folder with files of one kind; "
            f"{str(folder)!r} holds {shown}. "
            "Name one of them, or move them apart."
        )
    if not kinds[0]:
        raise DataError(
            f"`{name}` must be a table or a folder of tables; "
            f"{str(folder)!r} holds no .csv, .tsv, .txt, "
            f".parquet or .xlsx file{_what_else(found, folder)}"
        )
    return kinds[0]


def _what_else(found: _Found, folder: Path) -> str:
    """Return what a folder without tables holds, and what to do: the end of a sentence."""
    if found.folders:
        inner = folder / found.folders[0]
        described = own_folder(inner)
        if described is not None:
            return f"; {str(inner)!r} {described}"
        return f", but folders: {_some(found.folders)}. Name one of them."
    if found.others:
        return f", but {_some(found.others)}. Name a file that is a table."
    return "; it is empty."


def _check_keys(files: Sequence[FolderFile], name: str) -> None:
    first = files[0]
    for file in files:
        if list(file.keys) != list(first.keys):
            raise DataError(
                f"`{name}` must have the same keys "
                "in the folders above every file; "
                f"got {list(first.keys)} for {first.path.name!r} "
                f"and {list(file.keys)} for {str(file.path)!r}."
            )


def labelled(files: Sequence[FolderFile]) -> list[FolderFile]:
    """Return files with labels: their names without suffix where these differ."""
    stems = [file.path.name.split(".")[0] for file in files]
    labels = []
    for file, stem in zip(files, stems, strict=True):
        label = stem
        if file.keys:
            label = "/".join(f"{key}={value}" for key, value in file.keys.items())
        elif stems.count(stem) > 1:
            label = file.path.name
        labels.append(FolderFile(file.path, file.keys, label))
    return labels


def _named(files: Sequence[FolderFile]) -> str:
    return _some([file.path.name for file in files])


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:MOST_NAMED]))
    if len(names) > MOST_NAMED:
        shown += f", ... ({len(names)})"
    return shown
