"""Fits on disk: a folder each, named by its key, written at once or not at all."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multitide.errors import StoreError
from multitide.study.runs._fits import Fit

FACTS, ANSWERS, HISTORY = "run.json", "predictions.parquet", "history.parquet"
ABANDONED_AFTER = 3600.0  # seconds

logger = logging.getLogger("multitide")


def runs_folder(folder: Path) -> Path:
    """Return where the fits of a study lie, and make it.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    runs = folder / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for draft in runs.glob(
            ".draft-*"
        ):  # left by a process that was killed in the middle of writing
            if time.time() - draft.stat().st_mtime > ABANDONED_AFTER:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error
    return runs


def write_fit(fit: Fit, runs: Path) -> None:
    """Write a fit; where another process has written it already, that one stays."""
    draft = None
    try:
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=runs))
        columns = {name: _columns(fit, name) for name in fit.answers}
        table = {
            column: pd.Series(values)
            for name, answers in fit.answers.items()
            for column, values in zip(columns[name], np.atleast_2d(answers.T), strict=True)
        }
        pd.DataFrame(table).to_parquet(
            draft / ANSWERS
        )  # data sets have test parts of their own lengths
        fit.history.to_parquet(draft / HISTORY)
        n_rows = {name: len(answers) for name, answers in fit.answers.items()}
        content = {"key": fit.key, **fit.facts, "columns": columns, "n_answers": n_rows}
        (draft / FACTS).write_text(
            json.dumps(content, indent=1, ensure_ascii=False, default=repr), encoding="utf-8"
        )
        draft.chmod(0o755)
        os.replace(draft, runs / fit.key)
    except OSError as error:
        if not (runs / fit.key / FACTS).is_file():
            raise StoreError(
                f"`folder` must be a place that can be written; {runs} is not ({error})."
            ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def read_fit(runs: Path, key: str) -> Fit | None:
    """Read a fit; None if it is not there, or damaged (then it is removed, to be done again)."""
    folder = runs / key
    if not folder.is_dir():
        return None
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        table = pd.read_parquet(folder / ANSWERS)
        n_rows = facts.pop("n_answers", {})  # older ones have none: as many for every task
        columns = facts.pop("columns")
        answers = {name: _join(table[: n_rows.get(name)], name, columns[name]) for name in columns}
        history = pd.read_parquet(folder / HISTORY)
        return Fit(facts.pop("key"), facts, answers, history)
    except (OSError, ValueError, KeyError) as error:
        logger.warning("The run in %s cannot be read (%s); it is done again.", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def write_atomically(path: Path, text: str) -> None:
    """Write a text file at once or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _columns(fit: Fit, name: str) -> list[str]:
    """Return the columns of a task's answers: its name, or one for each class, quantile, label or step."""
    answers = fit.answers[name]
    if answers.ndim == 1:
        return [name]
    return [
        f"{name}={value}"
        for value in fit.facts.get("classes", {}).get(name, range(answers.shape[1]))
    ]


def _join(table: pd.DataFrame, name: str, columns: list[str]) -> np.ndarray:
    """Return a task's answers; those of a forecast of one step have one column, and two dimensions."""
    values: np.ndarray = table[columns].to_numpy()
    return values[:, 0] if columns == [name] else values
