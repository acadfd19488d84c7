"""The configuration that ``multitide init`` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from multitide._toml import toml_text
from multitide.config._schema_version import with_version
from multitide.data.tables._facts_of_series import GROUPS
from multitide.data.tables._guess_roles import REASONS
from multitide.data.tables._inspect_table import TableInspection
from multitide.data.tables._propose_window import WindowProposal

BACKBONE_LINES = (
    '# backbone = "auto" grows trees, solves linear heads where labels are few, trains a network',
    "# where they are many or its settings are given, and weights all of them per task on the",
    "# validation set. `multitide methods backbone` lists the others.",
    "# [backbone]",
    '# name = "lstm_fcn"',
)
OPTION_OF_ROLE = {
    "time": "time",
    "channel": "channels",
    "category": "category",
    "static": "static",
    "extra": "extra",
    "ignored": "ignore",
}


def draft_config(
    data: Path,
    labels: Path | None,
    folder: Path,
    inspected: TableInspection,
    options: Mapping[str, object] | None = None,
) -> str:
    """Return the text of a configuration.

    Parameters
    ----------
    data, labels : path
        The tables; their paths are written relative to `folder`.
    folder : path
        The folder of the configuration.
    inspected : TableInspection
        What is in the tables.
    options : dict, optional
        Other arguments of :func:`multitide.read_table` that were given.
    """
    roles, windows = inspected.roles, inspected.windows
    groups = list(roles["column"][roles["why"] == GROUPS])
    texts = list(roles["column"][roles["why"] == REASONS["text"]])
    categories = list(inspected.categories)
    elsewhere = [*groups, *texts, *categories]
    by_role = {}
    for role, rows in roles.groupby("role", sort=False):
        by_role[role] = [name for name in rows["column"] if name not in elsewhere]
    by_role["text"] = texts
    if categories:
        by_role["category"] = categories
    if groups:
        by_role["extra"] = groups
    lines = [
        "# Configuration of multitide. Check: `multitide check`. Train: `multitide fit`.",
        toml_text(with_version({})).strip(),
        "# Parameters of the estimator come first, above the first [table].",
        "random_state = 0",
        "",
        *_data_lines(data, labels, by_role, folder, options or {}),
        *_calendar_lines(windows),
        *_window_lines(windows, by_role),
        "",
        *_split_lines(inspected.split_by, groups),
        "",
        *_task_lines(by_role),
        "",
        *BACKBONE_LINES,
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
        if by_role.get(role):
            table[option] = by_role[role]
    table.update(options)
    lines = toml_text({"data": table}).splitlines()
    if by_role["text"]:
        lines += _text_lines(by_role["text"], by_role.get("category", []))
    return lines


def _text_lines(texts: list[str], categories: list[str]) -> list[str]:
    """Return, as a comment, the option that reads columns of text as inputs."""
    lines = ["# Columns of text are inputs if they are listed as categories."]
    if categories:
        lines = ["# Other columns of text are inputs if they are listed, too."]
    for line in toml_text({"category": [*categories, *texts]}).splitlines():
        lines.append(f"# {line}")
    return lines


def _calendar_lines(windows: WindowProposal | None) -> list[str]:
    """Return the proposed calendar; a comment if labels are of whole series, which are few."""
    if windows is None or not windows.cycles:
        return []
    mark = "# " if windows.optional else ""
    names = ", ".join(f'"{name}"' for name in windows.cycles)
    return [f"{mark}calendar = [{names}]  # proposed: inputs from the times"]


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
        about += "; without it, each sample is a whole series"
    lines = [
        "# Window length and stride, in rows. A window should be long enough to show what the",
        "# labels describe.",
        f"{mark}window = {windows.window}  # {about}",
        f"{mark}stride = {windows.stride}",
    ]
    if windows.crosses_gaps and not windows.optional:
        lines.append(
            'on_gap = "ignore"  # the steps between rows differ; every = "1h" makes them equal'
        )
    if not has_series:
        lines.append(
            '# series = "run"  # the column that '
            "identifies the series, if there are several"
        )
    return lines


def _split_lines(by: str, groups: list[str]) -> list[str]:
    lines = [
        "# How to split into training, validation and test set: by time, group, random or column.",
        "[split]",
    ]
    if groups:
        lines += toml_text({"by": "group", "column": groups[0]}).splitlines()
        lines[-1] += "  # rows of one value stay in one set"
    else:
        lines.append(f'by = "{by}"')
    return [*lines, "test = 0.2"]


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


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
