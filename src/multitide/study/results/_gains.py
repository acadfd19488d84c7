"""Gains: the signed difference to the reference arm, plus = better, with intervals and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import check_choice
from multitide.study.results._evidence import Evidence, figure, is_row_mean, row_values
from multitide.study.results._statistics import (
    Gain,
    GainTable,
    among_others,
    estimate,
    figure_table,
    mean_table,
    row_table,
)
from multitide.study.results._verdicts import Verdict, judge
from multitide.tasks._metrics import HIGHER_IS_BETTER

FAILED = "failed"
INTERVAL = ["gain", "low", "high", "p", "standard_error", "dof"]
COUNTS = ["n_seeds", "n_folds", "n_groups", "n_labelled"]
PARTS = ["seed_part", "group_part", "residual_part", "fold_part"]
VERDICT = ["p_holm", "verdict", "more_seeds", "more_labels", "advice"]
COLUMNS = ["task", "arm", *INTERVAL, *VERDICT, *COUNTS, *PARTS]


def gain_rows(evidence: Evidence, margin: float, confidence: float) -> pd.DataFrame:
    """Compare every arm with the reference on every task, in units of the trivial loss.

    Returns
    -------
    DataFrame
        One row a task and arm: ``gain``, ``low``, ``high``, ``p``, ``p_holm`` (adjusted for the
        arms), ``verdict`` ("helps", "hurts", "same", "cannot tell", or "failed"), ``more_seeds``,
        ``more_labels`` and ``advice`` (what would settle it), what it rests on, and the parts of
        its variance.
    """
    rows = []
    for task in evidence.protocol.names:
        tables = {arm: loss_table(evidence, arm, task) for arm in _answering(evidence, task)}
        rows += _judged(evidence, tables, margin, confidence, task)
    return pd.DataFrame(rows, columns=COLUMNS)


def mean_gain_rows(evidence: Evidence, margin: float, confidence: float) -> pd.DataFrame:
    """Compare every arm that answers all tasks with the reference by the mean gain over tasks, and by mean rank.

    Returns
    -------
    DataFrame
        One row an arm: the columns of :func:`gain_rows` but ``task``, and ``mean_rank`` (1 = least
        loss of all arms).
    """
    arms = _answering(evidence, *evidence.protocol.names)
    tables = {arm: _mean_over_tasks(evidence, arm) for arm in arms}
    table = pd.DataFrame(_judged(evidence, tables, margin, confidence), columns=COLUMNS[1:])
    return table.assign(mean_rank=table["arm"].map(mean_ranks(evidence)))


def metric_gain_rows(evidence: Evidence, metric: str, confidence: float) -> pd.DataFrame:
    """Compare every arm with the reference by any figure; what is no mean over rows takes the jackknife.

    Returns
    -------
    DataFrame
        As :func:`gain_rows`, without verdicts, for the tasks that have the metric.
    """
    check_choice("metric", metric, [*HIGHER_IS_BETTER])
    rows = []
    for task in evidence.protocol.names:
        if metric != "loss" and metric not in evidence.targets[task, 0].metric_names:
            continue
        for arm in _answering(evidence, task):
            table = _metric_table(evidence, arm, task, metric)
            found = None if table is None else _estimate(evidence, table, confidence, task)
            rows.append({"task": task, "arm": arm} | _numbers(evidence, found))
    return pd.DataFrame(rows, columns=["task", "arm", *INTERVAL, *COUNTS, *PARTS])


def mean_ranks(evidence: Evidence) -> dict[str, float]:
    """Return for every arm its mean rank over the tasks that all arms answer, by mean loss."""
    losses = {}
    for task in evidence.protocol.names:
        means = {arm: _mean_loss(evidence, arm, task) for arm in evidence.arm_names}
        if not any(np.isnan(list(means.values()))):
            losses[task] = means
    if not losses:
        return {}
    return {str(arm): float(rank) for arm, rank in pd.DataFrame(losses).rank().mean(axis=1).items()}


def loss_table(
    evidence: Evidence, arm: str, task: str, seeds: Sequence[int] | None = None
) -> GainTable | None:
    """Return the table of paired differences in loss; None if the two arms have no seed in common."""
    return contrast_table(evidence, task, {evidence.reference: 1.0, arm: -1.0}, seeds)


def contrast_rows(
    evidence: Evidence, signs: Mapping[str, float], margin: float, confidence: float, arm: str
) -> pd.DataFrame:
    """Judge any sum of losses on every task, as :func:`gain_rows` judges the difference of two.

    Parameters
    ----------
    evidence : Evidence
    signs : dict of str to float
        For each arm the factor on its loss; they sum to 0.
    margin, confidence : float
        As in :func:`multitide.compare`.
    arm : str
        What the column ``arm`` says.
    """
    rows = []
    for task in evidence.protocol.names:
        tables = {arm: contrast_table(evidence, task, signs)}
        rows += _judged(evidence, tables, margin, confidence, task)
    return pd.DataFrame(rows, columns=COLUMNS)


def contrast_table(
    evidence: Evidence, task: str, signs: Mapping[str, float], seeds: Sequence[int] | None = None
) -> GainTable | None:
    """Return the table of a signed sum of paired losses; None if the arms have no seed in common."""
    seeds = _common_seeds(evidence, list(signs), [task]) if seeds is None else seeds
    if not seeds:
        return None
    sums = [
        sum(sign * evidence.losses(arm, task, seed) for arm, sign in signs.items())
        for seed in seeds
    ]
    data = evidence.protocol.question(task).data
    groups, folds = (data.test[name].to_numpy() for name in ("group", "fold"))
    return row_table(
        np.stack(sums), groups, folds if evidence.protocol.n_folds > 1 else None, data.n_groups
    )


def _mean_over_tasks(evidence: Evidence, arm: str) -> GainTable | None:
    protocol = evidence.protocol
    seeds = _common_seeds(evidence, [evidence.reference, arm], protocol.names)
    tables = []
    for i, data in enumerate(protocol.data):
        # No group is in two data sets: each has numbers of its own, after those of the data sets
        # before it.
        before, after = (
            sum(other.n_groups for other in some)
            for some in (protocol.data[:i], protocol.data[i + 1 :])
        )
        found = [
            loss_table(evidence, arm, q.name, seeds)
            for q in protocol.questions
            if q.data.name == data.name
        ]
        tables += [among_others(table, before, after) for table in found if table is not None]
    return mean_table(tables) if seeds else None


def _metric_table(evidence: Evidence, arm: str, task: str, metric: str) -> GainTable | None:
    """Return the table of paired differences of a figure, signed so that plus is better."""
    if metric == "loss":
        return loss_table(evidence, arm, task)
    seeds = _common_seeds(evidence, [evidence.reference, arm], [task])
    if not seeds:
        return None
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    ours, theirs = (
        [evidence.measured(name, task, seed) for seed in seeds]
        for name in (arm, evidence.reference)
    )
    data = evidence.protocol.question(task).data
    groups, folds = (
        data.test.loc[evidence.labelled(task), name].to_numpy() for name in ("group", "fold")
    )
    folds = folds if evidence.protocol.n_folds > 1 else None

    if is_row_mean(metric, ours[0]):
        pairs = zip(ours, theirs, strict=True)
        rows = np.stack(
            [sign * (row_values(metric, our) - row_values(metric, their)) for our, their in pairs]
        )
        return row_table(rows, groups, folds, data.n_groups)

    def differences(mask: np.ndarray) -> np.ndarray:
        pairs = zip(ours, theirs, strict=True)
        return np.array(
            [
                sign * (figure(metric, our, mask) - figure(metric, their, mask))
                for our, their in pairs
            ]
        )

    return figure_table(differences, groups, folds)


def _judged(
    evidence: Evidence,
    tables: dict[str, GainTable | None],
    margin: float,
    confidence: float,
    task: str | None = None,
) -> list[dict[str, Any]]:
    gains = {
        arm: _estimate(evidence, table, confidence, task)
        for arm, table in tables.items()
        if table is not None
    }
    verdicts = dict(zip(gains, judge(list(gains.values()), margin, confidence), strict=True))
    named = {} if task is None else {"task": task}
    return [
        named
        | {"arm": arm}
        | _numbers(evidence, gains.get(arm))
        | _words(evidence, arm, verdicts.get(arm))
        for arm in tables
    ]


def _estimate(evidence: Evidence, table: GainTable, confidence: float, task: str | None) -> Gain:
    """Return the gain in a task, or the mean gain over all."""
    cut = evidence.protocol if task is None else evidence.protocol.question(task).data
    return estimate(table, confidence=confidence, test_to_train=cut.test_to_train)


def _numbers(evidence: Evidence, gain: Gain | None) -> dict[str, Any]:
    if gain is None:
        return {name: 0 if name in COUNTS else np.nan for name in [*INTERVAL, *COUNTS, *PARTS]}
    counts = {"n_folds": evidence.protocol.n_folds, "n_labelled": gain.n_rows}
    return {
        name: getattr(gain, name) for name in [*INTERVAL, *PARTS, "n_seeds", "n_groups"]
    } | counts


def _words(evidence: Evidence, arm: str, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is not None:
        return {name: getattr(verdict, name) for name in VERDICT}
    reasons = evidence.failures(arm) or evidence.failures(evidence.reference) or ["not run"]
    nothing = dict.fromkeys(("p_holm", "more_seeds", "more_labels"), np.nan)
    return nothing | {"verdict": FAILED, "advice": "; ".join(reasons)}


def _answering(evidence: Evidence, *tasks: str) -> list[str]:
    """Return the arms beside the reference that are asked all these tasks, failed ones too."""
    return [arm for arm in evidence.arm_names[1:] if set(tasks) <= set(evidence.asked[arm])]


def _common_seeds(evidence: Evidence, arms: Sequence[str], tasks: Sequence[str]) -> list[int]:
    sets = [set(evidence.seeds(arm, task)) for arm in arms for task in tasks]
    return sorted(set.intersection(*sets))


def _mean_loss(evidence: Evidence, arm: str, task: str) -> float:
    losses = [np.nanmean(evidence.losses(arm, task, seed)) for seed in evidence.seeds(arm, task)]
    return float(np.mean(losses)) if losses else np.nan
