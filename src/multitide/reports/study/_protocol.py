"""How a study was made: split, seeds, budget, what each arm saw and took, what failed, and how to repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from multitide.data._splits import Splitter
from multitide.reports._pages import MISSING
from multitide.study import Comparison
from multitide.study.design._study_data import StudyData
from multitide.study.runs._timing import in_words

EFFORT = {
    "n_rows": "training rows",
    "n_labelled_train": "labels in training",
    "n_labelled_validation": "labels in validation",
    "n_parameters": "parameters",
    "n_steps": "optimiser steps",
    "seconds": "seconds",
}


def protocol_items(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the terms of the study, each with what it says."""
    protocol, facts = comparison.evidence.protocol, comparison.facts or {}
    took = ""
    if "seconds" in facts:
        processes = "one process" if facts["n_jobs"] == 1 else f"{facts['n_jobs']} processes"
        took = f"{in_words(float(facts['seconds']))} on {processes}"
    items = [
        *(
            item
            for data in protocol.data
            for item in _data_items(data, facts.get("data", {}).get(data.name, facts))
        ),
        (
            "Seeds",
            f"{len({seed for _, seed, _ in comparison.evidence.run_keys})} networks of every arm on every split",
        ),
        ("Left out", comparison.left_out),
        (
            "Reference",
            f"{comparison.reference}; gains are paired with it, seed by seed and row by row",
        ),
        (
            "Budget",
            "the same optimiser steps, to a whole epoch, and the same patience, in steps, for every network",
        ),
        ("Choices", f"on the validation part; {_keep(comparison)}"),
        ("Figures", "on the test part, which is read once"),
        ("Verdicts", _verdicts(comparison)),
        ("Took", took),
        (
            "Versions",
            ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items()),
        ),
    ]
    return [(term, says) for term, says in items if says]


def _data_items(data: StudyData, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return how a data set was cut, and what it is known by; its name in every term where there are several."""
    sides = [(len(split.train), len(split.validation), len(split.test)) for split in data.splits]
    train, validation, test = (f"{np.mean(n):,.0f}" for n in zip(*sides, strict=True))
    mean = f"{len(sides)} folds, on average " if len(sides) > 1 else ""
    items = [
        ("Samples", f"{facts.get('n_samples', len(data.y)):,}" + _shape(facts)),
        (
            "Split",
            f"{_rule(facts)}{mean}{train} training, {validation} validation and {test} test samples",
        ),
        (
            "Test groups",
            f"{data.test['group'].nunique()}, of samples that resemble each other; intervals are for new groups",
        ),
        ("Data", f"fingerprint {facts['fingerprint']}" if "fingerprint" in facts else ""),
    ]
    return [(f"{term} of {data.name}" if data.name else term, says) for term, says in items]


def effort_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one entry an arm and task: what its fits saw and took, mean over seeds and folds."""
    return [
        row | {"groups": _group_of(comparison, row)} for row in comparison.effort.to_dict("records")
    ]


def arm_settings(comparison: Comparison) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the settings that all networks share, and for each arm those that it has for itself."""
    flat = {arm: _flat(comparison.settings[arm]["settings"]) for arm in comparison.arms}
    networks = [settings for settings in flat.values() if "baseline.name" not in settings]
    common = {
        name: value
        for name, value in (networks[0] if networks else {}).items()
        if all(settings.get(name) == value for settings in networks)
    }
    own = [
        {
            "arm": arm,
            "groups": _groups_in_words(comparison.settings[arm]),
            "settings": {
                name: value for name, value in settings.items() if common.get(name) != value
            },
        }
        for arm, settings in flat.items()
    ]
    return common, own


def failures(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one entry an arm and reason: how many of its fits failed or were not done, and why."""
    runs = comparison.runs
    wrong = runs[runs["status"] != "done"]
    wrong = wrong.assign(reason=wrong["reason"].where(wrong["reason"].notna(), "not done"))
    found = wrong.groupby(["arm", "reason"], sort=False).size()
    n_fits = runs.groupby("arm").size()
    return [
        {"arm": arm, "reason": reason, "n_failed": int(n), "n_fits": int(n_fits[arm])}
        for (arm, reason), n in found.items()
    ]


def heard(comparison: Comparison) -> list[str]:
    """Return what the fits warned of, each once."""
    said = [
        text for fit in comparison.evidence.fits.values() for text in fit.facts.get("warnings", ())
    ]
    return list(dict.fromkeys(said))


def _rule(facts: Mapping[str, Any]) -> str:
    """Return the rule of the split, "by group, column = run; ": what differs from the rule's defaults."""
    rule = facts.get("split")
    if not rule:
        return ""
    usual = Splitter().get_params()
    own = [
        f"{name} = {value}" for name, value in rule.items() if name != "by" and value != usual[name]
    ]
    return f"by {', '.join([str(rule['by']), *own])}; "


def _shape(facts: Mapping[str, Any]) -> str:
    if "n_channels" not in facts:
        return ""
    return f", {facts['n_channels']} channels, up to {facts['n_timepoints']} steps"


def _keep(comparison: Comparison) -> str:
    kinds = [comparison.settings[arm]["settings"].get("keep") for arm in comparison.arms]
    kinds = list(dict.fromkeys(kind for kind in kinds if kind is not None))
    return (
        f"keep = {' or '.join(map(repr, kinds))} chooses the epoch"
        if kinds
        else "no arm has epochs"
    )


def _verdicts(comparison: Comparison) -> str:
    n_arms = len(comparison.arms) - 1
    holm = f", p values adjusted for {n_arms} arms (Holm)" if n_arms > 1 else ""
    return (
        f"{comparison.confidence:.0%} intervals over seeds and test groups, crossed{holm}; the margin is "
        f"{comparison.margin:.3g} of the trivial loss; fewer than 5 seeds x folds or 10 test groups: cannot tell"
    )


def _group_of(comparison: Comparison, row: Mapping[str, Any]) -> str:
    """Return the tasks that are learned with this one."""
    spec = comparison.settings[row["arm"]]
    pairs = zip(spec["groups"], spec.get("answers", spec["groups"]), strict=True)
    return ", ".join(next((group for group, answered in pairs if row["task"] in answered), []))


def _groups_in_words(spec: Mapping[str, Any]) -> list[str]:
    """Return each group's tasks, and which of them it answers where that is not all."""
    pairs = zip(spec["groups"], spec.get("answers", spec["groups"]), strict=True)
    return [
        ", ".join(group) + (f" (answers {', '.join(answered)})" if group != answered else "")
        for group, answered in pairs
    ]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as "backbone.filters": "[32, 32]"."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = (
                value if isinstance(value, str) else json.dumps(value, default=repr)
            )
    return flat


def shown(value: Any) -> str:
    """Return a number of the effort table: whole where it is large, a dash where there is none."""
    if pd.isna(value):
        return MISSING
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.1f}"
