"""The validation loss of a task in one epoch of a history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def validation_loss(
    history: Iterable[Mapping[str, Any]], task: str, epoch: int
) -> float:
    """Return the loss, in units of the trivial loss; infinite if it is not known."""
    for row in history:
        is_task = row["task"] == task and row["side"] == "validation"
        if is_task and row["epoch"] == epoch:
            loss = float(row["loss"])
            return math.inf if math.isnan(loss) else loss
    return math.inf
