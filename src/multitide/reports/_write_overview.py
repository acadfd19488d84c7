"""The report of several studies: one overview, which leads to the report of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from multitide import plot
from multitide.data._samples import Samples
from multitide.errors import StoreError
from multitide.reports._pages import make_environment, write_page
from multitide.reports._run import readable_names, save_figure
from multitide.reports._svg import svg
from multitide.reports.study._sentences import MARKS
from multitide.reports.study._write_study_report import PAGE as STUDY_PAGE
from multitide.reports.study._write_study_report import write_study_report
from multitide.study import Comparisons
from multitide.study.results._ranks import MIN_DATA

PAGE, TEXT, RANKS = "report.html", "report.md", "ranks.png"


def write_overview(
    comparisons: Comparisons,
    folder: str | Path,
    *,
    samples: Mapping[str, Samples] | None = None,
    command: str | None = None,
) -> Path:
    """Write ``report.html``, ``report.md`` and ``ranks.png``, and the report of each study in a folder of its name.

    Parameters
    ----------
    comparisons : Comparisons
        From :func:`multitide.compare_many` or :meth:`multitide.Comparisons.load`.
    folder : path
        Made where it is missing; earlier reports in it are replaced.
    samples : dict of str to Samples, optional
        What was compared on, by data set; see :func:`multitide.reports.write_study_report`.
    command : str, optional
        What repeats the studies.

    Returns
    -------
    path
        Of the overview's ``report.html``.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    folder = Path(folder)
    for name, study in comparisons.studies.items():
        write_study_report(study, folder / name, samples=(samples or {}).get(name), command=command)
    content = page_content(comparisons, command)
    environment = make_environment()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if len(comparisons.ranks):
            with readable_names():
                save_figure(
                    plot.mean_ranks, [comparisons.standing, comparisons.test], folder / RANKS
                )
        write_page(environment.get_template("many.md.j2").render(content), folder / TEXT)
        return write_page(environment.get_template("many.html.j2").render(content), folder / PAGE)
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error


def page_content(comparisons: Comparisons, command: str | None) -> dict[str, Any]:
    """Return everything that the templates show."""
    size = (4.8, 1.1 + 0.3 * len(comparisons.arms))
    drawn = len(comparisons.ranks) > 0
    return {
        "title": "The same arms on several data sets",
        "headlines": [comparisons.in_words()],
        "arms": comparisons.arms,
        "reference": comparisons.reference,
        "rows": table_rows(comparisons),
        "standing": comparisons.standing.to_dict("records"),
        "pairs": comparisons.pairs.to_dict("records"),
        "test": comparisons.test,
        "figure": _figure(comparisons, size) if drawn else None,
        "studies": [_study(name, comparisons) for name in comparisons.studies],
        "min_data": MIN_DATA,
        "command": command,
    }


def table_rows(comparisons: Comparisons) -> list[dict[str, Any]]:
    """Return one entry a data set and task: each arm's loss, whether it is the least, and its verdict's sign."""
    verdicts = comparisons.gains.set_index(["data", "task", "arm"])["verdict"]
    rows = []
    for (data, task), losses in comparisons.losses.iterrows():
        cells = {
            arm: {
                "loss": float(loss),
                "best": not math.isnan(loss) and loss == losses.min(),
                "mark": MARKS.get(str(verdicts.get((data, task, arm))), ""),
                "verdict": str(verdicts.get((data, task, arm), "")),
            }
            for arm, loss in losses.items()
        }
        rows.append({"data": data, "task": task, "cells": cells, "link": _link(str(data))})
    return rows


def _study(name: str, comparisons: Comparisons) -> dict[str, Any]:
    study = comparisons.studies[name]
    facts = study.facts or {}
    n_samples = sum(len(data.y) for data in study.evidence.protocol.data)
    counts = {"n_samples": n_samples, "n_test": len(study.test), "n_seeds": _n_seeds(study.gains)}
    return {
        "name": name,
        "link": _link(name),
        "n_tasks": len(study.tasks),
        "seconds": facts.get("seconds"),
    } | counts


def _n_seeds(gains: pd.DataFrame) -> str:
    least, most = int(gains["n_seeds"].min()), int(gains["n_seeds"].max())
    return str(most) if least == most else f"{least} to {most}"


def _link(name: str) -> str:
    return f"{quote(name)}/{STUDY_PAGE}"


def _figure(comparisons: Comparisons, size: tuple[float, float]) -> Any:
    return svg(
        plot.mean_ranks,
        comparisons.standing,
        comparisons.test,
        label="Mean ranks of the arms",
        size=size,
    )
