"""A result folder that takes long to make: `RUN.partial` until it is complete, then `RUN`."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from multitide._folder_kinds import PARTIAL_SUFFIX, kind_of
from multitide._one_process import LOCK, InTheMaking, in_the_making, one_process
from multitide._result_folder import (
    new_folder,
    refuse_existing,
    replaced_folder,
    writable,
)
from multitide.errors import StoreError

# Folders in a partial folder: the best model so far, and the state of the training.
MODEL, CHECKPOINT = "model", "checkpoint"

logger = logging.getLogger("multitide")


def partial_of(folder: Path) -> Path:
    """Return where the results of `folder` lie while they are made."""
    return folder.with_name(folder.name + PARTIAL_SUFFIX)


def refuse_leftover(folder: Path, name: str = "folder") -> None:
    """Raise if `folder` is being made by another process, or was when that was killed.

    Parameters
    ----------
    folder : path
        Where a result folder is about to be made.
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    StoreError
        If there is a partial folder for it, or if it has the name of one.
    """
    if folder.name.endswith(PARTIAL_SUFFIX):
        raise StoreError(
            f"`{name}` must not end in {PARTIAL_SUFFIX!r}, "
            "as folders of unfinished runs do; "
            f"got {str(folder)!r}. Choose another name."
        )
    partial = partial_of(folder)
    with writable(folder, name):
        is_there = partial.exists()
    if is_there:
        raise StoreError(
            f"`{name}` must not be in the making; "
            f"{str(partial)!r} is there: "
            "its run is going on, or was killed. "
            f"{_how_to_resume(partial)}Choose another name, or delete {str(partial)!r} "
            f"if you do not need it{_best_model(partial)}."
        )


def refuse_partial(folder: Path, name: str = "folder") -> None:
    """Raise if `folder`, which is about to be read, is a partial one.

    Parameters
    ----------
    folder : path
    name : str, default="folder"
        The parameter or option that named it.

    Raises
    ------
    StoreError
        If it has the name of a partial folder.
    """
    if folder.name.endswith(PARTIAL_SUFFIX):
        raise StoreError(
            f"`{name}` must be a complete run; "
            f"{str(folder)!r} is unfinished: "
            "its run is going on, or was "
            f"killed{_best_model(folder)}. "
            "`multitide fit --resume` continues it; or run `multitide fit` again "
            f"with {str(folder / 'config.toml')!r} to repeat it."
        )


@contextmanager
def partial_folder(
    folder: Path,
    name: str = "folder",
    *,
    keep: Sequence[str] = (MODEL, CHECKPOINT),
    kind: str | None = None,
    resume: bool = False,
) -> Iterator[Path]:
    """Give the block a partial folder, which becomes `folder` if the block ends without an error.

    After an error it is removed with the parents made for it, unless the block has stored something
    to keep in it.

    Parameters
    ----------
    folder : path
        Must be free; see :func:`refuse_existing`. Parents are made.
    name : str, default="folder"
        The parameter or option that named it.
    keep : sequence of str, default=("model", "checkpoint")
        Names of the folders inside it that are worth keeping after an error.
    kind : str, optional
        Continue a partial folder that is there already if what it keeps are results of this kind; a
        key of :data:`multitide._folder_kinds.RECORDS`.
    resume : bool, default=False
        Continue a partial folder that is there already, or a run that has ended early.

    Yields
    ------
    path
        The partial folder, next to `folder`.

    Raises
    ------
    StoreError
        If `folder` is not free, is in the making, or cannot be written.
    """
    _check_free(folder, name, resume=resume)
    partial = partial_of(folder)
    continues = resume or kind in {kind_of(partial / each) for each in keep} - {None}
    if not continues:
        refuse_leftover(folder, name)
    with writable(folder, name):
        new_parents = []
        for parent in folder.parents:
            if not parent.exists():
                new_parents.append(parent)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.mkdir(exist_ok=continues)
        except FileExistsError as error:  # since it was looked for
            raise in_the_making(partial, name) from error
        try:
            with one_process(partial, name):
                _take_up(folder, partial, name, resume=resume)
                yield partial
                _check_free(folder, name, resume=resume)
                shutil.rmtree(partial / MODEL, ignore_errors=True)
                (partial / LOCK).unlink(missing_ok=True)
                _complete(partial, folder)
        except InTheMaking:
            raise
        except BaseException:
            kept = [str(partial / each) for each in keep if _holds(partial / each)]
            if kept:
                logger.warning("What is finished is kept in %s.", " and ".join(kept))
            else:
                shutil.rmtree(partial, ignore_errors=True)
                _remove_empty(new_parents)
            raise


def _holds(folder: Path) -> bool:
    """Return whether a folder holds a file or folder that is not hidden."""
    if not folder.is_dir():
        return False
    return any(not path.name.startswith(".") for path in folder.iterdir())


def has_ended_early(folder: Path) -> bool:
    """Return whether a complete run holds a checkpoint, from which it can be trained on."""
    return _holds(folder / CHECKPOINT)


def _check_free(folder: Path, name: str, *, resume: bool) -> None:
    """Raise unless a run can have this name: no other has it, or it is that one."""
    if not (resume and has_ended_early(folder)):
        refuse_existing(folder, name)


def _take_up(folder: Path, partial: Path, name: str, *, resume: bool) -> None:
    """Continue a run that has ended early, unless that has begun before."""
    _check_free(folder, name, resume=resume)  # another process may just have made it
    if has_ended_early(folder) and not (partial / CHECKPOINT).exists():
        with new_folder(partial / CHECKPOINT) as draft:
            shutil.copytree(folder / CHECKPOINT, draft, dirs_exist_ok=True)


def _complete(partial: Path, folder: Path) -> None:
    """Give a partial folder its final name.

    A run that had ended early is replaced; whatever else its folder holds stays.
    """
    if not _holds(folder):
        os.replace(partial, folder)
        return
    with replaced_folder(folder) as draft:
        for path in partial.iterdir():
            os.replace(path, draft / path.name)
        for path in folder.iterdir():
            if path.name != CHECKPOINT and not (draft / path.name).exists():
                os.replace(path, draft / path.name)
    shutil.rmtree(partial, ignore_errors=True)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, the innermost first, as far as nothing is in them."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _how_to_resume(partial: Path) -> str:
    if _holds(partial / CHECKPOINT):
        return "`--resume` (in Python, resume=True) continues it. "
    return ""


def _best_model(partial: Path) -> str:
    if (partial / MODEL).is_dir():
        return f" (its best model so far is {str(partial / MODEL)!r})"
    return ""
