"""The known relations between the tasks of the simulated rig."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from multitide._checks import raise_problems
from multitide.data._rig_arguments import share_problems
from multitide.data._rig_labels import RELATED, TASKS


@dataclass(frozen=True)
class Truth:
    """What is true about the tasks of the simulated rig, by construction.

    Attributes
    ----------
    related : tuple of (str, str)
        Pairs of tasks whose labels come from shared hidden wear.
    unrelated : tuple of str
        Tasks that share no hidden state with any other task.
    correlation : DataFrame, task x task
        Correlation of the hidden states behind the tasks (for ``fault``: of the wear of the worst
        component).
    """

    related: tuple[tuple[str, str], ...]
    unrelated: tuple[str, ...]
    correlation: pd.DataFrame


def rig_truth(relatedness: float = 1.0) -> Truth:
    """Say which tasks of :func:`simulate_rig` are related, as they were made.

    Parameters
    ----------
    relatedness : float, default=1.0
        The value given to :func:`simulate_rig`.

    Returns
    -------
    Truth
        With ``relatedness=0`` no two tasks are related.

    Raises
    ------
    ParameterError
        If `relatedness` is not within [0, 1].
    """
    raise_problems(share_problems({"relatedness": relatedness}))
    root = float(np.sqrt(relatedness))
    correlation = pd.DataFrame(
        np.eye(len(TASKS)), index=list(TASKS), columns=list(TASKS)
    )
    for first, second in combinations(RELATED, 2):
        if first == "fault":
            shared = root
        else:
            shared = float(relatedness)
        correlation.loc[first, second] = correlation.loc[second, first] = shared
    if not relatedness > 0:
        return Truth((), TASKS, correlation)
    related = tuple(combinations(RELATED, 2))
    lonely = tuple(task for task in TASKS if task not in RELATED)
    return Truth(related, lonely, correlation)
