"""The rows of a benchmark in ``results.jsonl``, so that an interrupted run continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Results:
    """Rows that are kept in a file, one JSON object per line.

    Parameters
    ----------
    folder : path
        Where the file is; made if it does not exist.

    Attributes
    ----------
    rows : list of dict
        All rows so far, those of earlier runs first.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        self.rows: list[dict[str, Any]] = []
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                self.rows.append(json.loads(line))

    def values(self, *columns: str) -> set[tuple[Any, ...]]:
        """Return the values that these columns have together in any row."""
        return {tuple(row[column] for column in columns) for row in self.rows}

    def add(self, *rows: dict[str, Any]) -> None:
        """Keep rows."""
        with self._path.open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
        self.rows += rows
