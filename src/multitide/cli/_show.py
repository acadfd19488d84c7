"""Results as tables: what was read and assumed, the tasks, the split, the figures."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.markup import escape

from multitide.cli._terminal import say, show_note, show_table

ROLES = ("task", "channel", "static", "series", "time", "extra")


def show_reading(reading: dict[str, Any] | None) -> None:
    """Show the role of every column, and what was assumed where nobody said it."""
    if not reading or not reading["columns"]:
        return
    columns = pd.DataFrame(reading["columns"])
    order = {role: place for place, role in enumerate(ROLES)}
    groups = (
        columns.groupby(["role", "table", "why"], sort=False)["column"].agg(", ".join).reset_index()
    )
    groups = groups.sort_values(
        "role", key=lambda roles: roles.map(lambda role: order.get(role.split(" ")[0], 9))
    )
    shown = groups[["role", "column", *(["table"] if groups["table"].nunique() > 1 else []), "why"]]
    show_table(shown.drop(columns="why") if not shown["why"].any() else shown, "Columns")
    for sentence in reading["assumed"]:
        show_note(sentence)


def show_tasks(described: pd.DataFrame) -> None:
    """Show what each task was taken for, and the line of a configuration that changes it."""
    table = described[["task", "kind", "why", "n_labelled", "values", "to_change"]]
    n_samples = described["n_samples"].max()
    names = {"n_labelled": "labelled", "to_change": "to change"}
    show_table(table.rename(columns=names), f"Tasks, {n_samples} samples")


def show_split(counts: pd.DataFrame, rule: str) -> None:
    """Show how many labelled rows each task has on each side."""
    show_table(
        counts.rename_axis("task").reset_index(), f"Labelled samples on each side, split {rule}"
    )


def show_heading(text: str) -> None:
    """Show whose tables follow."""
    say(f"\n[bold]{escape(text)}[/]")


def show_metrics(metrics: pd.DataFrame, title: str) -> None:
    """Show each task's figures next to those of its best constant."""
    from multitide.tasks._metrics import better_than_trivial

    keys = [name for name in ("data", "task") if name in metrics]
    repeated = {name: metrics.duplicated(keys[: i + 1]) for i, name in enumerate(keys)}
    shown = pd.DataFrame(
        {
            **{name: metrics[name].where(~repeated[name], "") for name in keys},
            "metric": metrics["metric"],
            "value": metrics["value"],
            "trivial": metrics["trivial"],
            "better": better_than_trivial(metrics),
            "labelled": metrics["n_labelled"].where(~repeated["task"], "").astype("str"),
        }
    )
    show_table(shown, title)
    show_note(
        '"trivial" is the best constant answer of the training labels; "loss" is in units of its loss.'
    )


def show_next(*lines: tuple[str, str]) -> None:
    """Show commands to go on with, each with what it does."""
    say("")
    for what, command in lines:
        say(f"{escape(what)}:  [bold]{escape(command)}[/]")
