"""The public surface is `multitide.__all__`: flat, sorted, documented, typed."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import multitide

PACKAGE = Path(multitide.__file__).parent


def test_all_is_sorted_and_has_no_repeats() -> None:
    assert multitide.__all__ == sorted(set(multitide.__all__))


@pytest.mark.parametrize("name", multitide.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(multitide, name)
    assert not inspect.ismodule(thing)
    assert inspect.getdoc(thing), f"{name} has no docstring"
    module = importlib.import_module(f"multitide.{multitide._MODULE_OF[name]}")
    assert getattr(module, name) is thing


@pytest.mark.parametrize("name", multitide.__all__)
def test_the_public_methods_of_a_public_class_are_documented(name: str) -> None:
    thing = getattr(multitide, name)
    if not inspect.isclass(thing) or issubclass(thing, Exception):
        return
    silent = [
        member
        for member, value in inspect.getmembers(thing, callable)
        if not member.startswith("_")
        and getattr(value, "__module__", "").startswith("multitide")
        and not inspect.getdoc(value)
    ]
    assert not silent


def test_the_stub_says_what_the_package_says() -> None:
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    stubbed = {
        alias.asname: (node.module or "").removeprefix("multitide").lstrip(".")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    modules = {
        name: path.rpartition(".")[0] for name, path in multitide._MODULES.items()
    }
    assert stubbed == {**multitide._MODULE_OF, **modules}


@pytest.mark.parametrize("name", multitide._MODULES)
def test_a_module_is_an_attribute(name: str) -> None:
    module = importlib.import_module(f"multitide.{multitide._MODULES[name]}")
    assert getattr(multitide, name) is module


def test_dir_lists_the_public_names_before_they_are_used() -> None:
    code = "import sys, multitide\n"
    code += (
        "print(set(multitide.__all__) <= set(dir(multitide)), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sample'"):
        multitide.Sample  # noqa: B018


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert version("multitide") == multitide.__version__


def test_the_constraints_fit_what_the_package_needs() -> None:
    from packaging.requirements import Requirement

    root = Path(__file__).parents[1]
    lines = (
        line
        for line in (root / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    pins = dict(line.split("==") for line in lines)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = [
        need for group in project["optional-dependencies"].values() for need in group
    ]
    for need in map(Requirement, [*project["dependencies"], *extras]):
        if need.name != "multitide":
            assert need.specifier.contains(pins[need.name]), (
                f"{need} against {pins[need.name]}"
            )
