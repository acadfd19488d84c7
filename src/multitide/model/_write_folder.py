"""The folder of a model: the model, its history, and a card that says what it is."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from multitide._installed_versions import installed_versions
from multitide._result_folder import write_file
from multitide._visible import visible
from multitide.model._history import HISTORY, PRETRAINING, write_history
from multitide.model._store import CARD, StoredModel, write_model

MARKS = re.compile(r"([\\`*_\[\]|~#])")  # what Markdown gives a meaning to
LICENCE = "Not stated: say here who may use the model and for what."


def write_folder(
    stored: StoredModel,
    history: pd.DataFrame,
    pretrain_history: pd.DataFrame,
    folder: Path,
) -> None:
    """Write a model with its history and its card into a folder that exists."""
    write_model(stored, folder)
    write_history(history, folder / HISTORY)
    write_history(pretrain_history, folder / PRETRAINING)
    write_file(folder / CARD, model_card(stored))


def model_card(stored: StoredModel, metrics: pd.DataFrame | None = None) -> str:
    """Return the card of a model as Markdown: tasks, data, metrics, calibration and versions.

    Parameters
    ----------
    stored : StoredModel
    metrics : DataFrame, optional
        ``estimator.evaluate`` on a test set.
    """
    parts = ["# Model card", "## Tasks", _tasks(stored), "## Data", _data(stored)]
    if metrics is not None:
        columns = [
            name for name in ("data", "task", "metric", "value") if name in metrics
        ]
        rows = metrics[columns].astype(object).to_numpy().tolist()
        parts += ["## Test set", _table(columns, rows)]
    if stored.calibrated:
        rows = []
        for each in stored.calibrated:
            name = f"{each['task']} {each['label']}".strip()
            rows.append([name, each["method"], each["n_labels"]])
        parts += ["## Calibration", _table(["task", "by", "labels"], rows)]
    versions = [f"{name} {number}" for name, number in installed_versions().items()]
    parts += ["## Versions", _text(", ".join(versions))]
    parts += ["## Licence", LICENCE]
    parts.append("`multitide info FOLDER` shows the whole record.")
    return "\n\n".join(parts) + "\n"


def _tasks(stored: StoredModel) -> str:
    rows = []
    for task in stored.tasks:
        counts = stored.n_labelled.get(task.name, {})
        rows.append(
            [
                task.name,
                task.kind,
                counts.get("train", ""),
                counts.get("validation", ""),
                stored.best_epoch.get(task.name, ""),
            ]
        )
    names = ["task", "kind", "training labels", "validation labels", "epoch"]
    return _table(names, rows)


def _data(stored: StoredModel) -> str:
    rows = []
    for data in stored.data:
        channels = ", ".join(data.channels[:12])
        if len(data.channels) > 12:
            channels += f", ... ({len(data.channels)})"
        rows.append([data.name, channels, data.n_timepoints, data.fingerprint])
    table = _table(["data set", "channels", "steps", "fingerprint"], rows)
    return f"{table}\n\nSeed: {stored.seed}. Training took {stored.seconds:.0f} s."


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [_row(names), "|" + "---|" * len(names)]
    lines += map(_row, rows)
    return "\n".join(lines)


def _row(values: Sequence[object]) -> str:
    cells = []
    for value in values:
        cells.append(f"{value:.4g}" if isinstance(value, float) else _text(value))
    return f"| {' | '.join(cells)} |"


def _text(value: object) -> str:
    """Return text in which nothing is read as Markdown or HTML; names come from users."""
    plain = re.sub(r"\s", " ", visible(value))
    return MARKS.sub(r"\\\1", html.escape(plain, quote=False))
