"""Fits on disk: one folder per fit, named by its key, and written whole or not at all."""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from multitide._claim_folder import claim_folder
from multitide._folder_kinds import STUDY_FORMAT
from multitide._result_folder import (
    first_problem,
    replaced_folder,
    writable,
    write_file,
)
from multitide.data._write_table import write_table
from multitide.errors import StoreError
from multitide.study.runs._fit_record import DoneFit
from multitide.study.runs._fits import Fit

FACTS = "run.json"
ANSWERS = "predictions.parquet"
HISTORY = "history.parquet"
IN_WORDS = ("task", "side", "metric")  # columns of a history
KEY = re.compile(r"[0-9a-f]{1,64}")
DRAFT = re.compile(r"\.[0-9a-f]{1,64}-.+")
ABANDONED_AFTER = 3600.0  # seconds
DAMAGED = (OSError, ValueError, KeyError, TypeError, RecursionError, pa.ArrowException)

logger = logging.getLogger("multitide")


def runs_folder(folder: Path) -> Path:
    """Make the folder of a study's fits, and remove drafts of killed processes from it.

    Raises
    ------
    StoreError
        If `folder` holds anything but a study, or cannot be written.
    """
    claim_folder(folder, STUDY_FORMAT)
    runs = folder / "runs"
    with writable(folder):
        runs.mkdir(parents=True, exist_ok=True)
        for path in runs.iterdir():
            if DRAFT.fullmatch(path.name) and _age(path) > ABANDONED_AFTER:
                shutil.rmtree(path, ignore_errors=True)
    return runs


def write_fit(fit: Fit, runs: Path) -> None:
    """Write a fit; an earlier one with its key stays unless it is damaged.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    folder = _folder_of(fit.key, runs)
    if folder.is_dir() and _is_readable(folder):
        return
    with replaced_folder(folder) as draft:
        columns = {}
        for question in fit.answers:
            columns[question] = _columns(fit, question)
        n_answers = {}
        for question, values in fit.answers.items():
            n_answers[question] = len(values)
        record = {
            "key": fit.key,
            **fit.facts,
            "columns": columns,
            "n_answers": n_answers,
        }
        text = json.dumps(record, indent=1, ensure_ascii=False, default=repr)
        write_table(_answer_table(fit, columns), draft / ANSWERS)
        write_table(fit.history, draft / HISTORY)
        write_file(draft / FACTS, text)


def read_fit(runs: Path, key: str) -> Fit | None:
    """Read a fit; None if it is absent, or damaged, so that it has to be run again.

    Raises
    ------
    StoreError
        If `key` cannot be the key of a fit.
    """
    folder = _folder_of(key, runs)
    if not folder.is_dir():
        return None
    try:
        return _read(folder)
    except DAMAGED as error:
        logger.warning(
            "The run in %s cannot be read (%s); it is run again.", folder, error
        )
        return None


def _folder_of(key: str, runs: Path) -> Path:
    """Return a fit's folder; keys in stored files must not lead anywhere else."""
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise StoreError(f"The key of a run must be a hexadecimal number; got {key!r}.")
    return runs / key


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _is_readable(folder: Path) -> bool:
    try:
        _read(folder)
    except DAMAGED:
        return False
    return True


def _read(folder: Path) -> Fit:
    content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    try:
        record = DoneFit.model_validate(content)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from error
    if record.key != folder.name:
        raise ValueError(f"its key is {record.key!r}")
    table = pd.read_parquet(folder / ANSWERS)
    answers = {}
    for question, columns in record.columns.items():
        # Data sets have test sets of different lengths; columns are padded to the longest.
        values = table[columns].to_numpy()[: record.n_answers[question]]
        if len(values) < record.n_answers[question]:
            raise ValueError(f"it has {len(values)} answers of {question!r}")
        if values.dtype.kind != "f":
            raise ValueError(f"its answers of {question!r} must be numbers")
        is_vector = columns == [question]
        if is_vector:
            answers[question] = values[:, 0]
        else:
            answers[question] = values
    history = pd.read_parquet(folder / HISTORY)
    _check_history(history)
    return Fit(record.key, record.facts(), answers, history)


def _check_history(history: pd.DataFrame) -> None:
    """Raise unless a history is empty or has rows of numbers, each with its epoch and task."""
    if not len(history):
        return
    if missing := {"epoch", "task", "side", "loss"} - set(history):
        raise ValueError(f"its history lacks the columns {sorted(missing)}")
    for name in history:
        if name not in IN_WORDS and history[name].dtype.kind not in "if":
            raise ValueError(f"its history must have numbers as {name!r}")


def _answer_table(fit: Fit, columns: dict[str, list[str]]) -> pd.DataFrame:
    table = {}
    for question, answers in fit.answers.items():
        for column, values in zip(
            columns[question], np.atleast_2d(answers.T), strict=True
        ):
            table[column] = pd.Series(values)
    return pd.DataFrame(table)


def _columns(fit: Fit, question: str) -> list[str]:
    """Return the columns of a question's answers.

    One named like the question if answers are a vector, else one per class, quantile, label or
    step.
    """
    answers = fit.answers[question]
    if answers.ndim == 1:
        return [question]
    values = fit.facts.get("classes", {}).get(question, range(answers.shape[1]))
    columns = []
    for value in values:
        columns.append(f"{question}={value}")
    return columns
