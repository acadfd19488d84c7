"""What a table of runs says of one fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

RUN_FACTS = (
    "status",
    "reason",
    "tasks",
    "seconds",
    "random_state",
    "n_rows",
    "n_parameters",
    "n_steps",
    "n_trees",
    "best_epoch",
    "diverged",
)


def run_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts of a fit as one row, with its mean validation loss."""
    row: dict[str, object] = {}
    for name in RUN_FACTS:
        row[name] = facts.get(name)
    by_task = cast("dict[str, float] | None", facts.get("validation_loss"))
    losses = list((by_task or {}).values())
    if losses:
        row["validation_loss"] = float(np.mean(losses))
    else:
        row["validation_loss"] = np.nan
    return row
