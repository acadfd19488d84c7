"""The results of a study in sentences: the answer, what was compared, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import pandas as pd
from markupsafe import Markup

from multitide._checks import listed
from multitide._registries import known_name
from multitide.methods import first_sentence
from multitide.reports._pages import Row
from multitide.sharing import SHARINGS
from multitide.study import BASELINES, Comparison
from multitide.study.results._tables import gain_in_words, verdict_in_words

# A sentence is text for Markdown and `Markup` for HTML, whichever the writer of names returns.
Write: TypeAlias = Callable[[str], str]

INTERVAL = "({confidence} interval {low} to {high})"
NO_INTERVAL = "(no interval: that needs several seeds and several test groups)"
SENTENCES = {
    "helps": f"{{arm}} helps {{task}}: the gain over {{reference}} is {{gain}} {INTERVAL}.",
    "hurts": f"{{arm}} hurts {{task}}: the gain over {{reference}} is {{gain}} {INTERVAL}.",
    "same": (
        "{arm} makes no difference to {task}: "
        "the gain over {reference} is "
        f"{{gain}} {INTERVAL}, within the margin of {{margin}}."
    ),
    "cannot tell": (
        "It is unclear whether {arm} helps {task}: "
        "the gain over {reference} is "
        f"{{gain}} {INTERVAL}. "
        f"{{advice}}"
    ),
    "failed": "{arm} has no result for {task}; see “What failed”.",
}
BASELINE_SENTENCES = SENTENCES | {
    "helps": f"{{arm}} is better than {{reference}} on {{task}}: the gain is {{gain}} {INTERVAL}.",
    "hurts": f"{{arm}} is worse than {{reference}} on {{task}}: the gain is {{gain}} {INTERVAL}.",
    "cannot tell": (
        "It is unclear whether {arm} is "
        "better than {reference} on {task}: "
        f"the gain is {{gain}} {INTERVAL}. {{advice}}"
    ),
}
HEADLINES = {
    "helps": "helps",
    "hurts": "hurts",
    "same": "makes no difference to",
    "failed": "failed on",
}
# The arms with a name of their own in a study of several data sets.
SEVERAL_DATA_SETS = {
    "alone": "One network per task and data set: nothing is shared.",
    "per_data_set": "One network per data set, shared by its tasks.",
    "per_task": "One network per task, shared by all data sets that have it.",
}
MAX_NAMED_TASKS = 4
MARKS = {
    "helps": "▲",
    "hurts": "▼",
    "same": "=",
    "cannot tell": "?",
    "failed": "\N{MULTIPLICATION SIGN}",
}


def headlines(comparison: Comparison) -> list[str]:
    """Return what was found: one sentence per network arm, with the tasks it helps, hurts, ...

    Arms without any verdict share the last sentence. Where both arms have the same fits, there is
    nothing to find.
    """
    networks = comparison.gains[
        ~are_baselines(comparison) & ~are_identical(comparison.gains)
    ]
    sentences = []
    unclear: dict[str, list[str]] = {}
    for arm, gains in networks.groupby("arm", sort=False):
        tasks = {}
        for verdict, of_verdict in gains.groupby("verdict", sort=False):
            tasks[str(verdict)] = _named(of_verdict["task"])
        if list(tasks) == ["cannot tell"]:
            unclear.setdefault(tasks["cannot tell"], []).append(f"“{arm}”")
        else:
            sentences.append(_headline(str(arm), tasks))
    for named, arms in unclear.items():
        helps = "helps" if len(arms) == 1 else "help"
        sentences.append(
            f"This study cannot tell whether {listed(arms)} {helps} {named}."
        )
    return sentences


def _headline(arm: str, tasks: Mapping[str, str]) -> str:
    parts = []
    for verdict, words in HEADLINES.items():
        if verdict in tasks:
            parts.append(f"{words} {tasks[verdict]}")
    headline = f"“{arm}” {listed(parts)}"
    if "cannot tell" in tasks:
        headline += f"; for {tasks['cannot tell']} the study cannot tell"
    return f"{headline}."


def _named(tasks: Iterable[str]) -> str:
    """Name a few tasks; count many."""
    names = list(map(str, tasks))
    if len(names) <= MAX_NAMED_TASKS:
        return listed(names)
    return f"{len(names)} tasks"


def compared(comparison: Comparison) -> str:
    """Say in a sentence what was compared with what, how often and on which samples."""
    names = []
    for arm in comparison.arms:
        if arm != comparison.reference:
            names.append(f"“{arm}”")
    seeds = set()
    for _, seed, _ in comparison.evidence.run_keys:
        seeds.add(seed)
    if len(seeds) > 1:
        n_seeds = f"{len(seeds)} seeds"
    else:
        n_seeds = "one seed"
    n_folds = comparison.evidence.protocol.n_folds
    if n_folds > 1:
        folds = f" and {n_folds} folds"
    else:
        folds = ""
    return (
        "Compared: "
        f"{listed(names)} with “{comparison.reference}”, "
        f"each trained with {n_seeds}{folds}, on the "
        f"same {len(comparison.test):,} test samples."
    )


def meanings(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (arm, what it is) for every arm."""
    several = _meanings_of_several(comparison)
    pairs = []
    for arm in comparison.arms:
        pairs.append((arm, several.get(arm) or _meaning(comparison, arm)))
    return pairs


def _meaning(comparison: Comparison, arm: str) -> str:
    settings = comparison.settings[arm]["settings"]
    baseline = known_name(BASELINES, settings.get("baseline"))
    if baseline is not None:
        return first_sentence(BASELINES[baseline].__doc__ or "")
    sharing = known_name(SHARINGS, settings.get("sharing"))
    if sharing is not None and arm in (sharing, comparison.reference):
        return first_sentence(SHARINGS[sharing].__doc__ or "")
    return _groups_in_words(comparison, arm)


def _groups_in_words(comparison: Comparison, arm: str) -> str:
    groups = comparison.settings[arm]["groups"]
    if len(groups) == 1 and len(groups[0]) == len(comparison.questions):
        return "One network for all tasks, with settings of its own; see “Protocol”."
    if all(len(group) == 1 for group in groups):
        return "One network per task, with settings of its own; see “Protocol”."
    networks = []
    for group in groups:
        networks.append(f"one for {_named(group)}")
    return f"{len(networks)} networks: {listed(networks)}."


def _meanings_of_several(comparison: Comparison) -> dict[str, str]:
    protocol = comparison.evidence.protocol
    if len(protocol.data) == 1:
        return {}
    known = {"alone": tuple((name,) for name in protocol.names), **protocol.divisions}
    words = {}
    for arm, divided in known.items():
        groups = []
        for tasks in divided:
            groups.append(list(tasks))
        if arm in comparison.arms and comparison.settings[arm]["groups"] == groups:
            words[arm] = SEVERAL_DATA_SETS[arm]
    return words


def next_steps(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (task, sentence): what to do about each task; once if it is the same for all."""
    words = {}
    is_baseline = are_baselines(comparison)
    for name in comparison.evidence.protocol.names:
        of_task = comparison.gains["task"] == name
        networks = comparison.gains[of_task & ~is_baseline]
        step = _step(networks, comparison.reference)
        words[name] = f"{step} {_best_baseline(comparison, name)}".strip()
    if len(words) > 1 and len(set(words.values())) == 1:
        words = {"All tasks": next(iter(words.values()))}
    steps = []
    for name, text in words.items():
        if text:
            steps.append((name, text))
    return steps


def _step(networks: pd.DataFrame, reference: str) -> str:
    verdicts = {}
    networks = networks[~are_identical(networks)]
    for verdict, rows in networks.groupby("verdict", sort=False):
        verdicts[str(verdict)] = rows
    if "helps" in verdicts:
        best_first = verdicts["helps"].sort_values(
            "gain", ascending=False, kind="stable"
        )
        arms = [f"“{arm}”" for arm in best_first["arm"]]
        return f"Use {' or '.join(arms)}: better than “{reference}”."
    if "cannot tell" in verdicts:
        rows = verdicts["cannot tell"].sort_values("more_seeds", kind="stable")
        nearest = rows["advice"].iloc[0]
        arms = [f"“{arm}”" for arm in rows.loc[rows["advice"] == nearest, "arm"]]
        return f"Undecided for {listed(arms)}. {advice(nearest)}"
    if "same" in verdicts:
        arm = verdicts["same"]["arm"].iloc[0]
        return f"“{arm}” and “{reference}” are equally good; use whichever is cheaper."
    if "hurts" in verdicts:
        return f"Stay with “{reference}”."
    return ""


def _best_baseline(comparison: Comparison, task: str) -> str:
    """Say so if a baseline has a lower test loss than every network."""
    figures = comparison.figures
    losses = figures[(figures["task"] == task) & (figures["metric"] == "loss")]
    if losses["mean"].isna().all():
        return ""
    best = str(losses.loc[losses["mean"].idxmin(), "arm"])
    if not is_baseline(comparison, best):
        return ""
    return f"“{best}”, which is not a neural network, has the lowest test loss of all arms."


def is_baseline(comparison: Comparison, arm: str) -> bool:
    """Return whether an arm is a baseline and not a network."""
    return arm in comparison.baselines


def are_baselines(comparison: Comparison) -> pd.Series:
    """Return which rows of ``comparison.gains`` are those of baselines."""
    return comparison.gains["arm"].isin(comparison.baselines)


def longer_table(comparison: Comparison) -> pd.DataFrame | None:
    """Return the verdicts at twice the length as text; None if nothing was repeated."""
    rows = (comparison.facts or {}).get("longer")
    if not rows:
        return None
    table = pd.DataFrame(rows)
    for name in ("gain", "longer_gain"):
        table[name] = table[name].map(gain_in_words)
    return table.rename(
        columns={
            "longer_gain": "gain at twice the length",
            "longer_verdict": "verdict there",
            "stands": "does it stand?",
        }
    )


def doubts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (tasks and arms, what is uneven about their test groups)."""
    doubtful = comparison.gains[comparison.gains["doubt"] != ""]
    found = []
    for doubt, rows in doubtful.groupby("doubt", sort=False):
        names = []
        for task, of_task in rows.groupby("task", sort=False):
            names.append(f"{task}: {', '.join(of_task['arm'])}")
        found.append(("; ".join(names), str(doubt)))
    return found


def are_identical(gains: pd.DataFrame) -> pd.Series:
    """Return which rows of gains compare the same fits: zero by construction."""
    return (gains["gain"] == 0) & (gains["standard_error"] == 0)


def sentence(row: Row, comparison: Comparison, *, name: Write, number: Write) -> str:
    """Return a sentence about one gain and its verdict.

    Parameters
    ----------
    row : dict
        A row of ``comparison.gains``.
    comparison : Comparison
        The study.
    name : callable
        Writes the name of a task or an arm.
    number : callable
        Writes "gain", "low" or "high" of this row.

    Returns
    -------
    str
        `Markup` if `name` returns it.
    """
    if is_baseline(comparison, row["arm"]):
        forms = BASELINE_SENTENCES
    else:
        forms = SENTENCES
    form = forms[row["verdict"]]
    if math.isnan(row["low"]) or math.isnan(row["high"]):
        form = form.replace(INTERVAL, NO_INTERVAL)
    arm = name(row["arm"])
    if isinstance(arm, Markup):
        form = Markup(form)
    return form.format(
        arm=arm,
        task=name(row["task"]),
        reference=name(comparison.reference),
        margin=f"{comparison.margin:.3g}",
        confidence=f"{comparison.confidence:.0%}",
        advice=advice(row["advice"]),
        gain=number("gain"),
        low=number("low"),
        high=number("high"),
    )


def advice(words: str) -> str:
    """Return the advice of a verdict as a sentence."""
    if not words:
        return ""
    if words.startswith("needs"):
        words = f"It {words}"
    words = words[:1].upper() + words[1:]
    if words.endswith((".", "?", "!")):
        return words
    return f"{words}."


def verdict_words(verdict: str, margin: float) -> str:
    """Return a verdict with its sign."""
    return f"{MARKS[verdict]} {verdict_in_words(verdict, margin)}"
