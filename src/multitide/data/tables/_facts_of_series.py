"""Columns that say something about whole series: groups, sets and facts that are no measurement."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from multitide.data._column_of_sets import SETS
from multitide.data.tables._columns import is_counter

MOST_CLASSES = 10  # more whole numbers than this, in steps of one, number groups
GROUPS = "numbers groups of rows"
GROUP_NAMES = re.compile(
    r"(?i)(?:^|[_ ])(?:id|unit|engine|machine|device|subject|patient|run|series)$"
)


def why_no_task(column: pd.Series) -> str:
    """Return why a column of a label table is no label; "" if it may be one.

    Parameters
    ----------
    column : Series
        One row per series.
    """
    known = column.dropna()
    if numbers_groups(column):
        return GROUPS
    if is_counter(column):
        return "counts the rows"
    words = {str(value).strip().lower() for value in known.unique()}
    if words and words <= set(SETS):
        return "names the set of each row"
    if len(words) == 1 and len(known) > 1:
        return "has one value only"
    is_text = not pd.api.types.is_numeric_dtype(column)
    if is_text and len(words) == len(known) > MOST_CLASSES:
        return "has another text in every row"
    return ""


def numbers_groups(column: pd.Series) -> bool:
    """Whether a column says which rows belong together: by its name, or 0, 0, 0, 1, 1, 2, ..."""
    if pd.api.types.is_float_dtype(column) or column.isna().any():
        return False
    n_values = int(column.nunique())
    if not 1 < n_values < len(column):
        return False
    if GROUP_NAMES.search(str(column.name)):
        return True
    if not pd.api.types.is_integer_dtype(column) or n_values <= MOST_CLASSES:
        return False
    numbers = column.to_numpy(dtype=np.int64)
    return numbers[0] in (0, 1) and bool(np.isin(np.diff(numbers), (0, 1)).all())


def constant_in_series(
    data: pd.DataFrame, series: str, columns: Sequence[str]
) -> list[str]:
    """Return the columns that have one value in each of several series, and differ between them."""
    codes, ids = pd.factorize(data[series])
    if len(ids) < 2 or len(ids) == len(data):
        return []
    first = np.zeros(len(ids), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    found = []
    for name in columns:
        values, distinct = pd.factorize(data[name])
        if len(distinct) > 1 and (values == values[first][codes]).all():
            found.append(name)
    return found
