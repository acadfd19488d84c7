"""Gains: how much less loss than the reference arm, with intervals and verdicts; + is better."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._checks import check_choice
from multitide._weighted_mean import weighted_mean
from multitide.errors import ParameterError
from multitide.study.design._study_data import StudyData
from multitide.study.results._evidence import Evidence
from multitide.study.results._metric_pairs import paired_table
from multitide.study.results._statistics import (
    Gain,
    GainTable,
    among_other_groups,
    estimate,
    mean_table,
    row_table,
)
from multitide.study.results._trained_to_the_end import (
    last_falls,
    mean_falls,
    withhold_unfinished,
)
from multitide.study.results._verdicts import Verdict, judge
from multitide.tasks._metric_table import HIGHER_IS_BETTER
from multitide.tasks._own_metric import Function, Metric

FAILED = "failed"
INTERVAL = ["gain", "low", "high", "p", "standard_error"]
DOUBT = ["doubt"]
UNFINISHED = ["unfinished"]
COUNTS = ["n_seeds", "n_folds", "n_groups", "effective_groups", "n_labelled"]
PARTS = ["seed_part", "group_part", "residual_part", "fold_part"]
VERDICT = ["p_adjusted", "verdict", "more_seeds", "more_labels", "advice"]
COLUMNS = ["task", "arm", *INTERVAL, *VERDICT, *UNFINISHED, *DOUBT, *COUNTS, *PARTS]
METRIC_COLUMNS = ["task", "arm", *INTERVAL, *DOUBT, *COUNTS, *PARTS]

Row = dict[str, object]
# By task and arm; None if it has no seed in common with the others.
Tables = Mapping[tuple[str, str], GainTable | None]
ALL_TASKS = ""  # in place of a task: the mean gain over all


def gain_rows(
    evidence: Evidence,
    margin: float,
    confidence: float,
    baselines: Collection[str] = (),
) -> pd.DataFrame:
    """Compare every arm with the reference on every task, in units of the trivial loss.

    Parameters
    ----------
    evidence : Evidence
    margin, confidence : float
        As in :func:`multitide.compare`.
    baselines : collection of str
        Arms whose p values are adjusted among themselves. That a constant is worse says nothing
        about networks.

    Returns
    -------
    DataFrame
        One row per task and arm: ``gain``, ``low``, ``high``, ``p``, ``p_adjusted`` (for the number
        of arms and tasks, see :func:`multitide.study.results._verdicts.judge`), ``verdict``
        ("helps", "hurts", "same", "cannot tell" or "failed"), ``more_seeds``, ``more_labels`` and
        ``advice`` (what would give a verdict), ``unfinished`` (the arms that were not trained to
        the end, so that there is no verdict), ``doubt`` (what is uneven about the test groups), the
        counts that it is based on, and the parts of its variance.
    """
    tables = {}
    for task in evidence.protocol.names:
        for arm in _compared_arms(evidence, [task]):
            tables[task, arm] = loss_table(evidence, arm, task)
    gains = _judged(evidence, tables, margin, confidence, baselines)
    return withhold_unfinished(gains, last_falls(evidence), evidence.reference, margin)


def mean_gain_rows(
    evidence: Evidence,
    margin: float,
    confidence: float,
    baselines: Collection[str] = (),
) -> pd.DataFrame:
    """Compare every arm that has all tasks with the reference by the mean gain over tasks.

    Returns
    -------
    DataFrame
        One row per arm: the columns of :func:`gain_rows` without ``task``, and ``mean_rank`` (1 is
        the least loss of all arms).
    """
    arms = _compared_arms(evidence, evidence.protocol.names)
    tables = {}
    for arm in arms:
        tables[ALL_TASKS, arm] = _mean_over_tasks(evidence, arm)
    table = _judged(evidence, tables, margin, confidence, baselines)
    falls = mean_falls(last_falls(evidence), ALL_TASKS)
    table = withhold_unfinished(table, falls, evidence.reference, margin)
    table = table.drop(columns="task")
    return table.assign(mean_rank=table["arm"].map(mean_ranks(evidence)))


def metric_gain_rows(
    evidence: Evidence,
    metric: str | Metric | Function,
    confidence: float,
    task: str | None = None,
) -> pd.DataFrame:
    """Compare every arm with the reference by any metric.

    Metrics that are no mean over samples take the jackknife.

    Parameters
    ----------
    evidence : Evidence
    metric : str, Metric or callable
    confidence : float
    task : str, optional
        Only this one; needed for a metric of the user.

    Returns
    -------
    DataFrame
        As :func:`gain_rows`, without verdicts, for the tasks that have the metric.
    """
    if not isinstance(metric, (str, Metric)):
        metric = Metric(metric)
    if isinstance(metric, Metric) and task is None:
        raise ParameterError(
            f"`task` must be given with a metric of your own, {metric.name!r}; got None."
        )
    names = evidence.protocol.names
    if task is not None:
        check_choice("task", task, names)
        names = [task]
    if isinstance(metric, str):
        check_choice("metric", metric, [*HIGHER_IS_BETTER])
        having = []
        for name in names:
            known = evidence.targets[name, 0].metric_names
            if metric == "loss" or metric in known:
                having.append(name)
        names = having
    rows: list[Row] = []
    for task in names:
        for arm in _compared_arms(evidence, [task]):
            table = _metric_differences(evidence, arm, task, metric)
            if table is None:
                gain = None
            else:
                gain = _estimate(evidence, table, confidence, task)
            rows.append({"task": task, "arm": arm} | _numbers(evidence, gain))
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def mean_ranks(evidence: Evidence) -> dict[str, float]:
    """Return the mean rank of every arm over the tasks that all arms predict, by mean loss."""
    losses = {}
    for task in evidence.protocol.names:
        means = {}
        for arm in evidence.arm_names:
            means[arm] = _mean_loss(evidence, arm, task)
        if not any(np.isnan(list(means.values()))):
            losses[task] = means
    if not losses:
        return {}
    ranks = pd.DataFrame(losses).rank().mean(axis=1)
    by_arm = {}
    for arm, rank in ranks.items():
        by_arm[str(arm)] = float(rank)
    return by_arm


def loss_table(
    evidence: Evidence, arm: str, task: str, seeds: Sequence[int] | None = None
) -> GainTable | None:
    """Return the paired differences in loss; None if the two arms have no seed in common."""
    return contrast_table(evidence, task, {evidence.reference: 1.0, arm: -1.0}, seeds)


def contrast_rows(
    evidence: Evidence,
    signs: Mapping[str, float],
    margin: float,
    confidence: float,
    arm: str,
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
        What the column ``arm`` contains.
    """
    tables = {}
    for task in evidence.protocol.names:
        tables[task, arm] = contrast_table(evidence, task, signs)
    return _judged(evidence, tables, margin, confidence)


def contrast_table(
    evidence: Evidence,
    task: str,
    signs: Mapping[str, float],
    seeds: Sequence[int] | None = None,
) -> GainTable | None:
    """Return a signed sum of paired losses; None if the arms have no seed in common."""
    if seeds is None:
        seeds = _common_seeds(evidence, list(signs), [task])
    if not seeds:
        return None
    sums = []
    for seed in seeds:
        losses = []
        for arm, sign in signs.items():
            losses.append(sign * evidence.losses(arm, task, seed))
        sums.append(sum(losses))
    data = evidence.protocol.question(task).data
    groups, folds = _groups_and_folds(evidence, data)
    return row_table(
        np.stack(sums), groups, folds, data.n_groups, evidence.weights(task)
    )


def _mean_over_tasks(evidence: Evidence, arm: str) -> GainTable | None:
    protocol = evidence.protocol
    seeds = _common_seeds(evidence, [evidence.reference, arm], protocol.names)
    if not seeds:
        return None
    # Different data sets have different groups, so each data set's groups are numbered after those
    # of the data sets before it.
    n_before = 0
    n_after = sum(data.n_groups for data in protocol.data)
    tables = []
    for data in protocol.data:
        n_after -= data.n_groups
        for question in protocol.questions:
            if question.data.name != data.name:
                continue
            table = loss_table(evidence, arm, question.name, seeds)
            if table is not None:
                tables.append(among_other_groups(table, n_before, n_after))
        n_before += data.n_groups
    return mean_table(tables)


def _metric_differences(
    evidence: Evidence, arm: str, task: str, metric: str | Metric
) -> GainTable | None:
    """Return the paired differences of a metric, signed so that + is better."""
    if metric == "loss":
        return loss_table(evidence, arm, task)
    seeds = _common_seeds(evidence, [evidence.reference, arm], [task])
    if not seeds:
        return None
    level = None
    if isinstance(metric, str):
        level = evidence.targets[task, 0].level_of(metric)
    pairs = []
    for seed in seeds:
        reference = evidence.measured(evidence.reference, task, seed)
        pairs.append((evidence.measured(arm, task, seed), reference))
    data = evidence.protocol.question(task).data
    groups, folds = _groups_and_folds(evidence, data, evidence.labelled(task))
    return paired_table(metric, level, pairs, groups, folds, data.n_groups)


def _groups_and_folds(
    evidence: Evidence, data: StudyData, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the group and the fold of the test samples; no folds with a single split."""
    if rows is None:
        test = data.test
    else:
        test = data.test[rows]
    if evidence.protocol.n_folds > 1:
        folds = test["fold"].to_numpy()
    else:
        folds = None
    return test["group"].to_numpy(), folds


def _judged(
    evidence: Evidence,
    tables: Tables,
    margin: float,
    confidence: float,
    baselines: Collection[str] = (),
) -> pd.DataFrame:
    """Return the gains with their verdicts; baselines are judged apart from networks."""
    gains = {}
    for place, table in tables.items():
        if table is not None:
            gains[place] = _estimate(evidence, table, confidence, place[0])
    verdicts: dict[tuple[str, str], Verdict] = {}
    for are_baselines in (False, True):
        family = {}
        for place, gain in gains.items():
            if (place[1] in baselines) == are_baselines:
                family[place] = gain
        judged = judge(list(family.values()), margin, confidence)
        verdicts |= dict(zip(family, judged, strict=True))
    rows = []
    for task, arm in tables:
        numbers = _numbers(evidence, gains.get((task, arm)))
        cells = _verdict_cells(evidence, arm, verdicts.get((task, arm)))
        rows.append({"task": task, "arm": arm, "unfinished": ""} | numbers | cells)
    return pd.DataFrame(rows, columns=COLUMNS)


def _estimate(
    evidence: Evidence, table: GainTable, confidence: float, task: str
) -> Gain:
    """Return the gain on one task, or the mean gain over all."""
    if task == ALL_TASKS:
        test_to_train = evidence.protocol.test_to_train
    else:
        test_to_train = evidence.protocol.question(task).data.test_to_train
    return estimate(table, confidence=confidence, test_to_train=test_to_train)


def _numbers(evidence: Evidence, gain: Gain | None) -> Row:
    if gain is None:
        missing: Row = dict.fromkeys([*INTERVAL, *PARTS], np.nan)
        return missing | dict.fromkeys(COUNTS, 0) | {"doubt": ""}
    names = [*INTERVAL, *PARTS, *DOUBT, "n_seeds", "n_groups", "effective_groups"]
    row: Row = {}
    for name in names:
        row[name] = getattr(gain, name)
    return row | {"n_folds": evidence.protocol.n_folds, "n_labelled": gain.n_rows}


def _verdict_cells(evidence: Evidence, arm: str, verdict: Verdict | None) -> Row:
    if verdict is not None:
        cells = {}
        for name in VERDICT:
            cells[name] = getattr(verdict, name)
        return cells
    reasons = (
        evidence.failures(arm) or evidence.failures(evidence.reference) or ["not run"]
    )
    row: Row = dict.fromkeys(("p_adjusted", "more_seeds", "more_labels"), np.nan)
    return row | {"verdict": FAILED, "advice": "; ".join(reasons)}


def _compared_arms(evidence: Evidence, tasks: Sequence[str]) -> list[str]:
    """Return the arms other than the reference that have all these tasks, failed ones too."""
    others = evidence.arm_names[1:]
    arms = []
    for arm in others:
        if set(tasks) <= set(evidence.tasks_of[arm]):
            arms.append(arm)
    return arms


def _common_seeds(
    evidence: Evidence, arms: Sequence[str], tasks: Sequence[str]
) -> list[int]:
    common: set[int] | None = None
    for arm in arms:
        for task in tasks:
            seeds = set(evidence.seeds(arm, task))
            if common is None:
                common = seeds
            else:
                common = common & seeds
    return sorted(common or ())


def _mean_loss(evidence: Evidence, arm: str, task: str) -> float:
    losses = []
    for seed in evidence.seeds(arm, task):
        own = evidence.losses(arm, task, seed)
        weights = evidence.weights(task)
        if weights is None:
            losses.append(np.nanmean(own))
        else:
            known = ~np.isnan(own)
            losses.append(weighted_mean(own[known], weights[known]))
    if losses:
        return float(np.mean(losses))
    return np.nan
