"""Every part by name: what it does, its paper, its parameters, and its compatible parts."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import pandas as pd

from multitide._checks import check_choice
from multitide._own_random_numbers import own_random_numbers
from multitide._part import Part
from multitide._registries import SPLITTERS
from multitide.backbones._backbone import Backbone
from multitide.encodings import ENCODINGS
from multitide.errors import ParameterError
from multitide.fitting._recipe import PART_PARAMETERS, combination_problems, make_part
from multitide.representations import REPRESENTATIONS
from multitide.sharing import Sharing
from multitide.study.design._baselines import BASELINES
from multitide.tasks import TASKS
from multitide.training._schedule import SCHEDULES

__all__ = ["goes_with", "methods", "mismatches"]

# A part's class, or the function that makes a baseline.
PartClass: TypeAlias = type[Part] | Callable[..., object]
# The parts by kind.
KINDS: dict[str, Mapping[str, PartClass]] = {
    "task": TASKS,
    "inputs": PART_PARAMETERS["inputs"],
    "encoding": ENCODINGS,
    "representation": REPRESENTATIONS,
    "backbone": PART_PARAMETERS["backbone"],
    "sharing": PART_PARAMETERS["sharing"],
    "weighting": PART_PARAMETERS["weighting"],
    "aggregator": PART_PARAMETERS["aggregator"],
    "training": PART_PARAMETERS["training"],
    "schedule": SCHEDULES,
    "validation": SPLITTERS,
    "baseline": BASELINES,
}
# Kinds whose parts may be incompatible with a part of another of these kinds.
MATCHED = ("backbone", "sharing", "weighting", "aggregator")
PLACES = ("parameters", "features")
REQUIRED = "(required)"

# A part as the estimator takes it.
PartLike: TypeAlias = str | Mapping[str, object] | Part | None
# For a backbone that reads shorter series, but cannot be built for them alone.
ENOUGH_STEPS = 64


def methods() -> pd.DataFrame:
    """Return one row per part, of every kind.

    Returns
    -------
    DataFrame
        ``kind``; ``name``, as in a configuration; ``what``, a sentence about the part; ``papers``,
        a list of references; ``parameters``, a dict of defaults; ``goes_with``, from
        :func:`goes_with` (empty if the part is compatible with everything).
    """
    rows = []
    for kind, registry in KINDS.items():
        for name, part in registry.items():
            doc = inspect.getdoc(part) or ""
            rows.append(
                {
                    "kind": kind,
                    "name": name,
                    "what": first_sentence(doc),
                    "papers": papers(doc),
                    "parameters": defaults(part),
                    "goes_with": goes_with(kind, name) if kind in MATCHED else {},
                }
            )
    return pd.DataFrame(rows)


def goes_with(kind: str, part: PartLike) -> dict[str, list[str]]:
    """Return which parts of the other kinds, with default parameters, a part can be combined with.

    Parameters
    ----------
    kind : {"backbone", "sharing", "weighting", "aggregator"}
        The kind of the part.
    part : str, mapping or Part
        A name, a table as in a configuration, or a part such as ``Hard(branch=1)``.

    Returns
    -------
    dict of str to list of str
        Names by kind. For a sharing that can be combined with aggregators, also
        ``"aggregator.at"``: where they can combine the gradients.

    Raises
    ------
    ParameterError
        If the kind or the part is unknown.
    """
    check_choice("kind", kind, MATCHED)
    mine: dict[str, PartLike] = {kind: make_part(kind, part)}
    matches: dict[str, list[str]] = {}
    for other in MATCHED:
        if other == kind:
            continue
        # Building a network is slow, and only these two decide whether it can be built.
        if {kind, other} == {"backbone", "sharing"}:
            problems_of = mismatches
        else:
            problems_of = _rule_problems
        matches[other] = []
        for name in PART_PARAMETERS[other]:
            if not problems_of(**{**mine, other: name}):
                matches[other].append(name)
    if kind == "sharing" and matches["aggregator"]:
        matches["aggregator.at"] = []
        for at in PLACES:
            if not _rule_problems(**mine, aggregator=_aggregator(at)):
                matches["aggregator.at"].append(at)
    return matches


def mismatches(**given: PartLike) -> list[str]:
    """Return why these parts cannot be combined, one sentence per reason; empty if they can.

    ``fit`` refuses them for these reasons if there are two tasks or more.

    Parameters
    ----------
    **given
        Any of ``backbone``, ``sharing``, ``weighting`` and ``aggregator``, as the estimator takes
        them. The others are the estimator's defaults.

    Raises
    ------
    ParameterError
        If a part is unknown.
    """
    backbone = make_part("backbone", given.get("backbone", "auto"))
    sharing = make_part("sharing", given.get("sharing", "hard"))
    assert isinstance(backbone, Backbone)
    assert isinstance(sharing, Sharing)
    return _rule_problems(**given) + _build_problems(backbone, sharing)


def first_sentence(doc: str) -> str:
    """Return the first sentence of a docstring in one line, without reference marks and roles."""
    paragraph = doc.strip().split("\n\n")[0].replace("\n", " ")
    paragraph = re.sub(r" ?\[\d+\]_|:\w+:(?=`)", "", paragraph)
    return re.split(r"(?<=[a-z0-9)\]\"`]\.) (?=[A-Z`])", paragraph)[0]


def papers(doc: str) -> list[str]:
    """Return the references of a numpydoc docstring, each in one line."""
    _, _, section = doc.partition("References\n----------\n")
    section = re.split(r"\n\n\S[^\n]*\n-{3,}\n", section)[0]
    entries = re.split(r"^\.\. \[\d+\] ", section, flags=re.MULTILINE)[1:]
    lines = []
    for entry in entries:
        lines.append(re.sub(r"\s+", " ", entry).strip())
    return lines


def defaults(part: PartClass) -> dict[str, object]:
    """Return the parameters of a part with their defaults."""
    if not dataclasses.is_dataclass(part):
        return {}
    values = {}
    for field in dataclasses.fields(part):
        if field.init:
            values[field.name] = _default(field)
    return values


def in_words(matches: Mapping[str, list[str]]) -> str:
    """Describe the result of :func:`goes_with`, leaving out kinds without a restriction."""
    limits = []
    for kind, names in matches.items():
        everything: tuple[str, ...] = PLACES
        if kind != "aggregator.at":
            everything = tuple(KINDS[kind])
        missing = []
        for name in everything:
            if name not in names:
                missing.append(name)
        if not names:
            limits.append(f"no {kind}")
        elif missing and len(names) <= len(missing):
            limits.append(f"{kind}: only {', '.join(names)}")
        elif missing:
            limits.append(f"{kind}: not {', '.join(missing)}")
    return "; ".join(limits) or "everything"


def _default(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is not dataclasses.MISSING:
        return field.default
    return REQUIRED


def _rule_problems(**given: PartLike) -> list[str]:
    """Return the problems that can be found without building a network."""
    defaults: dict[str, PartLike] = {
        "sharing": "hard",
        "weighting": "uniform",
        "aggregator": None,
    }
    parts: dict[str, Part | None] = {}
    for kind, part in {**defaults, **given}.items():
        if part is None:
            parts[kind] = None
        else:
            parts[kind] = make_part(kind, part)
    return combination_problems(parts)


def _aggregator(at: str) -> dict[str, str]:
    return {"name": next(iter(PART_PARAMETERS["aggregator"])), "at": at}


def _build_problems(backbone: Backbone, sharing: Sharing) -> list[str]:
    """Return the errors of a sharing that builds this backbone for two tasks."""
    n_timepoints = max(ENOUGH_STEPS, backbone.min_timepoints)
    with own_random_numbers(0):
        try:
            sharing.build(backbone, 1, n_timepoints, 2)
        except ParameterError as error:
            return str(error).splitlines()
    return []
