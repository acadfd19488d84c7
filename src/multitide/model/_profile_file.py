"""The file of a model that says what its training data looked like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from multitide._result_folder import validated, write_file
from multitide.errors import StoreError
from multitide.model._profile import TrainingProfile
from multitide.model._schema import ModelRecord

PROFILE_FILE = "training_data.json"


class ProfilesRecord(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")
    profiles: list[TrainingProfile]


def write_profiles(profiles: Sequence[TrainingProfile], folder: Path) -> str | None:
    """Write the file of a model, and return its hash; None without profiles."""
    if not profiles:
        return None
    record = ProfilesRecord(profiles=list(profiles)).model_dump(mode="json")
    content = json.dumps(record, ensure_ascii=False).encode()
    write_file(folder / PROFILE_FILE, content)
    return hashlib.sha256(content).hexdigest()


def read_profiles(folder: Path, record: ModelRecord) -> list[TrainingProfile]:
    """Read the file of a model; empty if an earlier version wrote the model.

    Raises
    ------
    StoreError
        If the file is missing, altered or damaged.
    """
    if record.profiles_sha256 is None:
        return []
    path = folder / PROFILE_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"`folder` must have {PROFILE_FILE!r}; {str(folder)!r} has none ({error})."
        ) from error
    if hashlib.sha256(content).hexdigest() != record.profiles_sha256:
        raise StoreError(
            f"{str(path)!r} was altered or damaged after it was written: "
            "its hash does not match."
        )
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{str(path)!r} cannot be read: {error}") from error
    if '"usual"' in content.decode("utf-8", "replace"):
        return []  # an earlier version wrote it
    return validated(values, ProfilesRecord, path).profiles
