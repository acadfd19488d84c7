"""What to train after a study: which tasks share a network, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from multitide._checks import listed
from multitide._registries import known_name, part_to_config
from multitide.sharing import SHARINGS
from multitide.study._comparison import Comparison
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS, SAME

HIGH, MEDIUM, LOW = "high", "medium", "low"
MOST_NAMED = 6


@dataclass(frozen=True)
class Recommendation:
    """What to train.

    Attributes
    ----------
    arm : str
        Whose gains it is based on; the reference if no arm is better.
    networks : list of list of str
        The tasks of each network.
    measured : bool
        Whether an arm of the study had exactly these networks.
    sure, undecided : list of str
        Tasks for which the study is clear about it, and those for which it cannot tell.
    note : str
        What no grouping of the tasks can have.
    """

    arm: str
    networks: list[list[str]]
    measured: bool
    sure: list[str]
    undecided: list[str]
    note: str = ""

    @property
    def confidence(self) -> str:
        """Return "high", "medium" or "low"."""
        if not self.sure:
            return LOW
        if self.undecided or self.note or not self.measured:
            return MEDIUM
        return HIGH

    @property
    def in_words(self) -> str:
        """What to do, in a sentence."""
        shared = [group for group in self.networks if len(group) > 1]
        own = [group[0] for group in self.networks if len(group) == 1]
        if not shared:
            if len(own) == 1:
                return f"Train {own[0]}."
            return "Train every task in a network of its own."
        if len(shared) == 1 and not own:
            return f"Train {_named(shared[0])} together, in one network."
        parts = []
        for group in shared:
            parts.append(f"train {_named(group)} together")
        if own:
            whose = "its own model" if len(own) == 1 else "a model each"
            parts.append(f"give {_named(own)} {whose}")
        words = "; ".join(parts)
        return f"{words[0].upper()}{words[1:]}."

    @property
    def confidence_in_words(self) -> str:
        """How sure it is, and of what, in sentences."""
        sentences = [f"Confidence: {self.confidence}."]
        if self.sure:
            sentences.append(f"The study is clear about {_named(self.sure)}.")
        if self.undecided:
            sentences.append(f"It cannot tell for {_named(self.undecided)}.")
        if not self.measured:
            sentences.append(
                "No arm had exactly these networks: the gains are those of "
                f"“{self.arm}”. Add them as an arm to measure them."
            )
        if self.note:
            sentences.append(self.note)
        return " ".join(sentences)


def recommend(comparison: Comparison) -> Recommendation:
    """Say what to train.

    Of the arms with a clear gain, the one with the largest gain over tasks is followed, for all
    tasks but those that it hurts, which get a network of their own. Without a clear gain it is the
    reference.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Recommendation
        Of networks; baselines take no part.
    """
    gains = comparison.gains[~comparison.gains["arm"].isin(comparison.baselines)]
    clear = gains[gains["verdict"] == HELPS]
    if clear.empty:
        return _stay(comparison, gains)
    kept_gains = gains[gains["arm"].isin(clear["arm"]) & (gains["verdict"] != HURTS)]
    arm = str(kept_gains.groupby("arm", sort=False)["gain"].sum().idxmax())
    of_arm = gains[gains["arm"] == arm].set_index("task")
    hurt = of_arm.index[of_arm["verdict"] == HURTS].tolist()
    networks = []
    for group in comparison.settings[arm]["groups"]:
        kept = [task for task in group if task not in hurt]
        if kept:
            networks.append(kept)
    networks += [[task] for task in hurt]
    if hurt and all(len(group) == 1 for group in networks):
        return _torn(comparison, of_arm)
    followed = _arm_with(comparison, networks, arm)
    if followed is not None and followed != arm:
        arm = followed
        of_arm = gains[gains["arm"] == arm].set_index("task")
        hurt = of_arm.index[of_arm["verdict"] == HURTS].tolist()
    verdicts = of_arm["verdict"].reindex(_tasks_of(networks))
    alone = set(hurt) if followed is None else set()
    undecided = []
    for task, verdict in verdicts.items():
        if verdict == CANNOT_TELL and task not in alone:
            undecided.append(str(task))
    sure = [task for task in verdicts.index if task not in undecided]
    return Recommendation(arm, networks, followed is not None, sure, undecided)


def _stay(comparison: Comparison, gains: pd.DataFrame) -> Recommendation:
    """Recommend the reference, because no arm is clearly better on any task."""
    reference = comparison.reference
    networks = comparison.settings[reference]["groups"]
    undecided, sure = [], []
    for task in _tasks_of(networks):
        verdicts = set(gains.loc[gains["task"] == task, "verdict"])
        if verdicts and verdicts <= {SAME, HURTS}:
            sure.append(task)
        else:
            undecided.append(task)
    return Recommendation(reference, networks, True, sure, undecided)


def _torn(comparison: Comparison, of_arm: pd.DataFrame) -> Recommendation:
    """Recommend the reference where an arm helps some tasks only with those that it hurts."""
    helped = of_arm.index[of_arm["verdict"] == HELPS].tolist()
    hurt = of_arm.index[of_arm["verdict"] == HURTS].tolist()
    unclear = of_arm.index[of_arm["verdict"] == CANNOT_TELL].tolist()
    sure = [task for task in of_arm.index if task not in unclear]
    networks = comparison.settings[comparison.reference]["groups"]
    note = (
        f"“{of_arm['arm'].iloc[0]}” helps {_named(helped)} but hurts {_named(hurt)}, which it "
        "trains in the same network: follow it if the first matters more."
    )
    return Recommendation(comparison.reference, networks, True, sure, unclear, note)


def _arm_with(
    comparison: Comparison, networks: Sequence[Sequence[str]], arm: str
) -> str | None:
    """Return an arm that trains these networks with the settings of another arm."""
    wanted = {frozenset(group) for group in networks}
    for name in [arm, *comparison.arms]:
        settings = comparison.settings[name]
        groups = {frozenset(group) for group in settings["groups"]}
        if groups == wanted and _same_settings(
            settings["settings"], comparison.settings[arm]["settings"]
        ):
            return name
    return None


def _same_settings(one: dict[str, object], other: dict[str, object]) -> bool:
    """Return whether settings are equal, but for the way of sharing, which groups decide."""
    names = {*one, *other} - {"sharing"}
    return all(one.get(name) == other.get(name) for name in names)


def _tasks_of(networks: Sequence[Sequence[str]]) -> list[str]:
    tasks: list[str] = []
    for group in networks:
        tasks.extend(group)
    return tasks


def _named(tasks: Sequence[str]) -> str:
    if len(tasks) > MOST_NAMED:
        return f"{len(tasks)} tasks"
    return listed(list(tasks))


def recommended_settings(
    comparison: Comparison, recommendation: Recommendation
) -> dict[str, object] | None:
    """Return the parameters of the estimator that train it; None if one fit cannot.

    These are an arm that averages models, one without a task, and networks of several data sets.
    """
    settings = comparison.settings[recommendation.arm]["settings"]
    several = len(comparison.evidence.protocol.data) > 1
    answered = set(_tasks_of(recommendation.networks))
    if (
        several
        or "members" in settings
        or answered != set(comparison.evidence.protocol.names)
    ):
        return None
    common = comparison.settings[comparison.reference]["settings"]
    own: dict[str, object] = {}
    for name, value in settings.items():
        if name != "sharing" and value != common.get(name):
            own[name] = value
    own["sharing"] = _sharing(settings.get("sharing"), recommendation.networks)
    return own


def _sharing(given: object, networks: list[list[str]]) -> dict[str, object] | str:
    """Return the sharing of the arm with these networks; "none" if nothing is shared."""
    if all(len(group) == 1 for group in networks):
        return "none"
    sharing: dict[str, object] = {"name": "hard"}
    known = known_name(SHARINGS, given)
    if known is not None and isinstance(given, dict):
        defaults = part_to_config(SHARINGS, known)
        if known != "none":
            sharing["name"] = known
        for name, value in given.items():
            if value != defaults.get(name):
                sharing[name] = value
    if len(networks) > 1:
        sharing["groups"] = networks
    return sharing
