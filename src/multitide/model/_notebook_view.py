"""What a fitted model is, for a notebook."""

from __future__ import annotations

import pandas as pd

from multitide._notebook import facts, panel, table
from multitide.model._schema import DataRecord
from multitide.model._sizes import ending_weights, size_in_words, sizes_by_task
from multitide.model._store import StoredModel

MOST_CHANNELS = 12


def fitted_html(stored: StoredModel, history: pd.DataFrame) -> str:
    """Return tasks, sizes and how the model came about, as a piece of HTML."""
    sizes, weights = sizes_by_task(stored.answers), ending_weights(history)
    rows = [
        {
            "task": task.name,
            "kind": task.kind,
            "best epoch": stored.best_epoch[task.name],
            **{f"labels, {side}": f"{n:,}" for side, n in stored.n_labelled[task.name].items()},
            **{f"parameters, {part}": f"{n:,}" for part, n in sizes.loc[task.name].items()},
            **({"weight at the end": f"{weights[task.name]:.4g}"} if task.name in weights else {}),
        }
        for task in stored.tasks
    ]
    says = {"parameters": size_in_words(stored.answers, stored.encoder)}
    says |= {(data.name or "data"): _shape(data) for data in stored.data}
    says["trained"] = f"{stored.seconds:.1f} s, seed {stored.seed}"
    return panel("Fitted", table(rows), facts(says))


def _shape(data: DataRecord) -> str:
    more = len(data.channels) - MOST_CHANNELS
    names = ", ".join(map(str, data.channels[:MOST_CHANNELS])) + (
        f", and {more} more" if more > 0 else ""
    )
    return f"{len(data.channels)} channels ({names}), up to {data.n_timepoints} steps"
