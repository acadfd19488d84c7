"""Lines of the package stay plain: no comprehension inside another, none that only assigns."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import multitide

PACKAGE = Path(multitide.__file__).parent
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FILES = sorted(PACKAGE.rglob("*.py"))


def dense_lines(tree: ast.AST) -> list[str]:
    """Return the comprehensions that a reader has to unfold, as "line: why"."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, COMPREHENSIONS):
            continue
        inner = [each for each in ast.walk(node) if isinstance(each, COMPREHENSIONS)]
        if len(inner) > 1:
            found.append(f"{node.lineno}: nested comprehension")
        for loop in node.generators:
            if (
                isinstance(loop.iter, (ast.Tuple, ast.List))
                and len(loop.iter.elts) == 1
            ):
                found.append(f"{node.lineno}: comprehension that assigns")
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp):
            branches = (node.body, node.orelse)
            if any(isinstance(branch, ast.IfExp) for branch in branches):
                found.append(f"{node.lineno}: chained ternary")
    return found


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("[[y for y in x] for x in z]", "nested comprehension"),
        ("sum(max(y for y in x) for x in z)", "nested comprehension"),
        ("[y for x in z for y in (f(x),)]", "comprehension that assigns"),
        ("a if b else c if d else e", "chained ternary"),
    ],
)
def test_dense_lines_are_found(code: str, why: str) -> None:
    assert why in " ".join(dense_lines(ast.parse(code)))


def test_lines_are_plain() -> None:
    dense = {
        str(path.relative_to(PACKAGE)): dense_lines(
            ast.parse(path.read_text(encoding="utf-8"))
        )
        for path in FILES
    }
    assert {name: lines for name, lines in dense.items() if lines} == {}
