"""The first screen of a study: what to do, how sure that is, and what changes in plain metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from multitide._toml import toml_text
from multitide.reports._pages import significant
from multitide.study import Comparison
from multitide.study._recommendation import (
    Recommendation,
    recommend,
    recommended_settings,
)
from multitide.study.results._tables import MISSING, verdict_of_row

# Metrics that are shares of the samples, which people read in percent.
IN_PERCENT = ("accuracy", "balanced_accuracy", "exact_match")


@dataclass(frozen=True)
class Change:
    """What one task gains, in the metric that people use.

    Attributes
    ----------
    task, metric : str
    before, after : str
        With the reference, and with the arm.
    change : str
        The difference with its interval.
    verdict : str
        One of those of the gain in loss, which decides.
    in_words : str
        The verdict in words.
    """

    task: str
    metric: str
    before: str
    after: str
    change: str
    verdict: str
    in_words: str


@dataclass(frozen=True)
class Answer:
    """What the first screen says.

    Attributes
    ----------
    words, confidence : str
    arm : str
        Whose changes are shown.
    changes : list of Change
    mean_gain : str
        The mean gain over tasks; "" with a single task.
    config : str
        The lines of a configuration that train it; "" if one fit cannot.
    """

    words: str
    confidence: str
    arm: str
    changes: list[Change]
    mean_gain: str
    config: str

    @property
    def table(self) -> pd.DataFrame:
        """The changes as text."""
        rows = []
        for change in self.changes:
            rows.append(
                {
                    "task": change.task,
                    "metric": change.metric,
                    "before": change.before,
                    "after": change.after,
                    "change": change.change,
                    "verdict": change.in_words,
                }
            )
        return pd.DataFrame(rows)


def make_answer(comparison: Comparison) -> Answer:
    """Return what the first screen says of a study."""
    recommendation = recommend(comparison)
    arm = _shown_arm(comparison, recommendation)
    settings = recommended_settings(comparison, recommendation)
    return Answer(
        words=recommendation.in_words,
        confidence=recommendation.confidence_in_words,
        arm=arm,
        changes=_changes(comparison, arm),
        mean_gain=_mean_gain(comparison, arm),
        config="" if settings is None else toml_text(settings).strip(),
    )


def _shown_arm(comparison: Comparison, recommendation: Recommendation) -> str:
    """Return the arm that is followed, or the first one if it is better to stay."""
    if recommendation.arm != comparison.reference:
        return recommendation.arm
    others = [arm for arm in comparison.arms[1:] if arm not in comparison.baselines]
    return next(iter(others or comparison.arms[1:]))


def _changes(comparison: Comparison, arm: str) -> list[Change]:
    gains = comparison.gains[comparison.gains["arm"] == arm]
    in_metrics: dict[str, pd.DataFrame] = {}
    changes = []
    for row in gains.to_dict("records"):
        task = row["task"]
        metric = comparison.evidence.targets[task, 0].metric_names[0]
        if metric not in in_metrics:
            in_metrics[metric] = comparison.gains_in(metric)
        table = in_metrics[metric]
        of_task = table[(table["task"] == task) & (table["arm"] == arm)]
        figures = comparison.figures
        figures = figures[(figures["task"] == task) & (figures["metric"] == metric)]
        means = figures.set_index("arm")["mean"]
        changes.append(
            Change(
                task=task,
                metric=metric.replace("_", " "),
                before=_level(metric, means.get(comparison.reference, math.nan)),
                after=_level(metric, means.get(arm, math.nan)),
                change=_difference(metric, figures, of_task),
                verdict=row["verdict"],
                in_words=verdict_of_row(row, comparison.margin),
            )
        )
    return changes


def _level(metric: str, value: float) -> str:
    if math.isnan(value):
        return MISSING
    if metric in IN_PERCENT:
        return f"{100 * value:.1f} %"
    return significant(value)


def _difference(metric: str, figures: pd.DataFrame, gains: pd.DataFrame) -> str:
    """Return the change of a metric with its interval; a lower RMSE is a negative change."""
    if gains.empty or math.isnan(gains["gain"].iloc[0]):
        return MISSING
    sign = 1 if figures["higher_is_better"].iloc[0] else -1
    row = gains.iloc[0]
    ends = sorted((sign * row["low"], sign * row["high"]))
    change = sign * row["gain"]
    if metric in IN_PERCENT:
        return (
            f"{_with_ends(100 * change, 100 * ends[0], 100 * ends[1], '+.1f')} points"
        )
    return _with_ends(change, ends[0], ends[1], _form(ends[1] - ends[0]))


def _with_ends(value: float, low: float, high: float, form: str) -> str:
    """Return a number with its interval, if there is one."""
    if math.isnan(low) or math.isnan(high):
        return f"{value:{form}}"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def _form(width: float) -> str:
    """Return a form with as many decimals as give half an interval two significant digits."""
    if not width > 0:
        return "+.2g"
    decimals = 1 - math.floor(math.log10(width / 2))
    return f"+.{max(0, decimals)}f"


def _mean_gain(comparison: Comparison, arm: str) -> str:
    means = comparison.mean_gains
    row = means[means["arm"] == arm]
    if len(comparison.questions) < 2 or row.empty or math.isnan(row["gain"].iloc[0]):
        return ""
    gain, low, high = row[["gain", "low", "high"]].iloc[0]
    words = f"Mean over tasks: {gain:+.2f} of the loss of a constant prediction"
    if not math.isnan(low):
        words += f" [{low:+.2f}, {high:+.2f}]"
    return f"{words}; plus is better."
