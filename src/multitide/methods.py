"""Every part by name: what it does, its paper, its parameters, and what goes with what."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import torch

from multitide._checks import check_choice
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

# The parts of a kind, by the word for the kind.
KINDS: dict[str, Mapping[str, type[Part] | Callable[..., Any]]] = {
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
# Kinds of which one part may have no meaning beside a part of another; all others go with
# everything.
MATCHED = ("backbone", "sharing", "weighting", "aggregator")
PLACES = ("parameters", "features")
REQUIRED = "(required)"

# A part as the estimator takes it.
Given = str | Mapping[str, Any] | Part | None


def methods() -> pd.DataFrame:
    """Return one row a part, of every kind that there is.

    Returns
    -------
    DataFrame
        ``kind``; ``name``, as configurations name it; ``what`` it does, a sentence; ``papers``, a
        list of references; ``parameters``, a dict of defaults; ``goes_with``, from
        :func:`goes_with` (empty: it goes with everything).
    """
    rows = []
    for kind, registry in KINDS.items():
        for name, part in registry.items():
            doc = inspect.getdoc(part) or ""
            row = {"kind": kind, "name": name, "what": first_sentence(doc), "papers": papers(doc)}
            matches = goes_with(kind, name) if kind in MATCHED else {}
            rows.append(row | {"parameters": defaults(part), "goes_with": matches})
    return pd.DataFrame(rows)


def goes_with(kind: str, part: Given) -> dict[str, list[str]]:
    """Return which parts of the other kinds have a meaning beside a part, each with its default parameters.

    Parameters
    ----------
    kind : {"backbone", "sharing", "weighting", "aggregator"}
        What the part is.
    part : str, mapping or Part
        A name; a table as in a configuration; or the part itself, ``Hard(branch=1)``.

    Returns
    -------
    dict of str to list of str
        Names by kind; for a sharing that goes with aggregators also ``"aggregator.at"``, the places
        where they can combine the gradients.

    Raises
    ------
    ParameterError
        If there is no such kind or part.
    """
    check_choice("kind", kind, MATCHED)
    mine = {kind: make_part(kind, part)}
    found = {}
    for other in MATCHED:
        if (
            other != kind
        ):  # to build a network is slow, and only these two decide whether it can be built
            reasons = mismatches if {kind, other} == {"backbone", "sharing"} else _rule_problems
            found[other] = [
                name for name in PART_PARAMETERS[other] if not reasons(**mine, **{other: name})
            ]
    if kind == "sharing" and found["aggregator"]:
        found["aggregator.at"] = [
            at for at in PLACES if not _rule_problems(**mine, aggregator=_aggregator(at))
        ]
    return found


def mismatches(**given: Given) -> list[str]:
    """Return why these parts have no meaning together, a sentence a reason; empty where they go together.

    These are the reasons for which ``fit`` refuses them, for two tasks or more.

    Parameters
    ----------
    **given
        Of ``backbone``, ``sharing``, ``weighting`` and ``aggregator`` those that matter, as the
        estimator takes them; the others are the estimator's defaults.

    Raises
    ------
    ParameterError
        If there is no such part.
    """
    backbone = make_part("backbone", given.get("backbone", "lstm_fcn"))
    sharing = make_part("sharing", given.get("sharing", "hard"))
    assert isinstance(backbone, Backbone)
    assert isinstance(sharing, Sharing)
    return _rule_problems(**given) + _build_problems(backbone, sharing)


def first_sentence(doc: str) -> str:
    """Return the first sentence of a docstring in one line, without marks of references and roles."""
    paragraph = re.sub(r" ?\[\d+\]_|:\w+:(?=`)", "", doc.strip().split("\n\n")[0]).replace(
        "\n", " "
    )
    return re.split(r"(?<=[a-z0-9)\]\"`]\.) (?=[A-Z`])", paragraph)[0]


def papers(doc: str) -> list[str]:
    """Return the references of a numpydoc docstring, each in one line."""
    _, _, section = doc.partition("References\n----------\n")
    section = re.split(r"\n\n\S[^\n]*\n-{3,}\n", section)[0]
    entries = re.split(r"^\.\. \[\d+\] ", section, flags=re.MULTILINE)[1:]
    return [re.sub(r"\s+", " ", entry).strip() for entry in entries]


def defaults(part: type[Part] | Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters of a part with their defaults."""
    if not dataclasses.is_dataclass(part):
        return {}
    return {f.name: _default(f) for f in dataclasses.fields(part) if f.init}


def in_words(matches: Mapping[str, list[str]]) -> str:
    """Write what :func:`goes_with` returns: only what is not everything."""
    sizes = {kind: len(KINDS[kind]) for kind in MATCHED} | {"aggregator.at": len(PLACES)}
    said = [_limits(kind, names) for kind, names in matches.items() if len(names) < sizes[kind]]
    return "; ".join(said) or "everything"


def _limits(kind: str, names: list[str]) -> str:
    if not names:
        return f"no {kind}"
    everything = PLACES if kind == "aggregator.at" else KINDS[kind]
    missing = [name for name in everything if name not in names]
    few = len(names) <= len(missing)
    return f"{kind}: only {', '.join(names)}" if few else f"{kind}: not {', '.join(missing)}"


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return REQUIRED if field.default is dataclasses.MISSING else field.default


def _rule_problems(**given: Given) -> list[str]:
    """Return what can be said without building anything."""
    chosen: dict[str, Given] = {
        "sharing": "hard",
        "weighting": "uniform",
        "aggregator": None,
    } | given
    return combination_problems(
        {k: None if part is None else make_part(k, part) for k, part in chosen.items()}
    )


def _aggregator(at: str) -> dict[str, str]:
    return {"name": next(iter(PART_PARAMETERS["aggregator"])), "at": at}


def _build_problems(backbone: Backbone, sharing: Sharing) -> list[str]:
    """Return what a sharing says of a backbone when it builds one for two tasks."""
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay what they were
        try:
            sharing.build(backbone, 1, backbone.min_timepoints, 2)
        except ParameterError as error:
            return str(error).splitlines()
    return []
