"""The report of a label curve: gains by label share, as a page and in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from multitide import plot
from multitide._checks import as_path, check_type
from multitide._claim_folder import claim_folder
from multitide._folder_kinds import CURVE_FORMAT
from multitide._result_folder import writable
from multitide.reports._pages import Content, Row, make_environment, write_pages
from multitide.reports._svg import svg
from multitide.reports.study._sentences import verdict_words
from multitide.study._curve import LabelCurve, folder_of
from multitide.study.results._tables import gain_title, share_in_words

PAGE, TEXT = "report.html", "report.md"
UNITS = {
    "series": "whole series keep or lose their labels",
    "sample": "single samples keep or lose their labels",
}


@dataclass(frozen=True)
class TaskSection:
    """The gains of one task, and their figure if there is anything to draw."""

    name: str
    rows: list[Row]
    svg: Markup | None


def write_curve_report(
    curve: LabelCurve, folder: str | Path, *, command: str | None = None
) -> Path:
    """Write the report of a label curve: ``report.html`` and ``report.md``.

    Parameters
    ----------
    curve : LabelCurve
        From :func:`multitide.label_curve`.
    folder : path
        New, empty, or one that holds a label curve; an earlier report in it is replaced. If it
        contains the folders of the single studies with their reports, they are linked.
    command : str, optional
        The command that repeats it. Default: the one that the studies have stored.

    Returns
    -------
    path
        Of ``report.html``.

    Raises
    ------
    StoreError
        If the folder holds anything else, or cannot be written.
    """
    check_type("curve", curve, LabelCurve)
    folder = as_path("folder", folder)
    content = page_content(curve, folder, command)
    environment = make_environment()
    environment.globals["verdict_words"] = verdict_words
    claim_folder(folder, CURVE_FORMAT)
    with writable(folder):
        templates = {TEXT: "curve.md.j2", PAGE: "curve.html.j2"}
        write_pages(folder, content, templates, environment=environment)
    return folder / PAGE


def page_content(curve: LabelCurve, folder: Path, command: str | None) -> Content:
    """Return everything that the templates show."""
    first = next(iter(curve.comparisons.values()))
    studies = []
    for share in curve.shares:
        if (folder_of(folder, share) / PAGE).is_file():
            studies.append(
                (share_in_words(share), f"{folder_of(Path(), share)}/{PAGE}")
            )
    tasks = []
    for task in first.tasks:
        tasks.append(_task(curve.gains, task.name, first.margin))
    return {
        "title": "How many labels does sharing need to pay off?",
        "headlines": curve.sentences(),
        "gain_title": gain_title(first.reference, first.confidence),
        "gains": curve.table(),
        "tasks": tasks,
        "margin": first.margin,
        "reference": first.reference,
        "how": how_hidden(curve),
        "studies": studies,
        "command": command or (first.facts or {}).get("command"),
    }


def how_hidden(curve: LabelCurve) -> str:
    """Say which labels were hidden."""
    if curve.facts.get("together"):
        drawn = "the same for all tasks"
    else:
        drawn = "drawn per task"
    return (
        "Labels of the training and validation "
        "sets were hidden at random: "
        f"{UNITS[curve.facts['unit']]}, {drawn}. "
        "A larger share keeps every label that a smaller one keeps. "
        f"The test set keeps all of its labels. {_draws(curve)}"
    )


def _draws(curve: LabelCurve) -> str:
    first, n_draws = curve.facts["random_state"], curve.facts.get("draws", 1)
    if n_draws > 1:
        return (
            f"Each of {n_draws} seeds has its own draw of labels, "
            f"the same for all arms (random_state = {first} to "
            f"{first + n_draws - 1}), so intervals hold for new "
            "labels, new networks and new test groups."
        )
    return (
        "There is a single draw of labels (random_state "
        f"= {first}), so intervals hold for new networks "
        "and new test groups, given these labels."
    )


def _task(gains: pd.DataFrame, task: str, margin: float) -> TaskSection:
    gains = gains[gains["task"] == task]
    rows = []
    for _, of_arm in gains.groupby("arm", sort=False):
        rows += of_arm.sort_values("share").to_dict("records")
    drawn = gains.dropna(subset=["gain", "low", "high"])
    if drawn.empty:
        return TaskSection(task, rows, None)
    draw = partial(plot.gains_by_share, drawn, margin=margin)
    figure = svg(draw, label=f"Gain for {task} by label share", size=(5.4, 3.0))
    return TaskSection(task, rows, figure)
