"""``multitide init``: look at a data file and write a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[Path, typer.Argument(help="A data file (.csv, .parquet).")],
    labels: Annotated[
        Path | None, typer.Option(help="A second table with the labels, one row a series.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A label column; once for each task.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Rows in a sample; one is proposed without it.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Rows from one window's start to the next one's.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The configuration to write.")] = Path(
        "multitide.toml"
    ),
) -> None:
    """Look at a data file and write a configuration to start from; nothing is overwritten."""
    from multitide.cli._draft import draft_config
    from multitide.cli._show import show_next
    from multitide.cli._terminal import say, show_note, show_table
    from multitide.data.tables._inspect_table import inspect_table
    from multitide.errors import ParameterError, StoreError

    if stride is not None and window is None:
        raise ParameterError(f"`--stride` must come with --window; got {stride} alone.")
    if output.exists():
        raise StoreError(
            f"`output` must not exist yet; {str(output)!r} does. Choose another name with --output."
        )
    found = inspect_table(data, labels=labels, tasks=label or None, window=window, stride=stride)
    show_table(found.roles, f"Columns of {data.name}")
    windows = found.windows
    text, chosen = draft_config(data, labels, found.roles, output.parent, windows)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"`output` must be a place that can be written; got {str(output)!r} ({error})."
        ) from error
    if not chosen:
        show_note(
            "No column was said to be a label: write their names into [[tasks]] before you go on."
        )
    if windows is not None and windows.why and "series" not in set(found.roles["role"]):
        show_note(
            f"A window of {windows.window} rows is a proposal ({windows.why}); --window or the file changes it."
        )
    say(f"\nWritten: [bold]{output}[/]")
    show_next(
        ("Look it through, then", f"multitide check {output}"), ("and", f"multitide fit {output}")
    )
