"""The report of a study: one HTML page that needs no other file, and the same in Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from multitide import plot
from multitide._checks import as_path, check_type
from multitide._claim_folder import claim_folder
from multitide._folder_kinds import STUDY_CONFIG, STUDY_FORMAT
from multitide._result_folder import writable
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.errors import DataError
from multitide.reports._figures import save_figure
from multitide.reports._markdown import markdown
from multitide.reports._metric_words import metric_words
from multitide.reports._pages import (
    Content,
    Row,
    make_environment,
    signed,
    significant,
    write_pages,
    written,
)
from multitide.reports.study import _data as data
from multitide.reports.study import _grouping as grouping
from multitide.reports.study import _protocol as protocol
from multitide.reports.study import _sentences as sentences
from multitide.reports.study import _tasks as tasks
from multitide.reports.study._answer import make_answer
from multitide.reports.study._conditions import condition_sections
from multitide.reports.study._gain_chart import gain_chart
from multitide.study import Comparison
from multitide.study.results._tables import gain_table, gain_title

PAGE, TEXT, GAINS = "report.html", "report.md", "gains.png"
SIGNED = ("gain", "low", "high")


def write_study_report(
    comparison: Comparison,
    folder: str | Path,
    *,
    samples: Samples | Mapping[str, Samples] | None = None,
    command: str | None = None,
) -> Path:
    """Write the report of a study: ``report.html``, ``report.md`` and ``gains.png``.

    It says what was found, how sure that is, and how it was found. The page is one file without
    scripts; it opens no connection, follows the reader's light or dark mode, and can be read on a
    phone and printed. Every figure in it is in an element ``<data value="...">`` whose attributes
    say where to find it in ``results.parquet``.

    Parameters
    ----------
    comparison : Comparison
        From :func:`multitide.compare` or :meth:`multitide.Comparison.load`.
    folder : path
        New, empty, or one that holds a study; an earlier report in it is replaced.
    samples : Samples or dict of Samples, optional
        The samples of the study. A study does not store its series: without them the page has no
        channel ranges and no example series.
    command : str, optional
        The command that repeats the study. Default: the one that the study has stored.

    Returns
    -------
    path
        Of ``report.html``.

    Raises
    ------
    DataError
        If `samples` are not those of the study.
    StoreError
        If the folder holds anything else, or cannot be written.
    """
    folder = as_path("folder", folder)
    check_type("comparison", comparison, Comparison)
    if command is not None:
        check_type("command", command, str)
    content = page_content(comparison, _samples_by_name(samples, comparison), command)
    claim_folder(folder, STUDY_FORMAT)
    content["fit_command"] = ""
    if (folder / STUDY_CONFIG).is_file():
        content["fit_command"] = f"multitide fit {shlex.quote(str(folder))}"
    with writable(folder):
        content["has_gains_figure"] = _save_gains(comparison, folder / GAINS)
        templates = {TEXT: "report.md.j2", PAGE: "report.html.j2"}
        write_pages(folder, content, templates, environment=_environment())
    return folder / PAGE


def _save_gains(comparison: Comparison, path: Path) -> bool:
    """Draw the gains that have an interval; return whether there is a figure."""
    gains = comparison.gains.dropna(subset=["low", "high"])
    if gains.empty:
        return False
    draw = partial(plot.verdict_gains, gains, margin=comparison.margin)
    return save_figure(draw, path) is not None


def _samples_by_name(
    samples: Samples | Mapping[str, Samples] | None, comparison: Comparison
) -> dict[str, Samples]:
    """Return the samples by data set, empty without them; raise unless they are the study's."""
    if samples is None:
        return {}
    given = DataSets(samples)
    data = comparison.evidence.protocol.data
    by_name: dict[str, Samples] = {}
    for each in data:
        if len(data) == 1:
            own = given.only("`samples`")
        elif each.name in given:
            own = given[each.name]
        else:
            raise DataError(
                "`samples` must be a dict of "
                "all data sets of the study; "
                f"{each.name!r} is missing."
            )
        if len(own) != len(each.y):
            if each.name:
                of = f" of {each.name!r}"
            else:
                of = ""
            raise DataError(
                f"`samples`{of} must be the "
                f"{len(each.y)} samples of the study; "
                f"got {len(own)}. "
                "Pass the samples that `compare` was called with."
            )
        by_name[each.name] = own
    return by_name


def page_content(
    comparison: Comparison, samples: Mapping[str, Samples], command: str | None
) -> Content:
    """Return everything that the templates show."""
    several = len(comparison.evidence.protocol.data) > 1
    common, own = protocol.arm_settings(comparison)
    labels = data.label_rows(comparison)
    answer = make_answer(comparison)
    outcomes = []
    for question in comparison.questions:
        outcomes.append(tasks.task_outcome(comparison, question))
    return {
        "comparison": comparison,
        "title": f"Should these {'data sets' if several else 'tasks'} share a network?",
        "headlines": [answer.words],
        "answer": answer,
        "longer": sentences.longer_table(comparison),
        "doubts": sentences.doubts(comparison),
        "findings": sentences.headlines(comparison),
        "compared": sentences.compared(comparison),
        "meanings": sentences.meanings(comparison),
        "next_steps": sentences.next_steps(comparison),
        "gain_title": gain_title(comparison.reference, comparison.confidence),
        "gains": _gain_table(comparison),
        "chart": gain_chart(comparison),
        "answers": _answers(comparison),
        "outcomes": outcomes,
        "metric_words": metric_words(comparison.figures["metric"]),
        "groupings": grouping.grouping_content(comparison),
        "weights": tasks.weights(comparison),
        "conditions": condition_sections(comparison.conditions),
        "labels": labels,
        "label_table": data.label_table(labels),
        "several": several,
        "data_sets": data.data_sets(comparison, samples),
        "protocol": protocol.protocol_items(comparison),
        "effort": protocol.effort_table(comparison),
        "common_settings": common,
        "own_settings": own,
        "failures": protocol.failures(comparison),
        "warnings": protocol.fit_warnings(comparison),
        "command": command or (comparison.facts or {}).get("command"),
    }


def _gain_table(comparison: Comparison) -> pd.DataFrame:
    gains, means = comparison.gains, comparison.mean_gains
    return gain_table(gains, means, comparison.margin, p_values=True)


def _answers(comparison: Comparison) -> dict[str, list[Row]]:
    """Return the gains by task, each with its sentence for Markdown, which has no chart."""
    by_task: dict[str, list[Row]] = {}
    gains = comparison.gains[~sentences.are_identical(comparison.gains)]
    for row in gains.to_dict("records"):
        words = {"text": _for_text(row, comparison)}
        by_task.setdefault(row["task"], []).append(row | words)
    return by_task


def figure_element(
    row: Row,
    field: str,
    shown: str | None = None,
    *,
    metric: str = "loss",
    table: str = "results",
) -> Markup:
    """Return a figure as an element that says where to find it in ``results.parquet``."""
    value = float(row[field])
    if shown is None:
        if field in SIGNED:
            shown = signed(value)
        else:
            shown = significant(value)
    where = {
        "table": table,
        "arm": row["arm"],
        "task": row["task"],
        "metric": row.get("metric", metric),
        "field": field,
    }
    attributes = []
    for name, text in where.items():
        attributes.append(Markup('data-{}="{}"').format(name, text))
    return Markup('<data value="{}" {}>{}</data>').format(
        repr(value), Markup(" ").join(attributes), shown
    )


def _for_text(row: Row, comparison: Comparison) -> str:
    def name(text: str) -> str:
        return f"**{markdown(text)}**"

    def number(field: str) -> str:
        return signed(row[field])

    escaped = {**row, "advice": markdown(row["advice"])}
    return sentences.sentence(escaped, comparison, name=name, number=number)


@cache
def _environment() -> Environment:
    environment = make_environment()
    environment.globals |= {
        "figure": figure_element,
        "verdict_words": sentences.verdict_words,
    }
    environment.filters["tiny"] = _tiny
    return environment


def _tiny(value: float) -> str:
    return written(value, "{:+.3g}")
