"""A fitted model in a notebook."""

from __future__ import annotations

import pandas as pd

from multitide._checks import counted
from multitide._notebook import facts, panel, table
from multitide.model._schema import DataRecord
from multitide.model._sizes import last_weights, size_in_words, sizes_by_task
from multitide.model._store import StoredModel

MOST_CHANNELS = 12


def fitted_html(stored: StoredModel, history: pd.DataFrame) -> str:
    """Return tasks, sizes and training of a model as HTML."""
    about = {"parameters": size_in_words(stored.predictor, stored.encoder)}
    for data in stored.data:
        about[data.name or "data"] = _shape(data)
    about["trained"] = f"{stored.seconds:.1f} s, seed {stored.seed}"
    return panel("Fitted", table(_task_rows(stored, history)), facts(about))


def _task_rows(stored: StoredModel, history: pd.DataFrame) -> list[dict[str, object]]:
    sizes = sizes_by_task(stored.predictor)
    weights = last_weights(history)
    rows = []
    for task in stored.tasks:
        row: dict[str, object] = {
            "task": task.name,
            "kind": task.kind,
            "best epoch": stored.best_epoch[task.name],
        }
        for which, n in stored.n_labelled[task.name].items():
            row[f"labels, {which}"] = f"{n:,}"
        for which, n in sizes.loc[task.name].items():
            row[f"parameters, {which}"] = f"{n:,}"
        if task.name in weights:
            row["weight at the end"] = f"{weights[task.name]:.4g}"
        rows.append(row)
    return rows


def _shape(data: DataRecord) -> str:
    names = ", ".join(map(str, data.channels[:MOST_CHANNELS]))
    n_more = len(data.channels) - MOST_CHANNELS
    if n_more > 0:
        names += f", and {n_more} more"
    channels = counted(len(data.channels), "channel")
    return f"{channels} ({names}), up to {counted(data.n_timepoints, 'step')}"
