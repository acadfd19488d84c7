"""Numbers with separated thousands: 20.123,45, 1,234.5, 1 234,5 and 1'234.5.

A column is read so where every value fits one way of writing and one value has no other reading:
two separators, two groups of three digits, or a blank or apostrophe between digits. 1.234 and 1,234
have two readings and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

BLANKS = " \u00a0\u2009\u202f"
THOUSANDS = {",": ",", ".": ".", " ": BLANKS, "'": "'\u2019"}
DECIMALS = (".", ",")
N_LOOKED_AT = 20  # values that are tried before all are
DIGITS = re.compile(rf"[+-]?\d[\d.,'\u2019{BLANKS}]*")


@dataclass(frozen=True)
class NumberSigns:
    """The decimal sign, and the one between thousands ("" for none)."""

    decimal: str
    thousands: str

    @property
    def grouped(self) -> str:
        """The pattern of a number with separated thousands."""
        sign = f"[{re.escape(THOUSANDS[self.thousands])}]"
        return (
            rf"[+-]?[1-9]\d{{0,2}}(?:{sign}\d{{3}})+(?:{re.escape(self.decimal)}\d+)?"
        )

    @property
    def sure(self) -> str:
        """The pattern of one that can mean nothing else."""
        sign = f"[{re.escape(THOUSANDS[self.thousands])}]"
        decimal = re.escape(self.decimal)
        groups = "+" if self.thousands in (" ", "'") else "{2,}"
        head = r"[+-]?[1-9]\d{0,2}"
        return (
            rf"{head}(?:{sign}\d{{3}}){groups}(?:{decimal}\d+)?"
            rf"|{head}(?:{sign}\d{{3}})+{decimal}\d+"
        )

    @property
    def plain(self) -> str:
        """The pattern of a number without separated thousands."""
        return rf"[+-]?\d+(?:{re.escape(self.decimal)}\d*)?"


def find_signs(
    columns: Iterable[pd.Series], decimal: str | None, thousands: str | None
) -> NumberSigns | None:
    """Return how the numbers of text columns are written, if they separate thousands.

    Parameters
    ----------
    columns : iterable of Series
    decimal, thousands : str or None
        As far as the user gave them; `thousands` "" is none.

    Returns
    -------
    NumberSigns or None
        None if no column is sure, or two columns differ.
    """
    if thousands == "":
        return None
    candidates = set()
    for column in columns:
        texts = _texts(column)
        if texts is not None:
            candidates |= _signs_of(texts, decimal, thousands)
    if (
        len(candidates) > 1
    ):  # 1 234 fits both decimal signs: that of the other columns holds
        candidates = {
            signs for signs in candidates if signs.decimal == (decimal or ".")
        }
    if len(candidates) != 1:
        return None
    return candidates.pop()


def ungrouped(column: pd.Series, signs: NumberSigns) -> pd.Series | None:
    """Return a text column as numbers if all its values are written so, and one is grouped."""
    texts = _texts(column)
    if texts is None:
        return None
    known = texts.dropna()
    if not known.str.fullmatch(signs.grouped).any():
        return None
    if not known.str.fullmatch(f"{signs.grouped}|{signs.plain}").all():
        return None
    sign = f"[{re.escape(THOUSANDS[signs.thousands])}]"
    plain = texts.str.replace(sign, "", regex=True)
    plain = plain.str.replace(signs.decimal, ".", regex=False)
    numbers = pd.to_numeric(plain).to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(numbers, index=column.index, name=column.name)


def _signs_of(
    texts: pd.Series, decimal: str | None, thousands: str | None
) -> set[NumberSigns]:
    """Return the ways of writing that all values fit, and one value fits only so."""
    known = texts.dropna()
    fitting = set()
    for one, other in product(DECIMALS, THOUSANDS):
        if one == other or decimal not in (None, one):
            continue
        if thousands not in (None, other):
            continue
        signs = NumberSigns(one, other)
        evidence = signs.sure
        if thousands is not None or decimal == ",":  # 1.234 cannot have a decimal point
            evidence = signs.grouped
        if not known.str.fullmatch(evidence).any():
            continue
        if known.str.fullmatch(f"{signs.grouped}|{signs.plain}").all():
            fitting.add(signs)
    return fitting


def _texts(column: pd.Series) -> pd.Series | None:
    """Return a column of digits and separators as text; None for any other column."""
    is_text = pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(
        column
    )
    if not is_text or isinstance(column.dtype, pd.CategoricalDtype):
        return None
    head = column.dropna().head(N_LOOKED_AT)
    if not len(head) or not all(map(_may_be_number, head)):
        return None
    return column.map(str, na_action="ignore").astype("str").str.strip()


def _may_be_number(value: object) -> bool:
    return isinstance(value, str) and DIGITS.fullmatch(value.strip()) is not None
