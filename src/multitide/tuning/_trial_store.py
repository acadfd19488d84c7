"""A search on disk: what was asked, and a file a trial, each written at once or not at all; no pickle."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from multitide.errors import StoreError
from multitide.study.runs._fit_store import write_atomically
from multitide.tuning._trials import Trial

SCHEMA = 1
SEARCH, TRIALS = "search.json", "trials"
FORMAT = "multitide search"

logger = logging.getLogger("multitide")


def open_folder(folder: Path, identity: dict[str, Any]) -> None:
    """Make the folder of a search, or see that it holds this very one.

    Parameters
    ----------
    folder : path
    identity : dict
        Everything that decides the trials: data, split, tasks, start, space, seed, versions.

    Raises
    ------
    StoreError
        If it holds another search, or something else, or cannot be written.
    """
    identity = json.loads(json.dumps(identity, default=repr))
    path = folder / SEARCH
    if path.is_file():
        found = _read(path)
        if found.get("format") != FORMAT or found.get("schema_version") != SCHEMA:
            raise StoreError(
                f"{str(path)!r} must be a {FORMAT} of schema version {SCHEMA}; it is something else."
            )
        stored = found.get("identity", {})
        other = [name for name in identity if stored.get(name) != identity[name]]
        if other:
            raise StoreError(
                f"`folder` must be new or hold the same search; that in {str(folder)!r} differs in {', '.join(other)}."
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise StoreError(
            f"`folder` must be new or hold a search ({SEARCH}); got {str(folder)!r}, which is not empty."
        )
    try:
        (folder / TRIALS).mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, "schema_version": SCHEMA, "identity": identity}
        write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False))
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error


def write_trial(trial: Trial, folder: Path) -> None:
    """Write a finished trial."""
    try:
        (folder / TRIALS).mkdir(exist_ok=True)
        text = json.dumps(dataclasses.asdict(trial), indent=1, ensure_ascii=False)
        write_atomically(folder / TRIALS / f"{trial.number:04d}.json", text)
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error


def read_trials(folder: Path) -> dict[int, Trial]:
    """Return the finished trials by number; a damaged one is done again."""
    found: dict[int, Trial] = {}
    for path in sorted((folder / TRIALS).glob("*.json")):
        try:
            trial = Trial(**json.loads(path.read_text(encoding="utf-8")))
            found[trial.number] = trial
        except (OSError, ValueError, TypeError) as error:
            logger.warning("The trial in %s cannot be read (%s); it is done again.", path, error)
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{str(path)!r} must be readable JSON; it is damaged ({error})."
        ) from error
    return content if isinstance(content, dict) else {}
