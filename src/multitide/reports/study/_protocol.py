"""How a study was made: split, seeds, budget, settings and cost of each arm, and what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide._budget import in_words
from multitide._checks import counted, named_values
from multitide.data._splitter import Splitter
from multitide.reports._pages import Row
from multitide.study import Comparison
from multitide.study.design._study_data import StudyData
from multitide.study.results._tables import MISSING

EFFORT = {
    "arm": "arm",
    "task": "task",
    "n_rows": "training rows",
    "n_labelled_train": "labels in training",
    "n_labelled_validation": "labels in validation",
    "n_parameters": "parameters",
    "n_steps": "optimiser steps",
    "seconds": "seconds",
}


@dataclass(frozen=True)
class ArmSettings:
    """What makes an arm: its groups of tasks, and the settings that not all networks share."""

    arm: str
    groups: list[str]
    settings: dict[str, str]


@dataclass(frozen=True)
class Failure:
    """How many fits of an arm failed or were not run, for one reason."""

    arm: str
    reason: str
    n_failed: int
    n_fits: int


def protocol_items(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (term, description) pairs."""
    facts = comparison.facts or {}
    seeds = set()
    for _, seed, _ in comparison.evidence.run_keys:
        seeds.add(seed)
    versions = facts.get("versions", {})
    items = []
    for data in comparison.evidence.protocol.data:
        items += _data_items(data, facts.get("data", {}).get(data.name, facts))
    items += [
        ("Seeds", f"{len(seeds)} networks per arm and split"),
        ("Looks", str(facts.get("looks", ""))),
        ("Longer training", str(facts.get("longer_words", ""))),
        ("Skipped", comparison.left_out),
        (
            "Reference",
            f"{comparison.reference}; gains are paired with it by seed and test sample",
        ),
        (
            "Budget",
            "the same number of optimiser steps, "
            "rounded up to a whole epoch, and the "
            "same patience in steps for every network",
        ),
        ("Model selection", f"on the validation set; {_keep(comparison)}"),
        ("Figures", "on the test set, which is used only once"),
        ("Verdicts", _verdicts(comparison)),
        ("Chance", _chance(comparison)),
        ("Duration", _duration(facts)),
        ("Versions", named_values(versions)),
    ]
    found = []
    for term, words in items:
        if words:
            found.append((term, words))
    return found


def _data_items(data: StudyData, facts: Row) -> list[tuple[str, str]]:
    """Return how a data set was split; with several data sets each term names it."""
    sizes = []
    for split in data.splits:
        sizes.append((len(split.train), len(split.validation), len(split.test)))
    train, validation, test = np.mean(sizes, axis=0)
    if len(sizes) > 1:
        mean = f"{len(sizes)} folds, on average "
    else:
        mean = ""
    n_groups = data.test["group"].nunique()
    items = [
        ("Samples", f"{facts.get('n_samples', len(data.y)):,}{_shape(facts)}"),
        (
            "Split",
            f"{_rule(facts)}{mean}{train:,.0f} "
            f"training, {validation:,.0f} validation "
            f"and {test:,.0f} test samples",
        ),
        ("Test groups", _test_groups(n_groups, len(data.test))),
    ]
    if "fingerprint" in facts:
        items.append(("Data", f"fingerprint {facts['fingerprint']}"))
    if not data.name:
        return items
    named = []
    for term, words in items:
        named.append((f"{term} of {data.name}", words))
    return named


def _test_groups(n_groups: int, n_samples: int) -> str:
    if n_groups == n_samples:
        return f"{n_groups}, one per test sample; intervals hold for new samples"
    return (
        f"{n_groups} groups of correlated test samples; intervals hold for new groups"
    )


def _duration(facts: Row) -> str:
    if "seconds" not in facts:
        return ""
    n_jobs = facts["n_jobs"]
    if n_jobs == 1:
        processes = "one process"
    else:
        processes = f"{n_jobs} processes"
    return f"{in_words(float(facts['seconds']))} on {processes}"


def effort_table(comparison: Comparison) -> pd.DataFrame:
    """Return as text what each network had and cost: one row per arm and task."""
    effort = comparison.effort
    table = {}
    for name, title in EFFORT.items():
        table[title] = effort[name]
    for title in list(EFFORT.values())[2:]:
        table[title] = table[title].map(_count)
    return pd.DataFrame(table)


def _count(number: float) -> str:
    """Return a mean count as text: whole if it is large."""
    if pd.isna(number):
        return MISSING
    if number >= 100 or float(number).is_integer():
        return f"{number:,.0f}"
    return f"{number:.1f}"


def arm_settings(comparison: Comparison) -> tuple[dict[str, str], list[ArmSettings]]:
    """Return the settings that all networks share, and for each arm its own."""
    flat = {}
    for arm, spec in comparison.settings.items():
        flat[arm] = _flat(spec["settings"])
    networks = []
    for arm, settings in flat.items():
        is_mixture = "members" in comparison.settings[arm]["settings"]
        if "baseline.name" not in settings and not is_mixture:
            networks.append(settings)
    common = _in_common(networks)
    own = []
    for arm, settings in flat.items():
        groups = []
        for tasks in comparison.settings[arm]["groups"]:
            groups.append(", ".join(tasks))
        differ = {}
        for name, text in settings.items():
            if common.get(_of_member(name)) != text:
                differ[name] = text
        own.append(ArmSettings(arm, groups, differ))
    return common, own


def _of_member(name: str) -> str:
    """Return "lr" for "members.first.lr", a setting of an ensemble; other names as they are."""
    if not name.startswith("members."):
        return name
    return name.split(".", 2)[-1]


def _in_common(networks: list[dict[str, str]]) -> dict[str, str]:
    if not networks:
        return {}
    common = {}
    for name, text in networks[0].items():
        if all(settings.get(name) == text for settings in networks):
            common[name] = text
    return common


def failures(comparison: Comparison) -> list[Failure]:
    """Return how many fits of each arm failed or were not run, and why."""
    runs = comparison.runs
    wrong = runs[runs["status"] != "done"]
    wrong = wrong.assign(reason=wrong["reason"].fillna("not run"))
    n_fits = runs.groupby("arm").size()
    failed = []
    for (arm, reason), n_failed in (
        wrong.groupby(["arm", "reason"], sort=False).size().items()
    ):
        failed.append(Failure(arm, reason, int(n_failed), int(n_fits[arm])))
    return failed


def fit_warnings(comparison: Comparison) -> list[str]:
    """Return the warnings of the fits, each once, after the arms with fits that diverged."""
    texts: dict[str, None] = dict.fromkeys(comparison.evidence.diverged())
    for fit in comparison.evidence.fits.values():
        texts |= dict.fromkeys(fit.facts.get("warnings", ()))
    return list(texts)


def _rule(facts: Row) -> str:
    """Return the rule of the split with its non-default settings: "by group, column = run; "."""
    rule = facts.get("split")
    if not rule:
        return ""
    defaults = Splitter().get_params()
    words = [str(rule["by"])]
    for name, value in rule.items():
        if name != "by" and value != defaults[name]:
            words.append(f"{name} = {value}")
    if words == ["random"]:
        return "at random; "
    return f"by {', '.join(words)}; "


def _shape(facts: Row) -> str:
    if "n_channels" not in facts:
        return ""
    channels = counted(facts["n_channels"], "channel")
    return f", {channels}, up to {counted(facts['n_timepoints'], 'time step')}"


def _keep(comparison: Comparison) -> str:
    kinds: dict[str, None] = {}
    for arm in comparison.arms:
        keep = comparison.settings[arm]["settings"].get("keep")
        if keep is not None:
            kinds[repr(keep)] = None
    if not kinds:
        return "no arm is trained in epochs"
    return f"keep = {' or '.join(kinds)} selects the epoch"


def _verdicts(comparison: Comparison) -> str:
    n_networks = len(comparison.arms) - 1 - len(comparison.baselines)
    n_gains = n_networks * len(comparison.questions)
    if n_gains > 1:
        adjusted = f", p values adjusted for the {n_gains} gains of networks (Benjamini-Hochberg)"
    else:
        adjusted = ""
    return (
        f"{comparison.confidence:.0%} intervals over "
        f"seeds and test groups, crossed{adjusted}; "
        f"the margin is {comparison.margin:.3g} of the trivial loss; "
        "below 5 seeds x folds or 10 test "
        "groups (3 of similar size) the verdict is “cannot tell”"
    )


def _chance(comparison: Comparison) -> str:
    """Say which sources of chance the intervals hold for."""
    if comparison.evidence.protocol.n_folds > 1:
        return (
            "the intervals hold for new networks, new test groups and new training sets of this "
            "size, because every fold has a training set of its own"
        )
    return (
        "the intervals hold for new networks and new test groups, but for this one training set: "
        "another one may give another gain. Cross-validation and label curves include that"
    )


def _flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Return nested settings as "backbone.filters": "[32, 32]"."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            flat[prefix + name] = value
        else:
            flat[prefix + name] = json.dumps(value, default=repr)
    return flat
