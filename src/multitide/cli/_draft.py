"""The configuration that ``multitide init`` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from multitide._toml import toml_text
from multitide.data.tables._propose_window import WindowProposal

OPTION_OF_ROLE = {
    "time": "time",
    "channel": "channels",
    "static": "static",
    "ignored": "ignore",
}


def draft_config(
    data: Path,
    labels: Path | None,
    roles: pd.DataFrame,
    folder: Path,
    windows: WindowProposal | None,
    shortest: int,
    options: Mapping[str, object] | None = None,
) -> str:
    """Return the text of a configuration.

    Parameters
    ----------
    data, labels : path
        The tables; their paths are written relative to `folder`.
    roles : DataFrame
        From :func:`multitide.column_roles`.
    folder : path
        The folder of the configuration.
    windows : WindowProposal or None
        The window that was given or is proposed; None if rows are not time steps. One
        that is optional is written as a comment.
    shortest : int
        Number of steps of the shortest sample, which the network must be able to read.
    options : dict, optional
        Other arguments of :func:`multitide.read_table` that were given.
    """
    by_role = {}
    for role, rows in roles.groupby("role", sort=False):
        by_role[role] = list(rows["column"])
    lines = [
        "# Configuration of multitide. Check: `multitide check`. Train: `multitide fit`.",
        "# Parameters of the estimator come first, above the first [table].",
        "max_epochs = 50",
        "random_state = 0",
        "",
        *_data_lines(data, labels, by_role, folder, options or {}),
        *_window_lines(windows, by_role),
        "",
        *_split_lines(by_role),
        "",
        *_task_lines(by_role),
        "",
        "# The network. `multitide methods` lists what you can choose.",
        *_backbone_lines(shortest),
    ]
    return "\n".join(lines) + "\n"


def _data_lines(
    data: Path,
    labels: Path | None,
    by_role: dict[str, list[str]],
    folder: Path,
    options: Mapping[str, object],
) -> list[str]:
    table: dict[str, object] = {"path": _relative(data, folder)}
    if labels is not None:
        table["labels"] = _relative(labels, folder)
    if "series" in by_role:
        table["series"] = by_role["series"][0]
    for role, option in OPTION_OF_ROLE.items():
        if role in by_role:
            table[option] = by_role[role]
    table.update(options)
    return toml_text({"data": table}).splitlines()


def _window_lines(
    windows: WindowProposal | None, by_role: dict[str, list[str]]
) -> list[str]:
    if windows is None:
        return []
    has_series = "series" in by_role
    mark = "# " if windows.optional else ""
    if windows.why:
        about = f"proposed: {windows.why}"
    else:
        about = "rows per sample"
    if windows.optional or (has_series and not windows.why):
        about += "; without it a sample is a whole series"
    lines = [
        "# Window length and stride, in rows. A window should be long enough to show what the",
        "# labels describe.",
        f"{mark}window = {windows.window}  # {about}",
        f"{mark}stride = {windows.stride}",
    ]
    if not has_series:
        lines.append(
            '# series = "run"  # the column that '
            "identifies the series, if there are several"
        )
    return lines


def _split_lines(by_role: dict[str, list[str]]) -> list[str]:
    # Windows of one recording overlap, so that a random split would leak.
    if "series" in by_role:
        by = "group"
    else:
        by = "time"
    return [
        "# How to split into training, validation and test set: by time, group, random or column.",
        "[split]",
        f'by = "{by}"',
        "test = 0.2",
    ]


def _task_lines(by_role: dict[str, list[str]]) -> list[str]:
    lines = [
        "# One [[tasks]] table per label column. Its kind is inferred from the values; if that is",
        '# wrong, add kind = "regression" or kind = "classification".',
    ]
    tasks = by_role.get("task", [])
    if not tasks:
        return [*lines, "# [[tasks]]", '# name = "a label column"']
    for name in tasks:
        lines += ["[[tasks]]", *toml_text({"name": name}).splitlines(), ""]
    return lines[:-1]


def _backbone_lines(shortest: int) -> list[str]:
    """Return the default network, as a comment, or one that can read series of this length."""
    from multitide.backbones import LSTMFCN

    needed = LSTMFCN().min_timepoints
    if shortest >= needed:
        return ["# [backbone]", '# name = "lstm_fcn"']
    return [
        "[backbone]",
        'name = "lstm_fcn"',
        f'padding = "same"  # the shortest sample has {shortest} steps; '
        f"without padding, {needed} are needed",
    ]


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
