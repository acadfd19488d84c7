"""What every page shows, works: Python, configurations, commands and links."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from documents import PAGES, blocks, page
from multitide import config_problems
from multitide.cli import app

# Pages whose code has tests of its own, with more to check than that it runs.
TESTED_ELSEWHERE = {"internals/adding-a-part"}
# Pages that train studies or searches; they take minutes and run with `make test-all`.
SLOW = {
    "guide/calibration",
    "guide/weights",
    "guide/large-tables",
    "guide/metrics",
    "guide/resuming",
    "guide/explain",
    "guide/decisions",
    "guide/study",
    "guide/conditions",
    "guide/grouping",
    "guide/several-data-sets-in-one-fit",
    "guide/compare-many",
    "guide/tuning",
    "guide/defaults",
    "guide/tasks",
    "guide/ensembles",
    "guide/export",
    "guide/microcontrollers",
    "guide/retraining",
    "guide/representations",
    "ko/start",
}
# Shorter settings for code that is right as it stands, but takes longer than a test should.
SHORTER = {
    '"ts2vec"': '{"name": "ts2vec", "n_steps": 2}',
    'budget="30m"': "n_trials=2",
    "n_seeds=10": "n_seeds=2",
    '    "pump": mt.Comparison.load("earlier/pump"),': "    # a study from before",
    '"pump": mt.Comparison.load("earlier/pump"),': "",
}
DATA = """
[data]
path = "data.csv"
window = 24
stride = 4
time = ["year", "month", "day", "hour"]
ignore = ["No"]
"""
TASKS = '\n[[tasks]]\nname = "fault"\n\n[[tasks]]\nname = "load"\n\n[[tasks]]\nname = "operator"\n'


def pages_with(language: str) -> list[Any]:
    found = []
    for name in PAGES:
        if name in TESTED_ELSEWHERE or not blocks(name, language):
            continue
        slow = language == "python" and name in SLOW
        found.append(pytest.param(name, marks=pytest.mark.slow if slow else ()))
    return found


@pytest.mark.parametrize("name", pages_with("python"))
def test_the_python_of_a_page_runs(name: str, names: dict[str, Any]) -> None:
    for code in blocks(name, "python"):
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        exec(compile(code, name, "exec"), names)


@pytest.mark.parametrize("name", pages_with("toml"))
def test_the_configurations_of_a_page_have_no_problems(
    name: str, workplace: Path
) -> None:
    for number, code in enumerate(blocks(name, "toml")):
        table = tomllib.loads(code)
        text = code
        if "data" not in table:
            text += DATA
        if "tasks" not in table:
            text += TASKS
        path = workplace / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        assert config_problems(path) == []


def commands() -> list[Any]:
    """Return every line of every page that calls multitide."""
    found = []
    for name in PAGES:
        for code in blocks(name):
            for line in code.replace("\\\n", " ").splitlines():
                if line.startswith("multitide ") and not line.startswith("multitide 0"):
                    found.append(pytest.param(line, id=f"{name}: {line[:50]}"))
    return found


@pytest.fixture(scope="module")
def group() -> TyperGroup:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    return command


@pytest.mark.parametrize("line", commands())
def test_a_command_exists_and_takes_its_options(line: str, group: TyperGroup) -> None:
    words = shlex.split(line, comments=True)[1:]
    if words[0].startswith("-"):
        assert words[0] in options_of(group)
        return
    command = group.commands[words[0]]
    unknown = {word.split("=")[0] for word in words if word.startswith("--")}
    assert unknown <= options_of(command)


def options_of(command: TyperCommand | TyperGroup) -> set[str]:
    options = {"--help", "--debug"}
    for parameter in command.params:
        options.update(parameter.opts)
        options.update(parameter.secondary_opts)
    return options


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_of_the_repository(name: str) -> None:
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page(name)):
        if re.match(r"https?:|#|mailto:", target):
            continue
        if not (PAGES[name].parent / target.split("#")[0]).exists():
            missing.append(target)
    assert missing == []


def test_the_index_lists_every_page() -> None:
    index = page("index")
    unlisted = [
        name
        for name in PAGES
        if not name.startswith(("README", "index")) and name not in index
    ]
    assert unlisted == []
