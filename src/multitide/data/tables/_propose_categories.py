"""Propose columns of text as categorical inputs."""

from __future__ import annotations

import pandas as pd

from multitide.data.tables._facts_of_series import constant_in_series
from multitide.data.tables._guess_roles import REASONS
from multitide.data.tables._reading import Reading

MOST_CATEGORIES = 20
MIN_ROWS = 5  # per category, on average


def propose_categories(data: pd.DataFrame, reading: Reading) -> tuple[str, ...]:
    """Return the ignored columns of text with few values that may be inputs.

    Without a task, every column may be the label. Left out are columns of one value, columns with
    one value per series, which describe the series, and columns that say the same as a label.

    Parameters
    ----------
    data : DataFrame
    reading : Reading
        With all roles.
    """
    if not reading.tasks:
        return ()
    texts = []
    for entry in reading.columns:
        if entry["table"] == "data" and entry["why"] == REASONS["text"]:
            texts.append(entry["column"])
    if reading.series is not None and texts:
        facts = constant_in_series(data, reading.series, texts)
        texts = [name for name in texts if name not in facts]
    proposed = []
    for name in texts:
        if _has_few_values(data[name]) and not _tells_label(data, name, reading):
            proposed.append(name)
    return tuple(proposed)


def _has_few_values(column: pd.Series) -> bool:
    n_values = int(column.nunique())
    most = min(MOST_CATEGORIES, int(column.notna().sum()) // MIN_ROWS)
    return 1 < n_values <= most


def _tells_label(data: pd.DataFrame, name: str, reading: Reading) -> bool:
    """Whether each value of the column goes with a label of its own."""
    for label in reading.label_columns:
        if label not in data:
            continue
        pairs = data[[name, label]].dropna().drop_duplicates()
        if len(pairs) and pairs[name].is_unique and pairs[label].is_unique:
            return True
    return False
