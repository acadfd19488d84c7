"""The configuration that ``multitide init`` writes."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from multitide._toml import toml_text
from multitide.data.tables._propose_window import WindowProposal


def draft_config(
    data: Path,
    labels: Path | None,
    roles: pd.DataFrame,
    folder: Path,
    windows: WindowProposal | None,
) -> tuple[str, bool]:
    """Return the text of a configuration, and whether it names any task.

    Parameters
    ----------
    data, labels : path
        The tables, written relative to `folder`.
    roles : DataFrame
        From :func:`multitide.data.tables._column_roles.column_roles`.
    folder : path
        Where the configuration will lie.
    windows : WindowProposal or None
        The window that was said or is proposed; None for a table whose rows are no time steps. A
        proposal is a comment where samples may as well be whole series, of a table that holds
        several.
    """
    by_role = {role: list(rows["column"]) for role, rows in roles.groupby("role", sort=False)}
    lines = [
        "# A configuration of multitide: `multitide check` finds what is wrong in it, `multitide fit` trains.",
        "# Parameters of the estimator stand here, above the first [table].",
        "max_epochs = 50",
        "random_state = 0",
        "",
        *_data_lines(data, labels, by_role, folder),
        *_window_lines(windows, by_role),
        "",
        *_split_lines(by_role),
        "",
        *_task_lines(by_role),
        "",
        "# The network and its parts; what is not said has its default.",
        '# [backbone]\n# name = "lstm_fcn"',
    ]
    return "\n".join(lines) + "\n", bool(by_role.get("task"))


def _data_lines(
    data: Path, labels: Path | None, by_role: dict[str, list[str]], folder: Path
) -> list[str]:
    table: dict[str, object] = {"path": _relative(data, folder)}
    if labels is not None:
        table["labels"] = _relative(labels, folder)
    for role, option in (
        ("series", "series"),
        ("time", "time"),
        ("channel", "channels"),
        ("static", "static"),
    ):
        found = by_role.get(role, [])
        if found:
            table[option] = found[0] if option == "series" else found
    if ignored := by_role.get("ignored", []):
        table["ignore"] = ignored
    return toml_text({"data": table}).splitlines()


def _window_lines(windows: WindowProposal | None, by_role: dict[str, list[str]]) -> list[str]:
    if windows is None:
        return []
    proposed, several = bool(windows.why), "series" in by_role
    mark = "# " if several and proposed else ""
    whole = "; without it a sample is a whole series" if several else ""
    about = f"proposed: {windows.why}{whole}" if proposed else f"rows in a sample{whole}"
    lines = [
        "# As many rows in a sample as it takes to see what the labels are about, and how many from one to the next:",
        f"{mark}window = {windows.window}  # {about}",
        f"{mark}stride = {windows.stride}",
    ]
    one = '# series = "run"  # the column that says which recording a row belongs to, if there are several'
    return lines if several else [*lines, one]


def _split_lines(by_role: dict[str, list[str]]) -> list[str]:
    by = (
        "group" if "series" in by_role else "time"
    )  # windows of one recording overlap: random ones would leak
    return [
        "# How to hold out the test part (and validation, which chooses the epoch): time, group, random or column.",
        "[split]",
        f'by = "{by}"',
        "test = 0.2",
    ]


def _task_lines(by_role: dict[str, list[str]]) -> list[str]:
    about = '# A task a label column; kind = "regression" or "classification" where the values do not say it right.'
    tasks = by_role.get("task", [])
    if tasks:
        lines = [about]
        for name in tasks:
            lines += ["[[tasks]]", *toml_text({"name": name}).splitlines(), ""]
        return lines[:-1]
    return [about, "# [[tasks]]", '# name = "a label column"']


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
