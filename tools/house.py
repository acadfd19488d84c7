"""Measure how readable the package is, side by side with packages that are known for it.

    python tools/house.py [--anchors .venv/anchors]

Everything is counted from syntax trees and tokens: no code is run. A code line is one that holds
code; blank lines, comments and docstrings are not counted. The last column is the median of the
anchors, and a mark shows where ours is worse than that. Rows without a mark are shown only.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import io
import statistics
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Label: the folder inside an installed package.
ANCHORS = {
    "TorchJD": "torchjd",
    "httpx": "httpx",
    "skorch": "skorch",
    "Equinox": "equinox",
    "optuna": "optuna",
    "torchtitan": "torchtitan",
    "sklearn linear": "sklearn/linear_model",
    "aeon class.": "aeon/classification",
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (ast.Module, ast.ClassDef, *FUNCTIONS)
BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.match_case,
    ast.IfExp,
)
LONG_LINE = 100
LONG_FUNCTION = 50
COMPLEX = 10


@dataclass
class Counts:
    """What was counted in the files of one package."""

    file_lines: list[int] = field(default_factory=list)
    folders: Counter[str] = field(default_factory=Counter)
    line_lengths: list[int] = field(default_factory=list)
    function_lines: list[int] = field(default_factory=list)
    complexities: list[int] = field(default_factory=list)
    parameters: list[int] = field(default_factory=list)
    docstring_lines: int = 0
    documented: int = 0
    comments: int = 0
    annotated: int = 0
    with_any: int = 0
    comprehensions: int = 0
    nested: int = 0
    ternaries: int = 0
    private: int = 0
    modules: int = 0


def measure(package: Path) -> Counts:
    """Count everything in a package, its own tests left out."""
    counts = Counts()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if "tests" in place.parts or "testing" in place.parts:
            continue
        count_file(path, place, counts)
    return counts


def count_file(path: Path, place: Path, counts: Counts) -> None:
    """Add one file to the counts."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    counts.file_lines.append(text.count("\n"))
    counts.folders[str(place.parent)] += 1
    if place.name not in ("__init__.py", "__main__.py"):
        counts.modules += 1
        counts.private += any(part.startswith("_") for part in place.parts)
    count_lines(text, docstring_lines(tree), counts)
    for node in ast.walk(tree):
        if isinstance(node, COMPREHENSIONS):
            counts.comprehensions += 1
            counts.nested += holds_another(node)
        elif isinstance(node, ast.IfExp):
            counts.ternaries += 1
        elif isinstance(node, FUNCTIONS):
            count_function(node, counts)


def count_lines(text: str, docstrings: set[int], counts: Counts) -> None:
    """Add the lengths of code lines, and the numbers of comments and docstring lines."""
    code_lines: set[int] = set()
    ignored = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            counts.comments += 1
        if token.type not in ignored:
            code_lines.update(range(token.start[0], token.end[0] + 1))
    for number, line in enumerate(text.splitlines(), start=1):
        if number in code_lines and number not in docstrings and line.strip():
            counts.line_lengths.append(len(line))
    counts.docstring_lines += len(docstrings)


def docstring_lines(tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that docstrings take."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, SCOPES) and has_docstring(node):
            first = node.body[0]
            lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def has_docstring(node: ast.AST) -> bool:
    return isinstance(node, SCOPES) and ast.get_docstring(node, clean=False) is not None


def count_function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, counts: Counts
) -> None:
    """Add one function: its length, complexity, parameters, types and docstring."""
    body = node.body[1:] if has_docstring(node) else node.body
    length = 0
    if body:
        length = (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1
    counts.function_lines.append(length)
    counts.complexities.append(complexity(node))
    counts.documented += has_docstring(node)
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    named = [each for each in arguments if each.arg not in ("self", "cls")]
    counts.parameters.append(len(named))
    types = [each.annotation for each in named]
    extra = [
        each.annotation
        for each in (node.args.vararg, node.args.kwarg)
        if each is not None
    ]
    types += [*extra, node.returns]
    counts.annotated += all(each is not None for each in types)
    counts.with_any += any(mentions_any(each) for each in types if each is not None)


def complexity(node: ast.AST) -> int:
    """Return the number of paths: one, and one more for each branch, without inner functions.

    Branches inside a line count too: ternaries, `and` and `or`, and every `for` and `if` of a
    comprehension. A reader has to follow them like any other.
    """
    total = 1
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            continue
        total += complexity(child) - 1
        if isinstance(child, BRANCHES):
            total += 1
        elif isinstance(child, ast.BoolOp):
            total += len(child.values) - 1
        elif isinstance(child, ast.comprehension):
            total += 1 + len(child.ifs)
    return total


def mentions_any(annotation: ast.expr) -> bool:
    """Whether a type says `Any`, also inside a string."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name) and node.id == "Any":
            return True
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "Any" in node.value
        ):
            return True
    return False


def holds_another(node: ast.AST) -> bool:
    """Whether a comprehension has another one inside."""
    inner = [each for each in ast.walk(node) if isinstance(each, COMPREHENSIONS)]
    return len(inner) > 1


def percentile(values: Iterable[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(values: list[int]) -> str:
    """Return "median / 90th percentile / maximum"."""
    return f"{statistics.median(values):g} / {percentile(values, 0.9)} / {max(values)}"


def per_hundred(number: int, counts: Counts) -> float:
    return 100 * number / len(counts.line_lengths)


def share_of_functions(number: int, counts: Counts) -> float:
    return 100 * number / len(counts.function_lines)


def share_of_lines(number: int, counts: Counts) -> float:
    return 100 * number / sum(counts.file_lines)


def over(values: list[int], limit: int) -> int:
    return sum(value > limit for value in values)


Value = Callable[[Counts], float]
# Rows with a target: (label, value, whether less is better, how it is written).
TARGETS: list[tuple[str, Value, bool, str]] = [
    (
        "complexity, 90th percentile",
        lambda c: percentile(c.complexities, 0.9),
        True,
        "{:.0f}",
    ),
    ("complexity, maximum", lambda c: max(c.complexities), True, "{:.0f}"),
    (
        "complexity above 10, % of functions",
        lambda c: share_of_functions(over(c.complexities, COMPLEX), c),
        True,
        "{:.2f}",
    ),
    (
        "code line, median characters",
        lambda c: statistics.median(c.line_lengths),
        True,
        "{:.0f}",
    ),
    (
        "code line, 90th percentile",
        lambda c: percentile(c.line_lengths, 0.9),
        True,
        "{:.0f}",
    ),
    (
        "lines above 100 characters, %",
        lambda c: per_hundred(over(c.line_lengths, LONG_LINE), c),
        True,
        "{:.2f}",
    ),
    (
        "comprehensions / 100 lines",
        lambda c: per_hundred(c.comprehensions, c),
        True,
        "{:.2f}",
    ),
    ("nested ones / 100 lines", lambda c: per_hundred(c.nested, c), True, "{:.2f}"),
    ("ternaries / 100 lines", lambda c: per_hundred(c.ternaries, c), True, "{:.2f}"),
    (
        "signatures with Any, %",
        lambda c: share_of_functions(c.with_any, c),
        True,
        "{:.1f}",
    ),
    (
        "private modules, %",
        lambda c: 100 * c.private / max(1, c.modules),
        False,
        "{:.0f}",
    ),
]
# Rows that are only shown.
SHOWN: list[tuple[str, Callable[[Counts], str]]] = [
    ("files", lambda c: str(len(c.file_lines))),
    ("code lines", lambda c: str(len(c.line_lengths))),
    (
        "files per folder, median / p90 / max",
        lambda c: spread(list(c.folders.values())),
    ),
    ("file lines, median / p90 / max", lambda c: spread(c.file_lines)),
    ("function lines, median / p90 / max", lambda c: spread(c.function_lines)),
    ("functions above 50 lines", lambda c: str(over(c.function_lines, LONG_FUNCTION))),
    ("parameters, median / p90 / max", lambda c: spread(c.parameters)),
    ("docstrings, % of lines", lambda c: f"{share_of_lines(c.docstring_lines, c):.0f}"),
    (
        "functions with a docstring, %",
        lambda c: f"{share_of_functions(c.documented, c):.0f}",
    ),
    ("comments, % of lines", lambda c: f"{share_of_lines(c.comments, c):.1f}"),
    ("fully annotated, %", lambda c: f"{share_of_functions(c.annotated, c):.0f}"),
]


def table(ours: Counts, anchors: dict[str, Counts]) -> list[list[str]]:
    """Return all rows, the header first."""
    rows = [["", "multitide", "", *anchors, "median"]]
    for label, value, less_is_better, form in TARGETS:
        mine = value(ours)
        others = [value(counts) for counts in anchors.values()]
        middle = statistics.median(others)
        worse = mine > middle if less_is_better else mine < middle
        written = [form.format(other) for other in others]
        mark = "worse" if worse else "ok"
        rows.append([label, form.format(mine), mark, *written, form.format(middle)])
    for label, show in SHOWN:
        rows.append([label, show(ours), "", *map(show, anchors.values()), ""])
    return rows


def test_ratio() -> float:
    """Return the code lines of the tests over those of the package."""
    tests = measure_folder(ROOT / "tests")
    return tests / len(measure(ROOT / "src" / "multitide").line_lengths)


def measure_folder(folder: Path) -> int:
    counts = Counts()
    for path in sorted(folder.rglob("*.py")):
        count_file(path, path.relative_to(folder), counts)
    return len(counts.line_lengths)


def find(folder: str, extra: Path) -> Path | None:
    """Return where an anchor lies: among the extra ones, or installed."""
    if (extra / folder).is_dir():
        return extra / folder
    top, _, rest = folder.partition("/")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], rest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anchors", type=Path, default=ROOT / ".venv" / "anchors")
    extra = parser.parse_args().anchors
    anchors = {}
    for label, folder in ANCHORS.items():
        place = find(folder, extra)
        if place is None:
            print(f"{label} is not installed and is left out.")
        else:
            anchors[label] = measure(place)
    rows = table(measure(ROOT / "src" / "multitide"), anchors)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        print(row[0].ljust(widths[0]), *cells, sep="  ")
    print(f"\ncode lines of tests / code lines of the package: {test_ratio():.2f}")


if __name__ == "__main__":
    main()
