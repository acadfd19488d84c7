"""The report of a run as one HTML page, in the style of a study's."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from pandas.api.types import is_float_dtype, is_numeric_dtype

from multitide.reports._metric_words import metric_words
from multitide.reports._pages import significant, write_pages
from multitide.reports._section import Section

PAGE = "report.html"


@dataclass(frozen=True)
class RunPage:
    """What the page shows.

    Attributes
    ----------
    title, command : str
    metrics : DataFrame
        As the report shows them, with the metric of the best constant as ``trivial``.
    to_look_at : sequence of str
        What the user should know.
    figures : sequence of path
        PNG files, which are written into the page.
    sections : sequence of Section
        Decisions, classes, calibration, intervals: what there is of them.
    tables : mapping of str to DataFrame
        By heading: tasks, labelled samples, members or candidates.
    versions : str
    """

    title: str
    command: str
    metrics: pd.DataFrame
    to_look_at: Sequence[str]
    figures: Sequence[Path]
    sections: Sequence[Section]
    tables: Mapping[str, pd.DataFrame]
    versions: str


def write_run_page(page: RunPage, folder: Path) -> Path:
    """Write ``report.html`` into a run folder; it needs no other file."""
    content = {
        "title": page.title,
        "headlines": _headlines(page.metrics),
        "metrics": _as_text(page.metrics),
        "metric_words": metric_words(page.metrics["metric"]),
        "to_look_at": page.to_look_at,
        "sections": [_shown_section(section) for section in page.sections],
        "figures": [(path.stem, _embedded(path)) for path in page.figures],
        "tables": [
            (name, _as_text(table), _word_columns(table))
            for name, table in page.tables.items()
        ],
        "command": page.command,
        "versions": page.versions,
    }
    write_pages(folder, content, {PAGE: "run.html.j2"})
    return folder / PAGE


def _shown_section(section: Section) -> dict[str, object]:
    tables = []
    for table in section.tables:
        tables.append((_as_text(table), _word_columns(table)))
    return {"title": section.title, "about": section.about, "tables": tables}


def _headlines(metrics: pd.DataFrame) -> list[str]:
    """Say for each task what its main metric is, and what a constant would reach."""
    places = [name for name in ("task", "data") if name in metrics]
    sentences = []
    for _, of_task in metrics.groupby(places, sort=False):
        row = of_task.iloc[0]
        name = row["task"]
        if "data" in places:
            name = f"{name} of {row['data']}"
        metric = str(row["metric"]).replace("_", " ")
        value, constant = significant(row["value"]), significant(row["trivial"])
        sentences.append(
            f"{name}: {metric} {value} on the test set, where the best constant reaches {constant}."
        )
    return sentences


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose numbers are written with three significant digits."""
    text = table.astype(object)
    for name in table:
        if is_float_dtype(table[name]):
            text[name] = table[name].map(significant)
    return text


def _word_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that hold no numbers."""
    return [str(name) for name in table if not is_numeric_dtype(table[name])]


def _embedded(path: Path) -> Markup:
    """Return a picture as an element that holds its bytes."""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return Markup('<img src="data:image/png;base64,{}" alt="{}">').format(
        content, path.stem
    )
