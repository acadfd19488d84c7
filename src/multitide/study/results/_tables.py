"""The results of a study as tables of text, with one set of column names for every rendering.

``print``, notebooks, the command, HTML and Markdown lay these tables out. None of them formats a
gain, a loss or a verdict on its own.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from multitide.study.results._trained_to_the_end import NOT_TO_THE_END
from multitide.study.results._verdicts import SAME, is_identical

LOSS_TITLE = "Test loss / trivial loss, mean ± standard deviation over seeds"
MEAN_LOSS_TITLE = "Test loss / trivial loss, mean over seeds"
MEAN = "(mean)"  # in the column "task": the mean gain over tasks
MISSING = "-"
SMALLEST_P = 0.001  # that is written
SAME_FITS = "same fits"


def gain_title(reference: str, confidence: float) -> str:
    """Return the title of a table of gains."""
    unit = "in units of the trivial loss (+ = better)"
    return f"Gain over {reference!r}, {unit}, with {confidence:.0%} intervals"


def gain_table(
    gains: pd.DataFrame,
    mean_gains: pd.DataFrame,
    margin: float,
    *,
    p_values: bool = False,
) -> pd.DataFrame:
    """Return one row per task and arm, and the mean gain over tasks if there are several.

    Parameters
    ----------
    gains, mean_gains : DataFrame
        Of a :class:`multitide.Comparison`. A column ``data`` in `gains` becomes "data set".
    margin : float
        Shown with the verdict "same".
    p_values : bool, default=False
        Whether to add the column "p (adjusted)".

    Returns
    -------
    DataFrame of str
        Columns "task", "arm", "gain", "interval", "verdict", "seeds", "test groups", "test labels".
    """
    if gains["task"].nunique() > 1 and len(mean_gains):
        gains = pd.concat([gains, mean_gains.assign(task=MEAN)], ignore_index=True)
    if "data" in gains:
        table = {"data set": gains["data"]}
    else:
        table = {}
    table |= _judged_columns(gains, margin)
    if p_values:
        table["p (adjusted)"] = gains["p_adjusted"].map(p_value_in_words)
    table["seeds"] = gains["n_seeds"]
    table["test groups"] = gains["n_groups"]
    table["test labels"] = gains["n_labelled"]
    return pd.DataFrame(table).astype(str)


def loss_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the test losses: one row per task, one column per arm after "task"."""
    losses = figures[figures["metric"] == "loss"]
    pairs = zip(losses["mean"], losses["sd"], strict=True)
    cells = losses.assign(cell=[mean_in_words(mean, sd) for mean, sd in pairs])
    table = cells.pivot(index="task", columns="arm", values="cell")
    table = table.reindex(index=losses["task"].unique(), columns=losses["arm"].unique())
    return table.fillna(MISSING).rename_axis(index="task", columns=None).reset_index()


def curve_table(gains: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Return the gains of a :class:`multitide.LabelCurve`, one row per task, arm and share."""
    gains = gains.sort_values("share", kind="stable")
    gains = gains.sort_values(["task", "arm"], kind="stable", key=_by_first_appearance)
    gains = gains.reset_index(drop=True)
    table = _judged_columns(gains, margin)
    table["label share"] = gains["share"].map(share_in_words)
    table["training labels"] = gains["n_train"].map("{:,.0f}".format)
    table["seeds"] = gains["n_seeds"]
    first = ["task", "arm", "label share", "training labels"]
    others = []
    for name in table:
        if name not in first:
            others.append(name)
    return pd.DataFrame(table)[first + others].astype(str)


def loss_table_by_data_set(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the losses of :class:`multitide.Comparisons`: one row per data set and task."""
    cells = losses.map(lambda loss: MISSING if math.isnan(loss) else f"{loss:.3f}")
    table = cells.rename_axis(columns=None).reset_index()
    return table.rename(columns={"data": "data set"})


def standing_table(standing: pd.DataFrame) -> pd.DataFrame:
    """Return the ranking of the arms of :class:`multitide.Comparisons`, best first."""
    counts = ["first", "helps", "hurts", "same", "cannot_tell"]
    means = ["mean_rank", "mean_rank_data", "mean_loss"]
    table = standing.assign(
        **{name: standing[name].map(number_in_words) for name in means}
    )
    titles = {
        "mean_rank": "mean rank over tasks",
        "mean_rank_data": "mean rank over data sets",
        "mean_loss": "mean loss",
        "cannot_tell": "cannot tell",
    }
    return table[["arm", *means, *counts]].rename(columns=titles).astype(str)


def pair_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairwise tests of :class:`multitide.Comparisons`."""
    table = {
        "arm": pairs["arm"],
        "other": pairs["other"],
        "better on": pairs["wins"],
        "worse on": pairs["losses"],
        "median difference": pairs["difference"].map(gain_in_words),
        "p (Holm)": pairs["p_holm"].map(number_in_words),
    }
    return pd.DataFrame(table).astype(str)


def advice_sentences(gains: pd.DataFrame) -> list[str]:
    """Say what would give a verdict on each gain; only once if all need the same."""
    if len(gains) > 1 and gains["advice"].nunique() == 1:
        advice = str(gains["advice"].iloc[0])
        if advice:
            return [f"Every task and arm: {advice}."]
        return []
    rows = gains[["task", "arm", "advice"]].itertuples(index=False)
    return [f"{task}, {arm}: {advice}." for task, arm, advice in rows if advice]


def verdict_in_words(verdict: str, margin: float) -> str:
    """Return a verdict; "same" with the margin."""
    if verdict == SAME:
        return f"same within {margin:.3g}"
    return verdict


def verdict_of_row(row: Mapping[Hashable, Any], margin: float) -> str:
    """Return the verdict of a row of gains; "same fits" where both arms have the same networks."""
    if is_identical(row["gain"], row["standard_error"]):
        return SAME_FITS
    if row.get("unfinished"):
        return NOT_TO_THE_END
    return verdict_in_words(row["verdict"], margin)


def p_value_in_words(p: float) -> str:
    """Return a p value; smaller ones than 0.001 are only as exact as their assumptions."""
    if p < SMALLEST_P:
        return f"< {SMALLEST_P:g}"
    return number_in_words(p)


def gain_in_words(gain: float) -> str:
    """Return a gain with its sign."""
    if math.isnan(gain):
        return MISSING
    return f"{gain:+.3f}"


def interval_in_words(low: float, high: float) -> str:
    """Return an interval; a single seed or test group gives none."""
    if math.isnan(low) or math.isnan(high):
        return MISSING
    return f"{low:+.3f} to {high:+.3f}"


def mean_in_words(mean: float, sd: float) -> str:
    """Return a mean with its standard deviation, which a single seed does not have."""
    if math.isnan(sd):
        return f"{mean:.3f}"
    return f"{mean:.3f} ± {sd:.3f}"


def number_in_words(number: float) -> str:
    """Return a number with three significant digits."""
    if math.isnan(number):
        return MISSING
    return f"{number:.3g}"


def share_in_words(share: float) -> str:
    """Return a share of the labels in percent."""
    return f"{share * 100:g} %"


def aligned(table: pd.DataFrame) -> str:
    """Return a table as plain text, each column as wide as its longest cell."""
    columns = []
    for name in table:
        cells = [str(name), *map(str, table[name])]
        width = max(map(len, cells))
        columns.append([cell.ljust(width) for cell in cells])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def _judged_columns(gains: pd.DataFrame, margin: float) -> dict[str, object]:
    """Return what every table of gains has."""
    ends = zip(gains["low"], gains["high"], strict=True)
    return {
        "task": gains["task"],
        "arm": gains["arm"],
        "gain": gains["gain"].map(gain_in_words),
        "interval": [interval_in_words(low, high) for low, high in ends],
        "verdict": [verdict_of_row(row, margin) for row in gains.to_dict("records")],
    }


def _by_first_appearance(names: pd.Series) -> pd.Series:
    return pd.Series(pd.factorize(names)[0], index=names.index)
