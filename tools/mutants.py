"""Change one operator or number of a module at a time: do its tests notice?

``python tools/mutants.py purging`` runs the tests of one of `MODULES` against every mutant, and
lists the survivors. ``--every 3`` takes every third mutant. Each mutant is a forked process that
imports the changed module in place of the file, which stays as it is.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.machinery
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

# Imported once, for all forks: what is slow to import and does not change.
import hypothesis  # noqa: F401
import matplotlib.figure  # noqa: F401
import pandas  # noqa: F401
import pydantic  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import sklearn.ensemble
import sklearn.model_selection  # noqa: F401
import torch
import typer.testing  # noqa: F401

ROOT = Path(__file__).parents[1]
# Where a silent mistake costs most: the module, and the tests that should notice one.
MODULES = {
    "missing_labels": (
        "multitide.tasks._missing_labels",
        ["tests/tasks/test_kinds.py", "tests/training/test_missing_labels.py"],
    ),
    "several_columns": (
        "multitide.tasks._several",
        ["tests/tasks/test_several_columns.py", "tests/tasks/test_kinds.py"],
    ),
    "purging": ("multitide.data._purging", ["tests/data/test_splitter.py"]),
    "statistics": (
        "multitide.study.results._statistics",
        [
            "tests/study/results/test_statistics.py",
            "tests/study/results/test_skewed_groups.py",
            "tests/study/results/test_coverage.py",
        ],
    ),
    "metrics": (
        "multitide.tasks._metrics",
        [
            "tests/tasks/test_metrics.py",
            "tests/tasks/test_regression.py",
            "tests/tasks/test_classification.py",
            "tests/tasks/test_ranking.py",
            "tests/tasks/test_reliability.py",
        ],
    ),
    "scores": (
        "multitide.calibration._scores",
        ["tests/calibration/test_scores.py", "tests/calibration/test_conformity.py"],
    ),
    "sets": ("multitide.calibration._sets", ["tests/calibration/test_conformity.py"]),
    "intervals": (
        "multitide.calibration._intervals",
        ["tests/calibration/test_conformity.py"],
    ),
    "store": (
        "multitide.model._store",
        [
            "tests/model/test_store.py",
            "tests/model/test_stored_representation.py",
            "tests/model/test_kept.py",
        ],
    ),
    "write_folder": (
        "multitide.model._write_folder",
        ["tests/model/test_write_folder.py", "tests/model/test_store.py"],
    ),
}
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Invert: ast.UAdd,
    ast.USub: ast.UAdd,
}
# A mutant that loops is noticed, too. Of processor time: on a busy machine all take long.
SECONDS = 180


def mutants_of(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield the line, the change and the whole changed module of every mutant."""
    places = list(ast.walk(tree))
    for number, node in enumerate(places):
        if not changed(copy.deepcopy(node)) or makes_no_difference(tree, node):
            continue
        mutant = copy.deepcopy(tree)
        twin = list(ast.walk(mutant))[number]
        before = ast.unparse(node)
        changed(twin)
        yield node.lineno, f"{before}  ->  {ast.unparse(twin)}", mutant


def changed(node: ast.AST) -> bool:
    """Change a node in place, and say whether it was one that can be changed."""
    if isinstance(node, ast.Compare):
        swap = SWAPS.get(type(node.ops[0]))
        if swap:
            node.ops[0] = swap()
        return swap is not None
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
            return True
        swap = SWAPS.get(type(node.op))
        if swap:
            node.op = swap()
        return swap is not None
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".where"):
        node.args[-2:] = reversed(node.args[-2:])
        return len(node.args) == 3
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        node.value = not node.value if type(node.value) is bool else node.value + 1
        return True
    return False


def makes_no_difference(tree: ast.Module, node: ast.AST) -> bool:
    """Say whether a node is part of a type, or the ``strict`` of a `zip` of equal lengths."""
    for parent in ast.walk(tree):
        is_strict = isinstance(parent, ast.keyword) and parent.arg == "strict"
        if is_strict and parent.value is node:
            return True
        for name in ("annotation", "returns"):
            annotation = getattr(parent, name, None)
            if annotation is not None and node in ast.walk(annotation):
                return True
    return False


def survives(module: str, tests: list[str], mutant: ast.Module) -> bool:
    """Run the tests against a mutant in a process of its own."""
    code = compile(ast.fix_missing_locations(mutant), module, "exec")
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        run_tests(module, tests, code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def run_tests(module: str, tests: list[str], code: CodeType) -> None:
    """Import the mutant in place of its module, and end with the exit code of the tests."""
    get_code = importlib.machinery.SourceFileLoader.get_code

    def get_mutant(
        self: importlib.machinery.SourceFileLoader, name: str
    ) -> CodeType | None:
        return code if name == module else get_code(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_mutant  # type: ignore[method-assign]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        os._exit(int(pytest.main([*options, *tests])))
    except BaseException:
        os._exit(1)


def main() -> None:
    """Count the mutants that the tests notice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES))
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    os.chdir(ROOT)
    torch.set_num_threads(1)
    for name in given.modules:
        module, tests = MODULES[name]
        path = ROOT / "src" / (module.replace(".", "/") + ".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not survives(module, tests, tree):
            sys.exit(f"The tests of {name} fail without a change.")
        found = list(mutants_of(tree))[:: given.every]
        lived = 0
        for line, change, mutant in found:
            if survives(module, tests, mutant):
                lived += 1
                print(f"{path.name}:{line}: {change}", flush=True)
        print(f"{name}: {len(found) - lived} of {len(found)} noticed", flush=True)


if __name__ == "__main__":
    main()
