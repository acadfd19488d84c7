"""``multitide methods``: every part by name, with its paper and its compatible parts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    "task": "Kinds of tasks: [[tasks]] kind",
    "inputs": "Inputs",
    "encoding": "Encodings of channels: [inputs] encodings",
    "representation": "Representations, a vector per series for fc or linear: [inputs] "
    "representation",
    "backbone": "Backbones: from series to features",
    "sharing": "Sharing: which parameters tasks have in common",
    "weighting": "Weightings: combine the losses of the tasks",
    "aggregator": "Aggregators: combine the gradients of the tasks, instead of a weighting",
    "training": "Training",
    "schedule": "Learning rate schedules: [training] schedule",
    "validation": "Validation: the data that choose the epoch",
    "baseline": "Baselines of a comparison: [compare] baselines",
}


def methods(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="Only parts of this kind, e.g. backbone, sharing, weighting."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object per part.")
    ] = False,
) -> None:
    """List every part: what it does, its parameters, its paper, and its compatible parts."""
    from multitide._checks import check_choice
    from multitide.methods import methods as all_methods

    if kind is not None:
        check_choice("kind", kind, TITLES)
    table = all_methods()
    if kind is None:
        chosen = table
    else:
        chosen = table[table["kind"] == kind]
    if as_json:
        typer.echo(json.dumps(chosen.to_dict("records"), ensure_ascii=False, indent=1))
    else:
        _show(chosen)


def _show(table: pd.DataFrame) -> None:
    import pandas as pd

    from multitide.cli._terminal import show_note, show_table
    from multitide.methods import in_words

    for kind, parts in table.groupby("kind", sort=False):
        shown = pd.DataFrame({"name": parts["name"], "what": parts["what"]})
        shown["parameters"] = parts["parameters"].map(_written)
        if parts["goes_with"].map(bool).any():
            shown["goes with"] = parts["goes_with"].map(in_words)
        if parts["papers"].map(bool).any():
            shown["paper"] = parts["papers"].map(_short_papers)
        show_table(shown, TITLES[kind])
    show_note("`goes with` shows only restrictions. For full references, use --json.")


def _short_papers(papers: list[str]) -> str:
    return "\n".join(map(short, papers))


def short(paper: str) -> str:
    """Shorten a reference to authors, year and address."""
    authors = paper.partition(', "')[0].replace(", et al.", " et al.")
    years = re.findall(r"\b(?:19|20)\d\d\b", paper.partition("http")[0])
    address = re.search(r"https?://\S+", paper)
    words = [authors, *years[-1:]]
    if address is not None:
        words.append(address[0].removeprefix("https://"))
    return " ".join(words)


def _written(parameters: dict[str, object]) -> str:
    from multitide.methods import REQUIRED

    lines = []
    for name, value in parameters.items():
        lines.append(name if value == REQUIRED else f"{name} = {value!r}")
    return "\n".join(lines)
