"""The command ``multitide``."""

from __future__ import annotations

from typing import Annotated

import typer

import multitide

app = typer.Typer(
    help="Multi-task learning on time series: one network answers several questions about a series at once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"multitide {multitide.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command."""
    app()
