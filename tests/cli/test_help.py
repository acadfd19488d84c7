"""The help of every command."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from multitide.cli import app

COMMANDS = [command.callback for command in app.registered_commands]
NAMES = [str(function.__name__).replace("_", "-") for function in COMMANDS if function]


def help_of(*words: str) -> str:
    """Return what the command prints, as one line."""
    result = CliRunner().invoke(app, list(words), terminal_width=80)
    assert result.exit_code == 0
    return re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize("name", NAMES)
def test_the_help_says_all_that_the_docstring_says(name: str) -> None:
    function = COMMANDS[NAMES.index(name)]
    assert function is not None
    docstring = re.sub(r"\s+", " ", function.__doc__ or "").strip()
    assert docstring in help_of(name, "--help")


def test_h_is_short_for_help() -> None:
    assert help_of("fit", "-h") == help_of("fit", "--help")
    assert help_of("-h") == help_of("--help")
