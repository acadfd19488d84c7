"""The report of several studies: an overview with links to the report of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from multitide import plot
from multitide._checks import as_path, check_type
from multitide._claim_folder import claim_folder
from multitide._folder_kinds import STUDIES_FORMAT
from multitide._result_folder import writable
from multitide.data._samples import Samples
from multitide.reports._figures import save_figure
from multitide.reports._pages import Content, write_pages
from multitide.reports._svg import svg
from multitide.reports.study._sentences import MARKS
from multitide.reports.study._write_study_report import PAGE as STUDY_PAGE
from multitide.reports.study._write_study_report import write_study_report
from multitide.study import Comparisons
from multitide.study.results._ranks import MIN_DATA, p_in_words
from multitide.study.results._tables import MISSING, pair_table, standing_table

PAGE, TEXT, RANKS = "report.html", "report.md", "ranks.png"


@dataclass(frozen=True)
class LossCell:
    """The loss of an arm on a task, whether it is the lowest, its verdict and that one's sign."""

    loss: float
    is_best: bool
    verdict: str
    mark: str

    @property
    def text(self) -> str:
        """The loss as text."""
        if math.isnan(self.loss):
            return MISSING
        return f"{self.loss:.3f}"


@dataclass(frozen=True)
class LossRow:
    """The losses of all arms on one task of one data set, and the link to its report."""

    data: str
    task: str
    link: str
    cells: dict[str, LossCell]


def write_overview(
    comparisons: Comparisons,
    folder: str | Path,
    *,
    samples: Mapping[str, Samples] | None = None,
    command: str | None = None,
) -> Path:
    """Write an overview of several studies, and the report of each in a subfolder of its name.

    The overview consists of ``report.html``, ``report.md`` and ``ranks.png``.

    Parameters
    ----------
    comparisons : Comparisons
        From :func:`multitide.compare_many` or :meth:`multitide.Comparisons.load`.
    folder : path
        New, empty, or one that holds such studies; earlier reports in it are replaced.
    samples : dict of str to Samples, optional
        The samples of each data set; without them the studies' reports have no channel ranges and
        no example series.
    command : str, optional
        The command that repeats it all.

    Returns
    -------
    path
        Of the overview's ``report.html``.

    Raises
    ------
    DataError
        If `samples` are not those of the studies.
    StoreError
        If the folder holds anything else, or cannot be written.
    """
    check_type("comparisons", comparisons, Comparisons)
    folder = as_path("folder", folder)
    claim_folder(folder, STUDIES_FORMAT)
    samples = samples or {}
    for name, study in comparisons.studies.items():
        write_study_report(
            study, folder / name, samples=samples.get(name), command=command
        )
    content = page_content(comparisons, command)
    with writable(folder):
        if len(comparisons.ranks):
            draw = partial(plot.mean_ranks, comparisons.standing, comparisons.test)
            save_figure(draw, folder / RANKS)
        write_pages(folder, content, {TEXT: "many.md.j2", PAGE: "many.html.j2"})
    return folder / PAGE


def page_content(comparisons: Comparisons, command: str | None) -> Content:
    """Return everything that the templates show."""
    rows = loss_rows(comparisons)
    figure = None
    if len(comparisons.ranks):
        draw = partial(plot.mean_ranks, comparisons.standing, comparisons.test)
        size = (4.8, 1.1 + 0.3 * len(comparisons.arms))
        figure = svg(draw, label="Mean ranks of the arms", size=size)
    return {
        "title": "The same arms on several data sets",
        "headlines": [comparisons.in_words()],
        "arms": comparisons.arms,
        "reference": comparisons.reference,
        "rows": rows,
        "losses": _loss_table(rows),
        "standing": standing_table(comparisons.standing),
        "standing_rows": comparisons.standing.to_dict("records"),
        "pairs": pair_table(comparisons.pairs),
        "test": comparisons.test,
        "test_p": p_in_words(comparisons.test.p),
        "figure": figure,
        "studies": _studies(comparisons),
        "min_data": MIN_DATA,
        "command": command,
    }


def loss_rows(comparisons: Comparisons) -> list[LossRow]:
    """Return the losses of all arms, one row per data set and task."""
    verdicts = comparisons.gains.set_index(["data", "task", "arm"])["verdict"]
    rows = []
    for (data, task), losses in comparisons.losses.iterrows():
        cells = {}
        for arm, loss in losses.items():
            verdict = str(verdicts.get((data, task, arm), ""))
            is_best = bool(loss == losses.min())
            cells[arm] = LossCell(float(loss), is_best, verdict, MARKS.get(verdict, ""))
        rows.append(LossRow(data, task, _link(data), cells))
    return rows


def _loss_table(rows: list[LossRow]) -> pd.DataFrame:
    """Return the losses as text, with the signs of the verdicts."""
    table = []
    for row in rows:
        cells = {"data set": row.data, "task": row.task}
        for arm, cell in row.cells.items():
            cells[arm] = f"{cell.text} {cell.mark}".rstrip()
        table.append(cells)
    return pd.DataFrame(table)


def _studies(comparisons: Comparisons) -> list[tuple[str, pd.Series]]:
    """Return (link, row of text) for each study."""
    rows = []
    for name, study in comparisons.studies.items():
        n_samples = sum(len(data.y) for data in study.evidence.protocol.data)
        row = {
            "data set": name,
            "tasks": len(study.tasks),
            "samples": n_samples,
            "test samples": len(study.test),
            "seeds": _n_seeds(study.gains),
        }
        rows.append((_link(name), pd.Series(row)))
    return rows


def _n_seeds(gains: pd.DataFrame) -> str:
    fewest, most = int(gains["n_seeds"].min()), int(gains["n_seeds"].max())
    if fewest == most:
        return str(most)
    return f"{fewest} to {most}"


def _link(name: str) -> str:
    return f"{quote(name)}/{STUDY_PAGE}"
