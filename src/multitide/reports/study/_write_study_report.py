"""The report of a study: one page that needs nothing else, and the same answers in Markdown."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from multitide import plot
from multitide.data._samples import Samples
from multitide.errors import DataError, StoreError
from multitide.reports._pages import make_environment, markdown, write_page, written
from multitide.reports._run import readable_names, save_figure
from multitide.reports.study import _data as data
from multitide.reports.study import _grouping as grouping
from multitide.reports.study import _protocol as protocol
from multitide.reports.study import _sentences as sentences
from multitide.reports.study import _tasks as tasks
from multitide.reports.study import _tradeoff as tradeoff
from multitide.reports.study._conditions import condition_sections
from multitide.study import Comparison
from multitide.study.design._protocol import Given, samples_of

PAGE, TEXT, GAINS = "report.html", "report.md", "gains.png"
FORMATS = {"gain": "{:+.4f}", "low": "{:+.4f}", "high": "{:+.4f}"}

logger = logging.getLogger("multitide")


def write_study_report(
    comparison: Comparison,
    folder: str | Path,
    *,
    samples: Given | None = None,
    command: str | None = None,
) -> Path:
    """Write what a study found, how sure that is and how it was found: ``report.html``, ``report.md``, ``gains.png``.

    The page is one file without scripts; it opens no connection, follows the reader's light or dark
    mode, and can be read on a phone and printed. Every figure in it stands in an element ``<data
    value="...">`` whose attributes say where it is found in ``results.parquet``.

    Parameters
    ----------
    comparison : Comparison
        From :func:`multitide.compare` or :meth:`multitide.Comparison.load`.
    folder : path
        Made where it is missing; an earlier report in it is replaced.
    samples : Samples or dict of Samples, optional
        Those that were compared on; a study does not keep series, and without them ranges and
        examples are left out.
    command : str, optional
        What repeats the study; the one that it remembers when not given.

    Returns
    -------
    path
        Of ``report.html``.

    Raises
    ------
    DataError
        If `samples` are not those of the study.
    StoreError
        If the folder cannot be written.
    """
    folder = Path(folder)
    content = page_content(comparison, _of_study(samples, comparison), command)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        gains = comparison.gains.dropna(subset=["low", "high"])
        if len(gains):
            with readable_names():
                save_figure(
                    partial(plot.verdict_gains, margin=comparison.margin), [gains], folder / GAINS
                )
        write_page(
            _environment().get_template("report.md.j2").render(content, drawn=bool(len(gains))),
            folder / TEXT,
        )
        return write_page(
            _environment().get_template("report.html.j2").render(content), folder / PAGE
        )
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error


def _of_study(samples: Given | None, comparison: Comparison) -> dict[str, Samples]:
    """Return the samples by data set, or raise if they are not those of the study; empty without them."""
    if samples is None:
        return {}
    found: dict[str, Samples] = {}
    for each in comparison.evidence.protocol.data:
        if each.name and (not isinstance(samples, Mapping) or each.name not in samples):
            raise DataError(
                f"`samples` must be a dict of all data sets of the study; {each.name!r} is missing."
            )
        found[each.name] = own = samples_of(samples, each)
        if len(own) != len(each.y):
            of = f" of {each.name!r}" if each.name else ""
            raise DataError(
                f"`samples`{of} must be those of the study, {len(each.y)}; got {len(own)}."
            )
    return found


def page_content(
    comparison: Comparison, samples: Mapping[str, Samples], command: str | None
) -> dict[str, Any]:
    """Return everything that the templates show."""
    rows = comparison.gains.to_dict("records")
    said = [
        row | {"page": _for_page(row, comparison), "text": _for_text(row, comparison)}
        for row in rows
    ]
    common, own = protocol.arm_settings(comparison)
    several = len(comparison.evidence.protocol.data) > 1
    return {
        "comparison": comparison,
        "title": f"Should these {'data sets be learned together' if several else 'tasks share a network'}?",
        "headlines": sentences.headlines(comparison),
        "answers": {
            task: [row for row in said if row["task"] == task]
            for task in comparison.gains["task"].unique()
        },
        "meanings": sentences.meanings(comparison),
        "plot": sentences.gain_plot(comparison),
        "outcomes": [tasks.task_outcome(comparison, asked) for asked in comparison.questions],
        "groupings": grouping.grouping_content(comparison),
        "tradeoff": tradeoff.tradeoff_content(comparison),
        "weights": tasks.weights(comparison),
        "conditions": condition_sections(comparison.conditions),
        "labels": data.label_rows(comparison),
        "several": several,
        "data_sets": data.data_sets(comparison, samples),
        "protocol": protocol.protocol_items(comparison),
        "effort": protocol.effort_rows(comparison),
        "effort_names": protocol.EFFORT,
        "common_settings": common,
        "own_settings": own,
        "failures": protocol.failures(comparison),
        "warnings": protocol.heard(comparison),
        "command": command or (comparison.facts or {}).get("command"),
    }


def figure_element(
    row: dict[str, Any], field: str, shown: str | None = None, metric: str = "loss"
) -> Markup:
    """Write a figure as an element that says where it stands in ``results.parquet``."""
    value = float(row[field])
    if shown is None:
        shown = written(value, FORMATS.get(field, "{:.4g}"))
    table = "mean_gains" if row.get("mean") is True else "results"
    where = {
        "table": table,
        "arm": row["arm"],
        "task": row["task"],
        "metric": row.get("metric", metric),
    }
    attributes = Markup(" ").join(
        Markup('data-{}="{}"').format(name, text) for name, text in where.items()
    )
    return Markup('<data value="{}" {} data-field="{}">{}</data>').format(
        repr(value), attributes, field, shown
    )


def _for_page(row: dict[str, Any], comparison: Comparison) -> str:
    return sentences.sentence(
        row,
        comparison,
        name=lambda name: Markup("<b>{}</b>").format(name),
        number=partial(figure_element, row),
    )


def _for_text(row: dict[str, Any], comparison: Comparison) -> str:
    said = {**row, "advice": markdown(row["advice"])}
    return sentences.sentence(
        said,
        comparison,
        name=lambda name: f"**{markdown(name)}**",
        number=lambda field: written(row[field], FORMATS[field]),
    )


@cache
def _environment() -> Environment:
    environment = make_environment()
    environment.globals |= {"figure": figure_element, "verdict_words": sentences.verdict_words}
    environment.filters |= {
        "effort": protocol.shown,
        "tiny": lambda value: written(value, "{:+.3g}"),
    }
    return environment
