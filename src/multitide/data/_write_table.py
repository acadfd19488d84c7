"""Tables on disk."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa

from multitide._result_folder import write_file


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, whole or not at all.

    Parameters
    ----------
    table : DataFrame
        A column with values of several types is written as text.
    path : path
        In a folder that exists; an earlier file is replaced.
    """
    table = table.copy()
    for name in table:
        try:
            pa.array(table[name], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            table[name] = table[name].map(str, na_action="ignore")
    content = BytesIO()
    table.to_parquet(content)
    write_file(path, content.getvalue())
