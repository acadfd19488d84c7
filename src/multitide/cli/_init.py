"""``multitide init``: look at a data file and write a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import (
    Ignore,
    Label,
    LabelFile,
    Series,
    Static,
    Table,
    Time,
)
from multitide.cli._written import Written, takes_written

if TYPE_CHECKING:
    from multitide.data.tables._inspect_table import TableInspection
    from multitide.data.tables._propose_window import WindowProposal


@takes_written
def init(
    data: Table,
    labels: LabelFile = None,
    label: Label = None,
    series: Series = None,
    time: Time = None,
    *,
    written: Written,
    static: Static = None,
    ignore: Ignore = None,
    every: Annotated[
        str | None, typer.Option(help="Step of a regular grid for the rows: 1h, 10min.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Rows per sample. Default: a proposal.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Rows between the starts of windows.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Configuration file to write.")] = Path(
        "multitide.toml"
    ),
) -> None:
    """Look at a data file and write a configuration to start from."""
    from multitide._result_folder import writable, write_file
    from multitide.cli._arguments import quoted
    from multitide.cli._draft import draft_config
    from multitide.cli._fit import given
    from multitide.cli._output_table import check_new_file
    from multitide.cli._show import show_next
    from multitide.cli._terminal import bold, say, show_note, show_table
    from multitide.data.tables._inspect_table import inspect_table
    from multitide.errors import ParameterError

    if stride is not None and window is None:
        raise ParameterError(
            f"`--stride` must be given together with --window; got {stride} alone."
        )
    check_new_file(output)
    step = _number_or_text(every)
    inspected = inspect_table(
        data,
        labels=labels,
        tasks=label or None,
        series=series,
        time=time or None,
        static=static or (),
        ignore=ignore or (),
        every=step,
        window=window,
        stride=stride,
        **written.options(),
    )
    options = given({**written.options(), "every": step})
    folder, windows = output.parent, inspected.windows
    show_table(inspected.roles, f"Columns of {data.name}")
    for sentence in inspected.assumed:
        show_note(sentence)
    with writable(output, "output"):
        draft = draft_config(data, labels, folder, inspected, options)
        write_file(output, draft)
    _show_what_to_decide(set(inspected.roles["role"]), windows)
    _show_proposed_inputs(inspected)
    say("\nWritten: ", bold(output))
    show_next(
        ("Edit the file, then check it", f"multitide check {quoted(output)}"),
        ("and train", f"multitide fit {quoted(output)}"),
    )


def _show_what_to_decide(roles: set[str], windows: WindowProposal | None) -> None:
    from multitide.cli._terminal import show_note

    if "task" not in roles:
        show_note(
            "No label column was given: "
            "add the names of your label columns to [[tasks]]."
        )
    if windows is not None and windows.crosses_gaps and not windows.optional:
        show_note(
            f"Without a gap in time there are at most {windows.stretch} rows in a row, "
            f"so that windows of {windows.window} rows must cross gaps: on_gap = "
            '"ignore". With --every 1h (or another step) rows are put on a regular grid.'
        )
    if windows is not None and windows.why and "series" not in roles:
        show_note(
            f"Windows of {windows.window} rows "
            f"are a proposal ({windows.why}). "
            "Change it with --window or in the file."
        )


def _show_proposed_inputs(inspected: TableInspection) -> None:
    from multitide._checks import in_backticks
    from multitide.cli._terminal import show_note

    windows = inspected.windows
    if inspected.categories:
        show_note(
            f"{in_backticks(inspected.categories)}: text, proposed as categories. "
            "Change `category` in the file."
        )
    if windows is not None and windows.cycles and not windows.optional:
        show_note(
            f"Inputs from the times are a proposal: {in_backticks(windows.cycles)}. "
            "Change `calendar` in the file."
        )


def _number_or_text(value: str | None) -> float | str | None:
    """Return a number as such: the step of numeric times."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return value
