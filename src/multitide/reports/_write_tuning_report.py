"""The report of a search: a page and the same in Markdown."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from multitide import plot
from multitide._result_folder import writable, write_file
from multitide.reports._figures import save_figure
from multitide.reports._pages import make_environment
from multitide.reports._svg import svg
from multitide.tuning import Tuning
from multitide.tuning._make_space import NOT_SEARCHED
from multitide.tuning._result import START, TUNED
from multitide.tuning._space import Choices, Range

PAGE, TEXT, TRIALS = "report.html", "report.md", "trials.png"


def write_tuning_report(
    tuning: Tuning, folder: str | Path, *, best: str | None = None, command: str | None = None
) -> Path:
    """Write what a search tried and found: ``report.html``, ``report.md``, ``trials.png``.

    Parameters
    ----------
    tuning : Tuning
        From :func:`multitide.tune`.
    folder : path
        Made where it is missing; an earlier report in it is replaced.
    best : str, optional
        Name of the file beside the page that holds the best configuration.
    command : str, optional
        What repeats the search; the one that it remembers when not given.

    Returns
    -------
    path
        Of ``report.html``.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    folder = Path(folder)
    content = page_content(tuning, best, command)
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        save_figure(partial(plot.trials, tuning.table), folder / TRIALS)
        environment = make_environment()
        write_file(folder / TEXT, environment.get_template("tuning.md.j2").render(content))
        write_file(folder / PAGE, environment.get_template("tuning.html.j2").render(content))
    return folder / PAGE


def page_content(tuning: Tuning, best: str | None, command: str | None) -> dict[str, Any]:
    """Return everything that the templates show."""
    shares = tuning.importances
    size = (4.8, 0.8 + 0.26 * len(shares))
    return {
        "title": "Which settings have the least validation loss?",
        "headlines": [tuning.headline, _on_test(tuning)],
        "worth": tuning.in_words(),
        "tuning": tuning,
        "trials": tuning.best_trials(10).to_dict("records"),
        "states": pd.Series([trial.state for trial in tuning.trials]).value_counts().to_dict(),
        "metrics": metric_rows(tuning.metrics),
        "space": [(d.name, _range(d.range)) for d in tuning.space.dimensions],
        "not_searched": NOT_SEARCHED,
        "failures": [trial for trial in tuning.trials if trial.state == "failed"],
        "figure_of_trials": svg(
            partial(plot.trials, tuning.table), label="Validation loss by trial", size=(6.4, 3.2)
        ),
        "shares": shares,
        "figure_of_shares": svg(partial(plot.importances, shares), label="Importances", size=size)
        if shares
        else None,
        "best": best,
        "command": command or tuning.facts.get("command"),
    }


def _on_test(tuning: Tuning) -> str:
    losses = tuning.test_losses()
    tuned = f" {losses[TUNED]:.4f}, that of the start" if TUNED in losses else ""
    return f"On the test part, which took no part in the choice, its loss is{tuned} {losses[START]:.4f}."


def _range(found: Range) -> str:
    """Write a range for a table."""
    if isinstance(found, Choices):
        return ", ".join(map(str, found.values))
    return f"{found.low:g} to {found.high:g}" + (", by its logarithm" if found.log else "")


def metric_rows(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one entry a task and metric: the figures of the start and the tuned (None if that is the start)."""
    rows: list[dict[str, Any]] = []
    for (task, metric), found in metrics.groupby(["task", "metric"], sort=False):
        values = dict(zip(found["which"], found["value"], strict=True))
        first = found.iloc[0]
        rows.append(
            {
                "task": task,
                "metric": metric,
                "start": float(values["start"]),
                "tuned": values.get("tuned"),
                "trivial": float(first["trivial"]),
                "n_labelled": int(first["n_labelled"]),
                "better": "higher" if first["higher_is_better"] else "lower",
            }
        )
    return rows
