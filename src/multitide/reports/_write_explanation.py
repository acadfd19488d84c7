"""The page of an explanation: what matters for each task, and why one sample got its answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from multitide import plot
from multitide._checks import as_path, check_type
from multitide._result_folder import writable
from multitide.errors import ParameterError, StoreError
from multitide.reasons import Explanation, SampleReasons
from multitide.reasons._explanation import TaskReasons
from multitide.reports._pages import (
    Row,
    make_environment,
    significant,
    write_pages,
    written,
)
from multitide.reports._svg import svg

MOST_CONTRIBUTIONS = 10


@dataclass(frozen=True)
class TaskSection:
    """What the page shows of one task.

    Attributes
    ----------
    name : str
    score : dict or None
        Its loss and main metric.
    inputs, segments : list of dict
        Its importances.
    figures : list of Markup
    reasons : TaskReasons or None
        Those of the sample.
    picture : Markup or None
        The sample on its contributions.
    contributions : list of dict
        The largest contributions, by input.
    """

    name: str
    score: Row | None
    inputs: list[Row]
    segments: list[Row]
    figures: list[Markup]
    reasons: TaskReasons | None = None
    picture: Markup | None = None
    contributions: list[Row] | None = None


def write_explanation(
    explanation: Explanation, path: str | Path, *, command: str | None = None
) -> Path:
    """Write an explanation as one HTML page that needs no other file.

    Parameters
    ----------
    explanation : Explanation
        From :func:`multitide.explain`.
    path : path
        The page, such as ``explain.html``. It must not exist yet.
    command : str, optional
        The command that repeats it.

    Returns
    -------
    path
        `path`.

    Raises
    ------
    StoreError
        If `path` exists already or cannot be written.
    """
    check_type("explanation", explanation, Explanation)
    path = as_path("path", path)
    check_page(path)
    content = {
        "title": "What do the predictions rest on?",
        "headlines": headlines(explanation),
        "explanation": explanation,
        "sample": explanation.sample,
        "tasks": [task_section(explanation, name) for name in explanation.tasks],
        "command": command,
    }
    environment = make_environment()
    environment.filters["rise"] = _rise
    with writable(path, "path"):
        write_pages(
            path.parent,
            content,
            {path.name: "explanation.html.j2"},
            environment=environment,
        )
    return path


def check_page(path: Path, name: str = "path") -> None:
    """Raise unless a page can be written there: a new .html file in a folder that exists."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ParameterError(
            f"`{name}` must end in .html; got {str(path)!r}. The result is a page."
        )
    if path.exists():
        raise StoreError(
            f"`{name}` must not exist yet; {str(path)!r} does. Choose another name."
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"`{name}` must be in an existing folder; {str(path.parent)!r} does not exist."
        )


def headlines(explanation: Explanation) -> list[str]:
    """Return one sentence per task: the input that matters most, and whether it clearly does."""
    sentences = []
    for task, rows in explanation.importance.groupby("task", sort=False):
        first = rows[rows["kind"] != "segment"].iloc[0]
        if first["loss"] <= 0:
            sentences.append(f"{task}: no input matters on these data.")
            continue
        sentence = (
            f"{task}: {first['input']} matters most; the loss rises by "
            f"{significant(first['loss'])} when it is permuted."
        )
        # NaN after a single permutation.
        if first["loss_low"] <= 0:
            sentence += " This may be chance: its interval includes zero."
        sentences.append(sentence)
    return sentences


def task_section(explanation: Explanation, name: str) -> TaskSection:
    """Return what the page shows of a task."""
    table = explanation.importance
    rows = table[table["task"] == name]
    in_time = rows["kind"] == "segment"
    inputs, segments = rows[~in_time], rows[in_time]
    score = None
    if len(rows):
        scores = explanation.scores
        score = scores[scores["task"] == name].to_dict("records")[0]
    section = TaskSection(
        name,
        score,
        inputs.to_dict("records"),
        segments.to_dict("records"),
        _figures(name, inputs, segments),
    )
    if explanation.sample is None or name not in explanation.sample.tasks:
        return section
    return _with_sample(section, explanation.sample)


def _figures(name: str, inputs: pd.DataFrame, segments: pd.DataFrame) -> list[Markup]:
    figures = []
    if len(inputs):
        draw = partial(plot.importance, inputs)
        size = (4.2, 0.7 + 0.24 * min(len(inputs), 15))
        figures.append(svg(draw, label=f"Importance of inputs for {name}", size=size))
    if len(segments):
        draw = partial(plot.importance_in_time, segments)
        figures.append(
            svg(draw, label=f"Importance in time for {name}", size=(3.6, 2.8))
        )
    return figures


def _with_sample(section: TaskSection, sample: SampleReasons) -> TaskSection:
    """Return the section with the picture of the sample."""
    name = section.name
    size = (6.4, 0.8 + 0.42 * min(len(sample.channels), 20))
    draw = partial(plot.sample_reasons, sample, name)
    picture = svg(draw, label=f"Reasons of sample {sample.row} for {name}", size=size)
    table = sample.table
    table = table[table["task"] == name]
    order = table["contribution"].abs().sort_values(ascending=False).index
    largest = table.loc[order].head(MOST_CONTRIBUTIONS)
    return TaskSection(
        name,
        section.score,
        section.inputs,
        section.segments,
        section.figures,
        sample.tasks[name],
        picture,
        largest.to_dict("records"),
    )


def _rise(value: float) -> str:
    """Write a difference with its sign and three significant digits."""
    return written(value, "{:+.3g}")
