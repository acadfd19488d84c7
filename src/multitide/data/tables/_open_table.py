"""Open a table from a file or from memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from multitide.data.tables._files import Dialect, read_frame
from multitide.data.tables._reading import Reading

logger = logging.getLogger("multitide")


Table: TypeAlias = "str | Path | pd.DataFrame"


Names: TypeAlias = "str | Sequence[str]"


def _open(
    data: Table, labels: Table | None, reading: Reading
) -> tuple[pd.DataFrame, pd.DataFrame | None, Reading]:
    dialect = Dialect(reading.encoding, reading.decimal, reading.separator)
    frame, notes = read_frame(data, dialect, "data")
    label_frame = None
    if labels is not None:
        label_frame, more = read_frame(labels, dialect, "labels")
        notes = notes + more
    return frame, label_frame, reading.noted(*notes)


def _is_ts(data: Any) -> bool:
    return isinstance(data, (str, Path)) and str(data).lower().removesuffix(".gz").endswith(".ts")
