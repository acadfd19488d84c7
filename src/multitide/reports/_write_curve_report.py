"""The report of a label curve: gains over the share of labels, as a page and in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from multitide import plot
from multitide._checks import listed
from multitide.errors import StoreError
from multitide.reports._pages import make_environment, write_page
from multitide.reports._svg import svg
from multitide.reports.study._sentences import verdict_words
from multitide.study._label_curve import LabelCurve, folder_of

PAGE, TEXT = "report.html", "report.md"


def write_curve_report(
    curve: LabelCurve, folder: str | Path, *, command: str | None = None
) -> Path:
    """Write with what share of the labels sharing pays: ``report.html`` and ``report.md``.

    Parameters
    ----------
    curve : LabelCurve
        From :func:`multitide.label_curve`.
    folder : path
        Made where it is missing; an earlier report in it is replaced. Reports of the single
        studies, if there are any, lie below it, and are linked.
    command : str, optional
        What repeats it.

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
    content = page_content(curve, folder, command)
    environment = make_environment()
    environment.globals["verdict_words"] = verdict_words
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_page(environment.get_template("curve.md.j2").render(content), folder / TEXT)
        return write_page(environment.get_template("curve.html.j2").render(content), folder / PAGE)
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error


def page_content(curve: LabelCurve, folder: Path, command: str | None) -> dict[str, Any]:
    """Return everything that the templates show."""
    first = next(iter(curve.comparisons.values()))
    return {
        "title": "With how many labels does sharing pay?",
        "headlines": curve.sentences(),
        "tasks": [_task(curve, task.name, first.margin) for task in first.tasks],
        "margin": first.margin,
        "reference": first.reference,
        "confidence": first.confidence,
        "shares": listed([f"{share * 100:g} %" for share in curve.shares]),
        "how": how_hidden(curve),
        "studies": [
            (f"{share * 100:g} %", f"{folder_of(Path(), share)}/{PAGE}")
            for share in curve.shares
            if (folder_of(folder, share) / PAGE).is_file()
        ],
        "command": command or (first.facts or {}).get("command"),
    }


def how_hidden(curve: LabelCurve) -> str:
    """Say which labels were hidden."""
    unit = {
        "series": "whole series keep or lose their labels",
        "sample": "single samples keep or lose their labels",
    }
    drawn = "the same for all tasks" if curve.facts.get("together") else "drawn for each task"
    return (
        f"Labels of the training and of the validation part were hidden at random: {unit[curve.facts['unit']]}, "
        f"{drawn}; what a smaller share keeps, a larger one keeps too. The labels of the test part all stay. "
        f"{_draws(curve)}"
    )


def _draws(curve: LabelCurve) -> str:
    first, n_draws = curve.facts["random_state"], curve.facts.get("draws", 1)
    if n_draws > 1:
        return (
            f"Each of {n_draws} seeds has a draw of its own, the same for all arms (random_state = {first} to "
            f"{first + n_draws - 1}): intervals are for new labels, new networks and new test groups."
        )
    return (
        f"It is one draw (random_state = {first}): intervals are for new networks and new test groups, given these "
        "labels."
    )


def _task(curve: LabelCurve, task: str, margin: float) -> dict[str, Any]:
    gains = curve.gains[curve.gains["task"] == task]
    drawn = gains.dropna(subset=["gain", "low", "high"])
    label = f"Gain for {task} by the share of labels"
    return {
        "name": task,
        "rows": gains.sort_values(["arm", "share"], kind="stable").to_dict("records"),
        "svg": svg(_draw, drawn, margin, label=label, size=(5.4, 3.0)) if len(drawn) else "",
    }


def _draw(gains: Any, margin: float, ax: Any) -> Any:
    return plot.gains_by_share(gains, ax, margin)
