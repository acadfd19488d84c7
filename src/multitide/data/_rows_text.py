"""Row numbers in messages."""

from __future__ import annotations

import numpy as np

MOST_SHOWN = 5


def rows_text(rows: np.ndarray) -> str:
    """Return "row 3" or "rows 3, 7, ... (12 rows)", counted from 1 after the header."""
    numbers = []
    for row in rows[:MOST_SHOWN]:
        numbers.append(str(int(row) + 1))
    if len(rows) == 1:
        return f"row {numbers[0]}"
    text = f"rows {', '.join(numbers)}"
    if len(rows) > MOST_SHOWN:
        text += f", ... ({len(rows)} rows)"
    return text
