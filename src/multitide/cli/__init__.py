"""The command ``multitide``: reads arguments, calls the Python API, shows the result."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

import multitide
from multitide._visible import visible
from multitide.cli._check import check
from multitide.cli._check_data import check_data
from multitide.cli._compare import compare
from multitide.cli._compare_runs import compare_runs
from multitide.cli._demo import demo
from multitide.cli._evaluate import evaluate
from multitide.cli._explain import explain
from multitide.cli._export import export
from multitide.cli._fit import fit
from multitide.cli._info import info
from multitide.cli._init import init
from multitide.cli._methods import methods
from multitide.cli._predict import predict
from multitide.cli._represent import represent
from multitide.cli._serve import serve
from multitide.cli._tune import tune

FAULT = "This is a fault of multitide, not of your input. Please report it with this traceback."
# What typer raises for wrong arguments: click's class in older versions, typer's own in newer.
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]


class Commands(TyperGroup):
    """Shows an expected error as one message with exit code 2; with ``--debug`` as a traceback.

    A context is `Any` because it is click's in older versions of typer and typer's own in newer.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept ``--debug`` at any position: it belongs to the whole command."""
        rest = []
        for arg in args:
            if arg != "--debug":
                rest.append(arg)
        if "--debug" in args:
            debug = ["--debug"]
        else:
            debug = []
        return super().parse_args(ctx, [*debug, *rest])

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command on streams that print whatever text they are given."""
        from multitide.cli._terminal import print_anything

        print_anything()
        return super().main(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand, with log messages and warnings shown on standard error."""
        from multitide.cli._expected_errors import message_of
        from multitide.cli._terminal import messages_shown, show_error

        with messages_shown():
            try:
                return super().invoke(ctx)
            except (typer.Exit, typer.Abort):
                raise
            except USAGE_ERROR as error:
                error.message = visible(error.message or "")  # it quotes what was typed
                raise
            except Exception as error:
                message = message_of(error)
                if message is None:
                    error.add_note(FAULT)
                if message is None or ctx.params["debug"]:
                    raise
                show_error(message)
                raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Multi-task learning on time series: one network predicts several labels of a series, "
    "some of which may be missing.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
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
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of errors.")
    ] = False,
) -> None:
    pass


def _paragraphs(docstring: str | None) -> str:
    """Return a docstring with each paragraph on one line, for terminals of any width.

    Indented paragraphs are examples and keep their lines. Names of tables such as ``[data]`` are
    escaped, because brackets are markup for the terminal.
    """
    paragraphs = []
    for paragraph in inspect.cleandoc(docstring or "").split("\n\n"):
        if not paragraph.startswith(" "):
            paragraph = paragraph.replace("\n", " ")
        paragraphs.append(paragraph)
    return escape("\n\n".join(paragraphs))


for command in (
    demo,
    init,
    check,
    fit,
    evaluate,
    predict,
    export,
    explain,
    serve,
    check_data,
    represent,
    compare_runs,
    compare,
    tune,
    info,
    methods,
):
    app.command(help=_paragraphs(command.__doc__))(command)


def main() -> None:
    """Run the command."""
    app()
