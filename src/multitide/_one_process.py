"""One process at a time works on a result folder; the system frees the lock of a killed one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from multitide._result_folder import writable
from multitide.errors import StoreError

LOCK = ".lock"


class InTheMaking(StoreError):
    """Another process is working on the folder."""


@contextmanager
def one_process(folder: Path | None, name: str = "folder") -> Iterator[None]:
    """Raise unless no other process, and no other thread, is in this block with the same folder.

    Parameters
    ----------
    folder : path or None
        Exists. Without one nothing is locked.
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    InTheMaking
        Before the block.
    """
    if folder is None:
        yield
        return
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with writable(folder, name):
            lock.acquire()
    except StoreError as error:
        if isinstance(error.__cause__, Timeout):
            raise in_the_making(folder, name) from error
        raise
    try:
        yield
    finally:
        lock.release()


def in_the_making(folder: Path, name: str) -> InTheMaking:
    """Return the error about a folder that another process is working on."""
    return InTheMaking(
        f"`{name}` must not be in the making; another process is working on "
        f"{str(folder)!r}. Wait for it, or choose another name."
    )
