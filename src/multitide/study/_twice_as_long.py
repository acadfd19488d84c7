"""Whether verdicts stand if the networks are trained twice as long."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pandas as pd
from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide.fitting._training_length import resolve_max_epochs
from multitide.study._comparison import Comparison
from multitide.study.design._arms import Arms
from multitide.study.results._verdicts import CANNOT_TELL, HURTS, MIN_RUNS

LONGER = "longer"  # the folder of the study at twice the length, in that of the study
NO_TIME = "The budget left no time to repeat arms at twice the length."
SETTLED = ("helps", "hurts", "same")
SHARE_OF_BUDGET = 0.5  # that it may take if nobody has asked for it


class Run(Protocol):
    """Runs a study as the first one, but for these arguments."""

    def __call__(
        self,
        *,
        estimator: MultiTaskEstimator,
        arms: Arms,
        n_seeds: int,
        confidence: float,
        seconds: float,
        folder: Path | None,
    ) -> Comparison:
        """Return the study."""


def arms_in_doubt(comparison: Comparison) -> list[str]:
    """Return the networks with an undecided or surprising verdict: "cannot tell" or "hurts"."""
    gains = comparison.gains[~comparison.gains["arm"].isin(comparison.baselines)]
    in_doubt = gains["verdict"].isin([CANNOT_TELL, HURTS])
    return list(gains.loc[in_doubt, "arm"].unique())


def is_due(comparison: Comparison, robust: bool | None, budget: float) -> bool:
    """Return whether arms are trained twice as long.

    Parameters
    ----------
    comparison : Comparison
        At the usual length.
    robust : bool or None
        None: if there is a budget that it costs less than half of, and the study has enough runs
        for verdicts.
    budget : float
        In seconds; infinite without one.
    """
    if robust is not None:
        return robust
    gains = comparison.gains
    has_verdicts = (gains["n_seeds"] * gains["n_folds"]).max() >= MIN_RUNS
    if not has_verdicts or not math.isfinite(budget):
        return False
    return _expected_seconds(comparison) < SHARE_OF_BUDGET * budget


def _expected_seconds(comparison: Comparison) -> float:
    """Return how long twice the length of the arms in doubt, and the reference, would take."""
    n_in_doubt = len(arms_in_doubt(comparison))
    if not n_in_doubt:
        return 0.0
    took = float((comparison.facts or {}).get("seconds", 0.0))
    return 2 * took * (1 + n_in_doubt) / len(comparison.arms)


def with_longer(
    comparison: Comparison,
    run: Run,
    estimator: MultiTaskEstimator,
    arms: Arms,
    seconds: float,
    folder: Path | None,
) -> Comparison:
    """Return the study with the verdicts at twice the length among its facts."""
    rows, words = repeat_longer(run, comparison, estimator, arms, seconds, folder)
    facts = {**(comparison.facts or {}), "longer": rows, "longer_words": words}
    comparison = replace(comparison, facts=facts)
    if folder is not None:
        comparison.save(folder)
    return comparison


def repeat_longer(
    run: Run,
    comparison: Comparison,
    estimator: MultiTaskEstimator,
    arms: Arms,
    seconds: float,
    folder: Path | None,
) -> tuple[list[dict[str, object]], str]:
    """Train arms in doubt, and the reference, twice as long, and compare the verdicts.

    Parameters
    ----------
    run : callable
    comparison : Comparison
        At the usual length.
    estimator : MultiTaskEstimator
        Of the study.
    arms : list or dict
        As the user wrote them.
    seconds : float
        Time that is left.
    folder : path or None
        Of the study.

    Returns
    -------
    rows : list of dict
        One per task and arm: ``task``, ``arm``, ``gain`` and ``verdict`` at the usual length,
        ``longer_gain`` and ``longer_verdict`` at twice the length, and ``stands`` in words.
    words : str
        What was done, or why not.
    """
    names = arms_in_doubt(comparison)
    if not names:
        return [], "No verdict was undecided or surprising."
    if seconds < _expected_seconds(comparison):
        return [], NO_TIME
    longer = run(
        estimator=twice_as_long(estimator, comparison),
        arms=_only(arms, names),
        n_seeds=int(comparison.gains["n_seeds"].max()),
        confidence=comparison.confidence,
        seconds=seconds,
        folder=None if folder is None else folder / LONGER,
    )
    return _rows(comparison.gains, longer.gains, names), ""


def twice_as_long(
    estimator: MultiTaskEstimator, comparison: Comparison
) -> MultiTaskEstimator:
    """Return a copy with twice the epochs."""
    n_rows = 0
    for data in comparison.evidence.protocol.data:
        n_rows += len(data.splits[0].train)
    copy: MultiTaskEstimator = clone(estimator)
    epochs = resolve_max_epochs(estimator.max_epochs, estimator.batch_size, n_rows)
    copy.set_params(max_epochs=2 * epochs)
    return copy


def _only(arms: Arms, names: Sequence[str]) -> Arms:
    """Return some of the arms; a word for several arms, such as "pairs", stays."""
    if isinstance(arms, Mapping):
        chosen = {name: spec for name, spec in arms.items() if name in names}
        return chosen or arms
    listed = [name for name in arms if name in names]
    return listed or arms


def _rows(
    gains: pd.DataFrame, longer: pd.DataFrame, names: Sequence[str]
) -> list[dict[str, object]]:
    after = longer.set_index(["task", "arm"])
    rows: list[dict[str, object]] = []
    for row in gains[gains["arm"].isin(names)].to_dict("records"):
        place = (row["task"], row["arm"])
        if place not in after.index:
            continue
        verdict = str(after.loc[place, "verdict"])
        rows.append(
            {
                "task": row["task"],
                "arm": row["arm"],
                "gain": float(row["gain"]),
                "verdict": row["verdict"],
                "longer_gain": float(after.loc[place, "gain"]),
                "longer_verdict": verdict,
                "stands": _stands(row["verdict"], verdict),
            }
        )
    return rows


def _stands(verdict: str, longer: str) -> str:
    """Say whether a verdict stands at twice the length."""
    if verdict == longer:
        return "yes"
    if verdict not in SETTLED:
        return "settled by training longer"
    if longer not in SETTLED:
        return "no longer clear"
    return "no"
