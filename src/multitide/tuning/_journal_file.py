"""Optuna's journal as a file of whole lines, with a lock that a killed process leaves free."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from multitide._result_folder import writable


class JournalLock(JournalFileOpenLock):
    """A lock that a process may take several times, and that the system frees when it is killed.

    Optuna's locks stay behind when a process is killed, and hold up the others for 30 seconds.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


class JournalFile(JournalFileBackend):
    """Optuna's journal, cut back to whole lines before and after whatever goes wrong."""

    def __init__(self, path: Path, lock: JournalLock) -> None:
        super().__init__(str(path), lock)
        self._path, self._own_lock = path, lock

    def append_logs(self, logs: list[dict[str, object]]) -> None:
        with writable(self._path.parent):
            self._own_lock.acquire()
            try:
                cut_torn_line(self._path)
                try:
                    super().append_logs(logs)
                except OSError:
                    cut_torn_line(self._path)
                    raise
            finally:
                self._own_lock.release()


def cut_torn_line(path: Path) -> None:
    """Cut off what follows the last line break of a file."""
    with open(path, "rb+") as file:
        if not file.seek(0, os.SEEK_END):
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
