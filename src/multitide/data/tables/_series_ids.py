"""The ids of series: what rows of a table and of its label table are matched by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from multitide.data._plain_columns import plain_column
from multitide.data.tables._columns import as_texts, whole
from multitide.data.tables._findings import Findings
from multitide.data.tables._windows import Index

MOST_SHOWN = 5


def clean_ids(column: pd.Series) -> pd.Series:
    """Return ids without surrounding blanks; empty ones are missing. Numbers stay numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = plain_column(column.astype("object"))
    if pd.api.types.is_numeric_dtype(column):
        return whole(column)
    if pd.api.types.infer_dtype(column, skipna=True) not in ("string", "mixed-integer"):
        return column
    texts = column.astype("str").str.strip()
    return texts.mask(column.isna() | (texts == ""))


def match_ids(keys: pd.Series, ids: np.ndarray, name: str, findings: Findings) -> Index:
    """Return the row of the label table for each series; -1 if there is none.

    Parameters
    ----------
    keys : Series
        The ids in the label table.
    ids : ndarray
        The ids in the data, each once.
    name : str
        The column that holds them.
    findings : Findings
        Ids that repeat, could be several, or do not match at all are added.
    """
    keys, wanted = clean_ids(keys), pd.Series(ids)
    if not _alike(keys, wanted):
        same, unclear = _to_one_type(keys), _to_one_type(wanted)
        if twice := _repeated(same, keys) or _repeated(unclear, wanted):
            findings.add(
                f"`{name}` must be written alike "
                "in the data and in `labels`; "
                f"got {twice}, which are one number. "
                "Write all ids as text, or all as numbers."
            )
            return np.full(len(ids), -1)
        keys, wanted = same, unclear
    repeated = keys.dropna()[keys.dropna().duplicated()]
    if len(repeated):
        findings.add(
            "`labels` must have one row per series; "
            f"got several for {name} {_first(repeated)}."
        )
        return np.full(len(ids), -1)
    places = np.asarray(pd.Index(keys).get_indexer(pd.Index(wanted)), dtype=np.int64)
    if (places < 0).all():
        findings.add(
            "`labels` must have rows for the series of the data; "
            "got none: "
            f"{name} is {list(wanted[:3])} in the "
            f"data and {list(keys[:3])} in `labels`."
        )
    return places


def _alike(keys: pd.Series, ids: pd.Series) -> bool:
    if keys.dtype == ids.dtype:
        return True
    is_number = pd.api.types.is_numeric_dtype
    if is_number(keys) and is_number(ids):
        return True
    inferred = pd.api.types.infer_dtype
    return bool(inferred(keys, skipna=True) == inferred(ids, skipna=True))


def _to_one_type(ids: pd.Series) -> pd.Series:
    """Return ids as text in which whole numbers have no leading zeros: 00017 is 17."""
    return as_texts(ids).str.replace(r"^0+(?=\d+$)", "", regex=True)


def _repeated(matched: pd.Series, written: pd.Series) -> list[object]:
    """Return ids that are written differently, but would match the same one."""
    twice = (
        matched.notna()
        & matched.duplicated(keep=False)
        & ~written.duplicated(keep=False)
    )
    return _first(written[twice])


def _first(ids: Iterable[object]) -> list[object]:
    return list(dict.fromkeys(ids))[:MOST_SHOWN]
