"""The package is as docs/internals/architecture.md draws it: imports only go down."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import multitide

PACKAGE = Path(multitide.__file__).parent
ROOT = Path(__file__).parents[1]

# From the top of the house to the ground; docs/internals/architecture.md shows the same picture.
FLOORS = {
    "surface": [
        "__main__",
        "_compare_runs",
        "_run_fit",
        "cli",
        "plot",
        "reports",
        "serving",
    ],
    "api": [
        "_alarm_lead_times",
        "_carry_out",
        "_fit_as_planned",
        "_estimator",
        "_gradient_flow",
        "_load",
        "_load_to_predict",
        "_network_or_default",
        "_open_checkpoint",
        "_plan_fit",
        "_train",
        "_uncalibrated",
        "compat",
        "config",
        "drift",
        "ensemble",
        "exporting",
        "methods",
        "reasons",
        "study",
        "tuning",
    ],
    "assembly": ["_registries", "fitting", "model", "network", "training"],
    "parts": [
        "backbones",
        "balancing",
        "calibration",
        "encodings",
        "representations",
        "sharing",
        "tasks",
    ],
    "data": ["data"],
    "ground": [
        "_available_memory",
        "_bf16",
        "_budget",
        "_checks",
        "_claim_folder",
        "_count_values",
        "_folder_kinds",
        "_forgotten_fits",
        "_known_arguments",
        "_local_copy",
        "_installed_versions",
        "_interrupts",
        "_notebook",
        "_one_process",
        "_own_random_numbers",
        "_part",
        "_partial_folder",
        "_patient_console",
        "_quiet",
        "_ready_to_predict",
        "_require_extra",
        "_require_fitted",
        "_result_folder",
        "_silence",
        "_strict_numbers",
        "_threads",
        "_together",
        "_toml",
        "_torch_defaults",
        "_visible",
        "_walk",
        "_weighted_mean",
        "_without_password",
        "engines",
        "errors",
    ],
}
FORBIDDEN_NAMES = {"utils", "common", "helpers", "base", "util", "helper", "misc"}
MAY_PRINT = {"cli", "ensemble._progress", "training._progress_bar"}
HEAVY = ("torch", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "pyarrow")


def dotted(path: Path) -> str:
    """`src/multitide/tasks/task.py` -> `tasks.task`; a package is its `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def nodes(module: str) -> list[ast.AST]:
    """All nodes of the syntax tree of a module."""
    return list(ast.walk(ast.parse(MODULES[module].read_text())))


def imported(module: str, for_types: bool) -> Iterator[str]:
    """Yield the modules that `module` imports, also inside functions, and for types if asked."""
    only_types = {
        inner
        for node in nodes(module)
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in nodes(module):
        if node in only_types and not for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{module} imports relatively; say `from multitide...`"
            )
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "multitide":
                yield resolve(name.removeprefix("multitide").lstrip("."))


def resolve(name: str) -> str:
    """The module that an imported name lies in: `tasks.task.Task` -> `tasks.task`."""
    if name in MODULES or name == "__version__":
        return name if name in MODULES else ""
    outer = name.rpartition(".")[0]
    assert outer in MODULES and outer, (
        f"`from multitide import {name}`: import from the module that holds it"
    )
    return outer


@cache
def graph(for_types: bool = True) -> dict[str, set[str]]:
    return {
        module: {other for other in imported(module, for_types) if other != module}
        for module in MODULES
    }


def floor_of(module: str) -> int:
    top = module.split(".")[0]
    return next(
        height for height, names in enumerate(reversed(FLOORS.values())) if top in names
    )


def test_every_module_has_a_floor_and_every_room_exists() -> None:
    on_floors = [name for names in FLOORS.values() for name in names]
    there = {module.split(".")[0] for module in MODULES} - {""}
    assert sorted(on_floors) == sorted(there)


def test_imports_only_go_down() -> None:
    upward = [
        f"{module} -> {other}"
        for module, others in graph().items()
        if module
        for other in others
        if other and floor_of(other) > floor_of(module)
    ]
    assert not upward


def cycle(arrows: dict[str, set[str]]) -> list[str]:
    """The nodes of a cycle, its first one at both ends; empty without any."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_have_no_cycle() -> None:
    assert cycle({"a": {"b"}, "b": {"a"}})  # one would be seen
    assert cycle(graph(for_types=False)) == []


@pytest.mark.parametrize("depth", [1, 2])
def test_rooms_have_no_cycle(depth: int) -> None:
    """A package sees another only one way, so that each can be read after those below it."""
    rooms: dict[str, set[str]] = {}
    for module, others in graph(for_types=False).items():
        room = room_of(module, depth)
        rooms.setdefault(room, set()).update(
            room_of(other, depth) for other in others if other
        )
        rooms[room].discard(room)
    del rooms[""]
    assert cycle(rooms) == []


def room_of(module: str, depth: int) -> str:
    """`study.design._arms` lies in `study`, and there in `study.design`."""
    return ".".join(module.split(".")[:depth])


def is_private(module: str) -> bool:
    return module.split(".")[-1].startswith("_")


def test_modules_are_private_but_for_those_that_users_import() -> None:
    packages = {dotted(path) for path in PACKAGE.rglob("__init__.py")}
    public = {module for module in MODULES if not is_private(module)} - packages
    assert public == {"errors", "methods", "data.datasets"}


@pytest.mark.parametrize(
    "name", [name for name in multitide.__all__ if name[0].islower()]
)
def test_a_public_function_lives_in_a_file_of_its_name(name: str) -> None:
    home = getattr(multitide, name).__module__
    assert home.split(".")[-1] == f"_{name}"


def test_the_picture_in_the_docs_is_this_one() -> None:
    picture = (
        (ROOT / "docs" / "internals" / "architecture.md").read_text().split("```")[1]
    )
    drawn: dict[str, list[str]] = {}
    for line in picture.strip().splitlines():
        words = line.replace("·", " ").replace("/", " ").split()
        floor = words.pop(0) if not line.startswith(" ") else list(drawn)[-1]
        drawn.setdefault(floor, []).extend(words)
    told = {
        floor: sorted(name for name in names if name != "__main__")
        for floor, names in FLOORS.items()
    }
    assert {floor: sorted(names) for floor, names in drawn.items()} == told


def test_modules_have_telling_names() -> None:
    vague = [
        module for module in MODULES if FORBIDDEN_NAMES.intersection(module.split("."))
    ]
    assert vague == []


def test_modules_have_a_readable_length() -> None:
    lengths = {module: path.read_text().count("\n") for module, path in MODULES.items()}
    assert {module: n for module, n in lengths.items() if n > 400} == {}


def prints(module: str) -> list[int]:
    """The lines of a module that call ``print``."""
    return [
        node.lineno
        for node in nodes(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]


def test_only_the_command_and_the_progress_bar_print() -> None:
    stray = [
        module
        for module in MODULES
        if prints(module) and not {module, module.split(".")[0]} & MAY_PRINT
    ]
    assert stray == []


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_needs_no_heavy_package(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from multitide.cli import main\n"
        f"sys.argv = ['multitide', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('HEAVY', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["HEAVY"]


# What only training, figures or a study need, and what takes long to import.
LATER = (
    *("jinja2", "matplotlib", "optuna"),
    *("narwhals", "scipy", "sklearn", "multitide._estimator", "multitide.ensemble"),
    *("multitide.plot", "multitide.reports", "multitide.study", "multitide.tuning"),
)


KEPT_MODEL = ROOT / "tests" / "model" / "kept" / "0.1" / "network"
CHECKED = """
[data]
path = "table.csv"
window = 2

[[tasks]]
name = "state"
"""


def test_prediction_and_check_import_nothing_that_they_do_not_need(
    tmp_path: Path,
) -> None:
    rows = [f"{i * i % 7 + 0.5},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["x,state", *rows]))
    (tmp_path / "run.toml").write_text(CHECKED)
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from multitide._load_to_predict import load_to_predict\n"
        f"model = load_to_predict({str(KEPT_MODEL)!r})\n"
        "model.predict(np.zeros((1, model.n_channels_in_, model.n_timepoints_in_)))\n"
        "import multitide.cli._predict\n"
        "import multitide.cli._show\n"
        "import multitide.config._config_problems\n"
        "import multitide.data._how_split\n"
        "import multitide.data.tables._read_like\n"
        "import multitide.model._table_record\n"
        "from multitide.config._config_problems import config_problems\n"
        f"assert config_problems({str(tmp_path / 'run.toml')!r}) == []\n"
        f"print(*(name for name in {LATER!r} if name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
