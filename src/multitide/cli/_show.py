"""Results as tables: columns, tasks, splits and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import pandas as pd

from multitide.cli._terminal import bold, say, show_note, show_table, show_warning

if TYPE_CHECKING:
    from multitide.config._prepare import Prepared
    from multitide.data._samples import Samples
    from multitide.data._split_data import SplitData

ROLES = ("task", "channel", "static", "series", "time", "weight", "extra")
MOST_CLASSES = 5


def show_data(prepared: Prepared) -> None:
    """Show how every data set was read and split."""
    from multitide.data._how_split import how_split

    for data in prepared.data:
        if data.name:
            show_heading(f"Data set {data.name}")
        show_reading(data.samples.reading)
        show_channels(data.samples)
        described = prepared.describe_tasks(data)
        show_tasks(described)
        splitter = prepared.config.section(data.name).splitter(data.samples)
        counts = data.split.counts(data.samples.y).rename_axis("task").reset_index()
        show_table(counts, f"Labelled samples per set, split {how_split(splitter)}")
        classes = described.loc[described["kind"] == "classification", "task"]
        for sentence in one_sided_classes(data, list(classes)):
            show_warning(sentence)


def one_sided_classes(data: SplitData, tasks: Sequence[str]) -> list[str]:
    """Name classes without a label in the training set, or without one in the test set."""
    sentences = []
    for task in tasks:
        labels = data.samples.y[task]
        in_training = _distinct(labels.iloc[data.split.train])
        in_test = _distinct(labels.iloc[data.split.test])
        never_seen = sorted(_distinct(labels) - in_training, key=str)
        if never_seen:
            sentences.append(
                f"Task {task!r}: "
                f"no label of {_listed(never_seen)} "
                "in the training set: "
                "it is never predicted."
            )
        not_tested = sorted(in_training - in_test, key=str)
        if not_tested:
            sentences.append(
                f"Task {task!r}: "
                f"no label of {_listed(not_tested)} in the test set: "
                "it is not evaluated."
            )
    return sentences


def _distinct(labels: pd.Series) -> set[object]:
    return set(labels.dropna().unique())


def _listed(classes: Sequence[object]) -> str:
    if len(classes) == 1:
        return f"class {classes[0]}"
    names = ", ".join(map(str, classes[:MOST_CLASSES]))
    return f"classes {names}" + (", ..." if len(classes) > MOST_CLASSES else "")


def show_reading(reading: Mapping[str, object] | None) -> None:
    """Show the role of every column, and what was assumed."""
    if not reading or not reading["columns"]:
        return
    columns = pd.DataFrame(reading["columns"])
    keys = ["role", "table", "why"]
    groups = columns.groupby(keys, sort=False)["column"].agg(", ".join).reset_index()
    groups = groups.sort_values("role", key=lambda roles: roles.map(_place))
    shown = ["role", "column"]
    if groups["table"].nunique() > 1:
        shown.append("table")
    if groups["why"].any():
        shown.append("why")
    show_table(groups[shown], "Columns")
    for sentence in cast("list[str]", reading["assumed"]):
        show_note(sentence)


def show_channels(samples: Samples) -> None:
    """Show the channels with missing cells, a single value or a sentinel."""
    from multitide.data._channel_facts import channel_facts

    facts = channel_facts(samples)
    if not len(facts):
        return
    shares = [f"{share:.1%}" for share in facts["share"]]
    shown = facts.assign(share=shares)
    if not facts["note"].any():
        shown = shown.drop(columns="note")
    show_table(shown, f"Missing cells of {len(samples.values):,} rows, and oddities")


def _place(role: str) -> int:
    first = role.split(" ")[0]
    if first in ROLES:
        return ROLES.index(first)
    return len(ROLES)


def show_tasks(described: pd.DataFrame) -> None:
    """Show the kind of each task, and the line of a configuration that changes it."""
    table = described[["task", "kind", "why", "n_labelled", "values", "to_change"]]
    n_samples = described["n_samples"].max()
    names = {"n_labelled": "labelled", "to_change": "to change"}
    show_table(table.rename(columns=names), f"Tasks, {n_samples} samples")


def show_heading(text: str) -> None:
    """Show the heading of the tables that follow."""
    say("\n", bold(text))


def show_metrics(metrics: pd.DataFrame, title: str) -> None:
    """Show each task's metrics next to those of the best constant prediction."""
    from multitide.tasks._metric_table import better_than_trivial, disagreement

    shown = pd.DataFrame(index=metrics.index)
    keys = []
    for name in ("data", "task"):
        if name in metrics:
            keys.append(name)
    for i, name in enumerate(keys, start=1):
        repeated = metrics.duplicated(keys[:i])
        shown[name] = metrics[name].where(~repeated, "")
    shown["metric"] = metrics["metric"]
    shown["value"] = metrics["value"]
    shown["trivial"] = metrics["trivial"]
    shown["better"] = better_than_trivial(metrics)
    shown["labelled"] = (
        metrics["n_labelled"].where(~metrics.duplicated(keys), "").astype("str")
    )
    show_table(shown, title)
    show_note(
        '"trivial" is the best constant '
        "prediction from the training labels; "
        '"loss" is in units of its loss on the training set. '
        'Compare each value with "trivial".'
    )
    if sentence := disagreement(metrics):
        show_note(sentence)


def show_intervals(coverage: pd.DataFrame) -> None:
    """Show how many labels intervals and sets contain, and how wide they are."""
    from multitide.model._intervals import size_sentences, without_size_links

    labelled = coverage["n_labelled"].astype(int).astype(str)
    shown = without_size_links(coverage.assign(n_labelled=labelled)).rename(
        columns={"n_labelled": "labelled", "by_recording": "by recording"}
    )
    show_table(shown, "Intervals and sets")
    for sentence in size_sentences(coverage):
        show_warning(sentence)
    show_note(
        '"coverage" is the share of labels in their interval or set, ideally "level"; "width" is '
        "the mean width of intervals in the units of the label, or the mean number of classes."
    )


def show_next(*lines: tuple[str, str]) -> None:
    """Show the commands to run next, each with what it does."""
    say("")
    for what, command in lines:
        say(what, ":  ", bold(command))
