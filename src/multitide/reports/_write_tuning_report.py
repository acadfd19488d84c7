"""The report of a search, as HTML and as Markdown."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TypedDict

import pandas as pd

from multitide import plot
from multitide._checks import as_path, check_type
from multitide._claim_folder import claim_folder
from multitide._folder_kinds import SEARCH_FORMAT
from multitide._result_folder import writable
from multitide.reports._figures import save_figure
from multitide.reports._pages import write_pages
from multitide.reports._svg import svg
from multitide.tasks._metric_table import BEST_AT_A_LEVEL
from multitide.tuning import Tuning
from multitide.tuning._make_space import NOT_SEARCHED
from multitide.tuning._result import START, TUNED
from multitide.tuning._space import Choices, Range

PAGE, TEXT, TRIALS = "report.html", "report.md", "trials.png"


class MetricRow(TypedDict):
    """One metric of one task, of the start and of the tuned configuration."""

    task: str
    metric: str
    start: float
    tuned: float | None
    trivial: float
    n_labelled: int
    better: str


def write_tuning_report(
    tuning: Tuning,
    folder: str | Path,
    *,
    best: str | None = None,
    command: str | None = None,
) -> Path:
    """Write the report of a search: ``report.html``, ``report.md``, ``trials.png``.

    Parameters
    ----------
    tuning : Tuning
        From :func:`multitide.tune`.
    folder : path
        New, empty, or one that holds a search; an earlier report in it is replaced.
    best : str, optional
        Name of the file in `folder` that holds the best configuration.
    command : str, optional
        The command that repeats the search. Default: the one that `tuning` remembers.

    Returns
    -------
    path
        Of ``report.html``.

    Raises
    ------
    StoreError
        If the folder holds anything else, or cannot be written.
    """
    check_type("tuning", tuning, Tuning)
    folder = as_path("folder", folder)
    content = page_content(tuning, best, command)
    claim_folder(folder, SEARCH_FORMAT)
    with writable(folder):
        draw = partial(plot.trials, tuning.table)
        content["has_figure"] = save_figure(draw, folder / TRIALS) is not None
        templates = {TEXT: "tuning.md.j2", PAGE: "tuning.html.j2"}
        write_pages(folder, content, templates)
    return folder / PAGE


def page_content(
    tuning: Tuning, best: str | None, command: str | None
) -> dict[str, object]:
    """Return everything that the templates show."""
    states = Counter(trial.state for trial in tuning.trials)
    space = []
    for name, searched in tuning.space.ranges.items():
        space.append((name, _range(searched)))
    trials_figure = svg(
        partial(plot.trials, tuning.table),
        label="Validation loss by trial",
        size=(4.8, 2.9),
    )
    shares = tuning.importances
    shares_figure = None
    if shares:
        size = (4.8, 0.8 + 0.26 * len(shares))
        shares_figure = svg(
            partial(plot.importances, shares), label="Importances", size=size
        )
    return {
        "title": "Which settings have the lowest validation loss?",
        "headlines": [tuning.headline, _on_test(tuning)],
        "worth": tuning.in_words(),
        "tuning": tuning,
        "trials": tuning.best_trials(10).to_dict("records"),
        "states": dict(states.most_common()),
        "metrics": metric_rows(tuning.metrics),
        "space": space,
        "not_searched": NOT_SEARCHED,
        "failures": [trial for trial in tuning.trials if trial.state == "failed"],
        "figure_of_trials": trials_figure,
        "shares": shares,
        "figure_of_shares": shares_figure,
        "best": best,
        "command": command or tuning.facts.get("command"),
    }


def _on_test(tuning: Tuning) -> str:
    losses = tuning.test_losses()
    start = f"{losses[START]:.4f}"
    if TUNED not in losses:
        return (
            f"On the test set, which played no role in the choice, its loss is {start}."
        )
    return (
        "On the test set, which played no role in the "
        f"choice, its loss is {losses[TUNED]:.4f} (start: "
        f"{start})."
    )


def _range(found: Range) -> str:
    if isinstance(found, Choices):
        return ", ".join(map(str, found.values))
    text = f"{found.low:g} to {found.high:g}"
    if found.log:
        return f"{text}, on a logarithmic scale"
    return text


def _direction(metric: str, higher_is_better: bool) -> str:
    """Say which values of a metric are better; its level is not known here."""
    if metric in BEST_AT_A_LEVEL:
        return "near its level"
    if higher_is_better:
        return "higher"
    return "lower"


def metric_rows(metrics: pd.DataFrame) -> list[MetricRow]:
    """Return one row per task and metric; `tuned` is None if the start is best."""
    rows: list[MetricRow] = []
    for (task, metric), of_metric in metrics.groupby(["task", "metric"], sort=False):
        values = dict(zip(of_metric["which"], of_metric["value"], strict=True))
        first = of_metric.iloc[0]
        rows.append(
            {
                "task": task,
                "metric": metric,
                "start": float(values[START]),
                "tuned": values.get(TUNED),
                "trivial": float(first["trivial"]),
                "n_labelled": int(first["n_labelled"]),
                "better": _direction(str(metric), bool(first["higher_is_better"])),
            }
        )
    return rows
