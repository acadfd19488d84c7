"""The command ``multitide``: reads a file, calls the api, shows the result."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import multitide
from multitide.cli._check import check
from multitide.cli._compare import compare
from multitide.cli._demo import demo
from multitide.cli._evaluate import evaluate
from multitide.cli._fit import fit
from multitide.cli._info import info
from multitide.cli._init import init
from multitide.cli._methods import methods
from multitide.cli._predict import predict
from multitide.cli._represent import represent
from multitide.cli._tune import tune
from multitide.errors import MultitideError


class Commands(TyperGroup):
    """Shows an error of ours as one message with exit code 2; with ``--debug``, wherever it stands, as a traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move ``--debug`` to the front, where it belongs to the whole command."""
        wanted = ["--debug"] if "--debug" in args else []
        return super().parse_args(ctx, [*wanted, *(arg for arg in args if arg != "--debug")])

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand, with messages of ours shown on standard error."""
        from multitide.cli._terminal import messages_shown, show_error

        with messages_shown():
            try:
                return super().invoke(ctx)
            except MultitideError as error:
                if ctx.params["debug"]:
                    raise
                show_error(error)
                raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Multi-task learning on time series: one network answers several questions about a series at once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"multitide {multitide.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error came from.")
    ] = False,
) -> None:
    pass


for command in (demo, init, check, fit, evaluate, predict, represent, compare, tune, info, methods):
    app.command()(command)


def main() -> None:
    """Run the command."""
    app()
