"""Where a fit keeps its state, so that a killed one ends as if nothing had happened.

A fit is a fixed sequence of pieces: each training of a network, and each growing of the trees of a
task. The store keeps the result of the finished pieces, and the state of the one that is going on.
What lies between them takes little time, and is computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import safetensors
import safetensors.torch
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from torch import Tensor

from multitide._installed_versions import installed_versions
from multitide._result_folder import (
    damaged,
    read_record,
    shortened,
    validated,
    write_file,
)
from multitide.errors import StoreError

logger = logging.getLogger("multitide")

FORMAT, SCHEMA, RECORD = "multitide checkpoint", 1, "checkpoint.json"
PIECE = re.compile(r"[0-9]{1,9}-[0-9a-f]{16}\.safetensors")
VALUES = "values"  # the entry of a file's metadata with the plain values
AGAIN = "Repeat the call as it was, or begin again in another folder."


@dataclass(frozen=True)
class State:
    """The state of a piece.

    Attributes
    ----------
    tensors : dict of str to Tensor
    values : dict
        Plain values of JSON.
    """

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


class PieceRecord(BaseModel):
    """A stored piece: its file, and the hash of the file."""

    model_config = ConfigDict(extra="forbid")
    file: Annotated[str, Field(pattern=f"^{PIECE.pattern}$")]
    sha256: str


class CheckpointRecord(BaseModel):
    """The content of ``checkpoint.json``.

    Attributes
    ----------
    fit : dict of str to str
        What makes the fit what it is: its data and its parameters.
    is_complete : bool
        Whether the fit has ended by itself.
    pieces : dict of int to PieceRecord
        By the number of the piece, from 1.
    """

    model_config = ConfigDict(extra="forbid")
    format: str = FORMAT
    schema_version: int = SCHEMA
    versions: dict[str, str] = Field(default_factory=installed_versions)
    fit: dict[str, str]
    is_complete: StrictBool = False
    pieces: dict[int, PieceRecord] = {}


class CheckpointStore:
    """The state of one fit in a folder.

    Parameters
    ----------
    folder : path
        Exists. What it holds of this fit is taken up.
    fit : mapping of str to str
        What makes the fit what it is. A folder of another fit is refused.
    minutes : float
        Time between two states of the same piece.
    name : str, default="checkpoint"
        The parameter that named the folder.

    Raises
    ------
    StoreError
        If the folder holds another fit, or is damaged.
    """

    def __init__(
        self,
        folder: Path,
        fit: Mapping[str, str],
        minutes: float,
        name: str = "checkpoint",
    ) -> None:
        self._folder = folder
        self._seconds = 60 * minutes
        self._number = 0
        self._written_at = time.monotonic()
        self._is_closed = self._has_failed = False
        self._record = CheckpointRecord(fit=dict(fit))
        if (folder / RECORD).is_file():
            self._record = read_checkpoint(folder)
            _refuse_another(self._record.fit, fit, folder, name)
            self._record.is_complete = False
        self._remove_unused()

    @property
    def is_due(self) -> bool:
        """Whether the time since the last state has passed."""
        return time.monotonic() - self._written_at >= self._seconds

    def begin_piece(self) -> int:
        """Return the number of the next piece of the fit."""
        self._number += 1
        return self._number

    def path_of(self, number: int) -> Path:
        """Return where a stored piece lies."""
        return self._folder / self._record.pieces[number].file

    def read(self, number: int) -> State | None:
        """Return the state of a piece; None if it has none.

        Raises
        ------
        StoreError
            If its file is not as it was written.
        """
        record = self._record.pieces.get(number)
        if record is None or self._is_closed:
            return None
        path = self.path_of(number)
        with restoring(path):
            if _sha256(path.read_bytes()) != record.sha256:
                raise ValueError("its hash does not match")
            with safetensors.safe_open(path, "pt") as file:
                values = json.loads(file.metadata()[VALUES])
                tensors = {}
                for key in file.keys():  # noqa: SIM118
                    tensors[key] = file.get_tensor(key)
            return State(tensors, values)

    def write(self, number: int, state: State) -> None:
        """Keep the state of a piece, in place of its earlier one.

        Training goes on if there is no room for it.
        """
        if self._is_closed:
            return
        tensors = {}
        for key, tensor in state.tensors.items():
            tensors[key] = tensor.detach().cpu().contiguous().clone()
        content = safetensors.torch.save(tensors, {VALUES: json.dumps(state.values)})
        digest = _sha256(content)
        file = f"{number}-{digest[:16]}.safetensors"
        pieces = {
            **self._record.pieces,
            number: PieceRecord(file=file, sha256=digest),
        }
        try:
            write_file(self._folder / file, content)
            self._write_record(self._record.model_copy(update={"pieces": pieces}))
        except OSError as error:
            self._warn(error)
        self._written_at = time.monotonic()

    def close(self) -> None:
        """Keep what there is: what follows is not part of the undisturbed fit."""
        self._is_closed = True

    def complete(self) -> None:
        """Note that the fit has ended by itself, unless it has been interrupted."""
        if self._is_closed:
            return
        try:
            self._write_record(self._record.model_copy(update={"is_complete": True}))
        except OSError as error:
            self._warn(error)

    def _write_record(self, record: CheckpointRecord) -> None:
        """Write the record, from which on the files that it names are the state of the fit."""
        text = json.dumps(record.model_dump(mode="json"), indent=1)
        write_file(self._folder / RECORD, text)
        self._record = record
        self._remove_unused()

    def _remove_unused(self) -> None:
        """Remove the files of states that were replaced, or never completed."""
        used = {piece.file for piece in self._record.pieces.values()}
        for path in self._folder.iterdir():
            if PIECE.fullmatch(path.name) and path.name not in used:
                path.unlink(missing_ok=True)

    def _warn(self, error: OSError) -> None:
        if not self._has_failed:
            message = "No checkpoint can be written (%s); training goes on without."
            logger.warning(message, error)
        self._has_failed = True


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong in the block into one error about a file of a checkpoint.

    A hash protects a file against damage, but not against its author.

    Raises
    ------
    StoreError
        In place of any exception.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise damaged(path, error or type(error).__name__) from error


def read_checkpoint(folder: Path) -> CheckpointRecord:
    """Read and check the record of a checkpoint.

    Raises
    ------
    StoreError
        If it is absent, damaged, or of another version.
    """
    path = folder / RECORD
    content = read_record(path, FORMAT, {SCHEMA}, AGAIN, called="checkpoint")
    return validated(content, CheckpointRecord, path)


def _refuse_another(
    stored: Mapping[str, str], fit: Mapping[str, str], folder: Path, name: str
) -> None:
    """Raise unless a checkpoint is that of this fit."""
    for key in [*fit, *stored]:
        before, now = stored.get(key, "absent"), fit.get(key, "absent")
        if before != now:
            raise StoreError(
                f"`{name}` must continue the same fit; {key} differs in {str(folder)!r}: "
                f"there {shortened(before)}, here {shortened(now)}. {AGAIN}"
            )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
