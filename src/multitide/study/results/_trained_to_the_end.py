"""Whether the networks of a study were trained to the end, or more epochs may turn a verdict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from multitide.model._after_training import falls_at_the_end
from multitide.study.results._evidence import Evidence
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS, SAME

NOT_TO_THE_END = "not trained to the end"
# A tenth of a short training is an epoch or two, in which a noisy loss rarely has its minimum.
LAST_SHARE = 0.25  # of the epochs


def last_falls(evidence: Evidence) -> dict[tuple[str, str], float]:
    """Return how much the validation loss of each arm and task fell in its last epochs.

    Returns
    -------
    dict of (arm, task) to float
        Mean over seeds and folds of the fall in the last quarter of the epochs, in units of the
        trivial loss; 0 if it is lowest before, as after early stopping. Arms without epochs, such
        as trees, are left out.
    """
    of_fits: dict[str, dict[str, float]] = {}
    falls = {}
    for arm in evidence.arm_names:
        for question in evidence.protocol.questions:
            found = []
            for seed in evidence.seeds(arm, question.name):
                for fold in range(evidence.protocol.n_folds):
                    fit = evidence.fit(arm, question.name, seed, fold)
                    if fit is None or not len(fit.history):
                        continue
                    if fit.key not in of_fits:
                        of_fits[fit.key] = falls_at_the_end(fit.history, LAST_SHARE)
                    found.append(of_fits[fit.key].get(question.task.name, 0.0))
            if found:
                falls[arm, question.name] = float(np.mean(found))
    return falls


def mean_falls(
    falls: Mapping[tuple[str, str], float], name: str
) -> dict[tuple[str, str], float]:
    """Return the mean fall of each arm over its tasks, under a name in place of a task."""
    by_arm: dict[str, list[float]] = {}
    for (arm, _), fall in falls.items():
        by_arm.setdefault(arm, []).append(fall)
    means = {}
    for arm, found in by_arm.items():
        means[arm, name] = float(np.mean(found))
    return means


def withhold_unfinished(
    gains: pd.DataFrame,
    falls: Mapping[tuple[str, str], float],
    reference: str,
    margin: float,
) -> pd.DataFrame:
    """Replace verdicts that longer training may turn by "cannot tell".

    "Helps" is withheld while the loss of the reference still falls by more than the margin, "hurts"
    while that of the arm does, and "same" in both cases. A loss that falls where the gain would
    only grow leaves the verdict as it is.

    Parameters
    ----------
    gains : DataFrame
        As ``Comparison.gains``.
    falls : dict of (arm, task) to float
        From :func:`last_falls`.
    reference : str
    margin : float

    Returns
    -------
    DataFrame
        With a column ``unfinished``: the arms, in words, whose training ended too early for the
        verdict; "" if none did.
    """
    gains = gains.copy()
    words = []
    for row in gains.to_dict("records"):
        falling = []
        for arm in _arms_that_may_turn(row["verdict"], str(row["arm"]), reference):
            fall = falls.get((arm, str(row["task"])), 0.0)
            if fall > margin:
                falling.append(
                    f"“{arm}” (by {fall:.2g} in the last quarter of the epochs)"
                )
        words.append(" and ".join(falling))
    gains["unfinished"] = words
    is_unfinished = gains["unfinished"] != ""
    gains.loc[is_unfinished, "verdict"] = CANNOT_TELL
    gains.loc[is_unfinished, "advice"] = gains["unfinished"].map(_advice)
    return gains


def _arms_that_may_turn(verdict: str, arm: str, reference: str) -> list[str]:
    """Return the arms whose longer training would work against a verdict."""
    against = {HELPS: [reference], HURTS: [arm], SAME: [reference, arm]}
    return against.get(verdict, [])


def _advice(falling: str) -> str:
    return (
        f"{NOT_TO_THE_END}: the validation loss still falls in {falling}; raise "
        "`max_epochs`, and `training.patience` if you have set it"
    )
