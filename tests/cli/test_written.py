"""The options that say how a file is written are the same for every command that reads one."""

from __future__ import annotations

import inspect

import pytest

from multitide.cli import app
from multitide.cli._written import Written
from multitide.data.tables._read_options import FileOptions

OPTIONS = inspect.signature(Written, eval_str=True).parameters
COMMANDS = {
    command.callback.__name__: inspect.signature(command.callback, eval_str=True)
    for command in app.registered_commands
    if command.callback
}
READERS = ["fit", "init", "represent", "predict", "evaluate", "explain", "check_data"]


def test_they_are_the_options_of_files() -> None:
    assert set(Written().options()) == set(FileOptions.__annotations__)
    assert Written(missing=[]).options()["missing"] is None


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_takes_all_of_them_or_none(name: str) -> None:
    own = COMMANDS[name].parameters
    helps = {option: help_of(own[option]) for option in OPTIONS if option in own}
    expected = {option: help_of(OPTIONS[option]) for option in OPTIONS}
    assert helps == (expected if name in READERS else {})


def help_of(parameter: inspect.Parameter) -> str:
    (option,) = parameter.annotation.__metadata__
    return str(option.help)
