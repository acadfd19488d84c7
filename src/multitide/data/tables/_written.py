"""Keep what a text file writes where numbers would lose it: ids and codes such as 00017."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from multitide.data._numerals import are_codes
from multitide.data.tables._columns import whole
from multitide.data.tables._one_file import OpenTable


def keep_ids(table: OpenTable, columns: Sequence[str]) -> pd.DataFrame:
    """Return the table with ids as text where a number is another text (00017, 1.10, 1e5)."""
    frame = table.frame
    for name, texts in table.as_written(columns).items():
        numbers = whole(frame[name])
        known = numbers.notna()
        if (numbers[known].astype("str") != texts[known].str.strip()).any():
            frame = frame.assign(**{str(name): texts.where(known)})
    return frame


def keep_codes(table: OpenTable, columns: Sequence[str]) -> pd.DataFrame:
    """Return the table with labels as text where whole numbers have leading zeros (007)."""
    frame = table.frame
    integers = []
    for name in columns:
        if name in frame and pd.api.types.is_integer_dtype(whole(frame[name])):
            integers.append(name)  # only their text is worth reading the file again
    for name, texts in table.as_written(integers).items():
        known = frame[name].notna()
        if are_codes(texts[known]):
            frame = frame.assign(**{str(name): texts.where(known)})
    return frame
