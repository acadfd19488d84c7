"""Output of the command: tables on standard output, messages and errors on standard error."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from multitide.errors import MultitideWarning

if TYPE_CHECKING:
    import pandas as pd

PIPE_WIDTH = 140  # a file or a pipe has no width of its own
SHORT = 24  # longer cells are folded where the terminal is narrow


def console(stderr: bool = False) -> Console:
    """Return a console on the stream as it is now (tests and pipes replace it)."""
    if stderr:
        stream = sys.stderr
    else:
        stream = sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False
    )


def show_error(error: Exception) -> None:
    """Show a message in red."""
    console(stderr=True).print(
        f"[bold red]Error:[/] [red]{escape(str(error))}[/]", soft_wrap=True
    )


def show_note(text: str) -> None:
    """Show a line about what was done or assumed."""
    console(stderr=True).print(f"[dim]{escape(text)}[/]", soft_wrap=True)


def show_warning(text: str) -> None:
    """Show a line that should not be overlooked."""
    console(stderr=True).print(f"[yellow]Warning: {escape(text)}[/]", soft_wrap=True)


def say(text: str) -> None:
    """Show a line of the result; `text` may hold rich's markup."""
    console().print(text, soft_wrap=True)


def show_table(frame: pd.DataFrame, title: str) -> None:
    """Show a DataFrame as a table: numbers to the right, missing values as a dash."""
    table = Table(header_style="bold", show_edge=False)
    for name in frame.columns:
        short = max(map(len, frame[name].map(written)), default=0) <= SHORT
        if frame[name].dtype.kind in "iuf":
            justify: Literal["left", "right"] = "right"
        else:
            justify = "left"
        table.add_column(str(name), justify=justify, overflow="fold", no_wrap=short)
    for row in frame.itertuples(index=False, name=None):
        table.add_row(*(escape(written(value)) for value in row))
    console().print(f"\n[bold]{escape(title)}[/]")
    console().print(table)


def written(value: Any) -> str:
    """Write a cell: four significant digits, a dash for what is missing."""
    if value is None or value != value:
        return "-"
    if isinstance(value, float):
        if abs(value) < 1e5:
            return f"{value:.4g}"
        return f"{value:.6g}"
    return str(value)


@contextmanager
def messages_shown() -> Iterator[None]:
    """Show what multitide logs and warns, each as one line, while the block runs."""
    handler = _Handler()
    logger = logging.getLogger("multitide")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("always", MultitideWarning)
        warnings.showwarning = _show_warning  # type: ignore[assignment]  # it takes all of the arguments and names two
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


@contextmanager
def quietly() -> Iterator[None]:
    """Hide log messages whose content is shown in tables."""
    logger = logging.getLogger("multitide")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            style = "yellow"
        else:
            style = "dim"
        console(stderr=True).print(
            f"[{style}]{escape(record.getMessage())}[/]", soft_wrap=True
        )


def _show_warning(message: Warning | str, category: type[Warning], *where: Any) -> None:
    if issubclass(category, MultitideWarning):
        word = "Warning"
    else:
        word = category.__name__
    console(stderr=True).print(
        f"[yellow]{word}: {escape(str(message))}[/]", soft_wrap=True
    )
