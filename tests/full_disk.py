"""A disk that is full: the n-th file that is written below a folder is cut in the middle."""

from __future__ import annotations

import builtins
import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest


class _Cut(io.FileIO):
    """A file on a full disk: half of what is written fits."""

    def write(self, data: Any) -> int:
        super().write(memoryview(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullDisk:
    """Cuts one of the files that are written below a folder, and those that come after it.

    Parameters
    ----------
    folder : path
    n_whole : int
        How many files are written whole before.

    Attributes
    ----------
    n_files : int
        How many files were opened to be written.
    """

    def __init__(self, folder: Path, n_whole: int) -> None:
        self._folder, self._n_whole = str(folder), n_whole
        self._open = io.open
        self.n_files = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Replace what Python opens files with."""
        for module in (builtins, io):
            patch.setattr(module, "open", self.open)

    def open(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        """Open a file; the disk is full for those that come after the whole ones."""
        if not self._is_written(file, mode):
            return self._open(file, mode, *args, **options)
        self.n_files += 1
        if self.n_files <= self._n_whole:
            return self._open(file, mode, *args, **options)
        buffer = io.BufferedWriter(_Cut(file, mode.replace("b", "").replace("t", "")))
        if "b" in mode:
            return buffer
        return io.TextIOWrapper(buffer, encoding="utf-8")

    def _is_written(self, file: Any, mode: str) -> bool:
        if not isinstance(file, (str, os.PathLike)) or "r" in mode:
            return False
        path = os.path.realpath(file)
        return path.startswith(self._folder)
