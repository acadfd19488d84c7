"""Output of the command: tables on standard output, messages and errors on standard error.

Everything that is shown goes through `line`, which takes text as it is: names of columns, classes
and files may look like markup, or hold characters that would act on the terminal.
"""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from multitide._patient_console import PatientConsole
from multitide._silence import collecting
from multitide._visible import visible
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
    return PatientConsole(
        file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False
    )


def print_anything() -> None:
    """Let standard output and error print "?" for a character that their encoding lacks.

    A result must not be lost because a terminal of cp1252 cannot show the name of a column.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in STRICT:
            stream.reconfigure(errors="replace")


STRICT = ("strict", "surrogateescape")


def bold(text: object) -> Text:
    """Return a piece of a line in bold."""
    return Text(visible(text), style="bold")


def line(*pieces: object, style: str = "") -> Text:
    """Return pieces of text as one line; no piece is read as markup.

    Parameters
    ----------
    *pieces : str, Path or Text
        Strung together without blanks.
    style : str, default=""
        Rich's style of the whole line.
    """
    text = Text(style=style)
    for piece in pieces:
        if isinstance(piece, Text):
            text.append_text(piece)
        else:
            text.append(visible(piece))
    return text


def say(*pieces: object) -> None:
    """Show a line of the result, as `line` takes it."""
    console().print(line(*pieces), soft_wrap=True)


def show_error(error: object) -> None:
    """Show a message in red."""
    text = line(Text("Error: ", style="bold red"), Text(visible(error), style="red"))
    console(stderr=True).print(text, soft_wrap=True)


def show_note(text: str) -> None:
    """Show a line about what was done or assumed."""
    console(stderr=True).print(line(text, style="dim"), soft_wrap=True)


def show_warning(text: str) -> None:
    """Show a line that should not be overlooked."""
    console(stderr=True).print(line("Warning: ", text, style="yellow"), soft_wrap=True)


def show_table(frame: pd.DataFrame, title: str) -> None:
    """Show a DataFrame as a table: numbers to the right, missing values as a dash."""
    table = Table(header_style="bold", show_edge=False)
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        short = max(map(len, column.map(written)), default=0) <= SHORT
        if column.dtype.kind in "iuf":
            justify: Literal["left", "right"] = "right"
        else:
            justify = "left"
        table.add_column(line(name), justify=justify, overflow="fold", no_wrap=short)
    for row in frame.itertuples(index=False, name=None):
        table.add_row(*(line(written(value)) for value in row))
    console().print(line("\n", bold(title)))
    console().print(table)


def written(value: object) -> str:
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
    with warnings.catch_warnings(), collecting():
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
        text = line(record.getMessage(), style=style)
        console(stderr=True).print(text, soft_wrap=True)


def _show_warning(
    message: Warning | str, category: type[Warning], *where: object
) -> None:
    if issubclass(category, MultitideWarning):
        word = "Warning"
    else:
        word = category.__name__
    text = line(f"{word}: ", message, style="yellow")
    console(stderr=True).print(text, soft_wrap=True)
