"""What each member of an ensemble contributes to each task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from multitide.ensemble._store import EnsembleResult

ENSEMBLE = "ensemble"  # the row of all members together


def contribution_table(result: EnsembleResult, tasks: Sequence[str]) -> pd.DataFrame:
    """Return one row per task and member, and one for all members together.

    Parameters
    ----------
    result : EnsembleResult
        The fitted ensemble.
    tasks : sequence of str
        In the order of the table.

    Returns
    -------
    DataFrame
        The columns of :attr:`multitide.Ensemble.contributions_`.
    """
    rows = []
    for task in tasks:
        n_fits = 0
        for name, member in result.members.items():
            n_fits += len(member.fits)
            rows.append(
                {
                    "task": task,
                    "member": name,
                    "weight": member.weights[task],
                    "validation_loss": member.validation_loss.get(task, np.nan),
                    "n_fits": len(member.fits),
                }
            )
        rows.append(
            {
                "task": task,
                "member": ENSEMBLE,
                "weight": 1.0,
                "validation_loss": result.validation_loss.get(task, np.nan),
                "n_fits": n_fits,
            }
        )
    return pd.DataFrame(rows)
