"""The history of a training in a model's folder: one JSON object per line."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from multitide._result_folder import write_file

HISTORY, PRETRAINING = "history.jsonl", "pretrain_history.jsonl"

logger = logging.getLogger("multitide")


def history_line(row: Mapping[str, object]) -> str:
    """Return a row as a line of JSON, in which a missing number is null."""
    plain = {}
    for name, value in row.items():
        is_missing = isinstance(value, float) and value != value
        plain[name] = None if is_missing else value
    return json.dumps(plain, ensure_ascii=False) + "\n"


def write_history(history: pd.DataFrame, path: Path) -> None:
    """Write a history into a folder that exists; one without rows has no file."""
    if not len(history):
        return
    lines = []
    for row in history.astype(object).to_dict("records"):
        lines.append(history_line({str(name): value for name, value in row.items()}))
    write_file(path, "".join(lines))


def read_history(path: Path) -> pd.DataFrame:
    """Read a history; empty if there is none.

    No model depends on its history. So a line that was cut or altered is left out, with a warning.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return pd.DataFrame()
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
    if len(rows) < len(lines):
        logger.warning(
            "%d of %d lines of %s cannot be read and are left out of the history.",
            len(lines) - len(rows),
            len(lines),
            path,
        )
    history = pd.DataFrame(rows)
    for name in history:
        if history[name].isna().all():
            history[name] = history[name].astype(float)
    return history
