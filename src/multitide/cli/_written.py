"""How a file is written: the options that every command with a table of the user takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from multitide.data.tables._read_options import FileOptions

PANEL = "How the file is written"  # a part of the help


@dataclass(frozen=True, kw_only=True)
class Written:
    """The options that say how a file is written, in the order in which the help shows them."""

    time_format: Annotated[
        str | None,
        typer.Option(help='How times are written, as in strptime: "%d.%m.%y %H:%M".'),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(help="Such as latin-1. Default: detected.", rich_help_panel=PANEL),
    ] = None
    separator: Annotated[
        str | None,
        typer.Option(
            help='Sign between columns: ";", or "\\t" for a tab. Default: detected.',
            rich_help_panel=PANEL,
        ),
    ] = None
    decimal: Annotated[
        str | None,
        typer.Option(
            help='Decimal sign, "." or ",". Default: detected.', rich_help_panel=PANEL
        ),
    ] = None
    thousands: Annotated[
        str | None,
        typer.Option(
            help='Sign between thousands: "." for 20.123,45, "" for none. Default: found where a '
            "number has no other reading.",
            rich_help_panel=PANEL,
        ),
    ] = None
    missing: Annotated[
        list[str] | None,
        typer.Option(
            help="Value that means missing, in place of -, --, ?, NA, nan and null (repeatable).",
            rich_help_panel=PANEL,
        ),
    ] = None
    sheet: Annotated[
        str | None,
        typer.Option(
            help="Sheet of an .xlsx workbook. Default: the first with data.",
            rich_help_panel=PANEL,
        ),
    ] = None

    def options(self) -> FileOptions:
        """Return them as arguments of `read_table` and `read_like`."""
        return {
            "time_format": self.time_format,
            "encoding": self.encoding,
            "separator": self.separator,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "missing": self.missing
            or None,  # a repeatable option that is not given is []
            "sheet": self.sheet,
        }


def takes_written(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :class:`Written` in place of its parameter ``written``.

    typer makes an option of every parameter, so that one parameter for all needs a signature with
    all of them.
    """
    signature = inspect.signature(command, eval_str=True)
    options = inspect.signature(Written, eval_str=True).parameters
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.annotation is Written:
            parameters += options.values()
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def with_options(**given: object) -> None:
        own = {field.name: given.pop(field.name) for field in fields(Written)}
        command(**given, written=Written(**own))  # type: ignore[arg-type]  # typer checks them

    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return with_options
