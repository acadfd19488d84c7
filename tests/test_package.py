"""What is installed elsewhere: the wheel, the source archive, and what they say of themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import multitide
from multitide.cli._demo import as_tables

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[.*\])?>=([\d.]+)")
RIG = """
max_epochs = 1
backbone = "fcn"
tasks = ["fault", "severity"]

[data]
path = "rig.csv"
labels = "labels.csv"
series = "run"
time = "time"
ignore = ["machine", "machine_type", "age"]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a source archive, and of a wheel that was built from it."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    expected = set()
    for path in (ROOT / "src").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            expected.add(path.relative_to(ROOT / "src").as_posix())
    with zipfile.ZipFile(wheel_of(built)) as wheel:
        names = set(wheel.namelist())
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == expected
    assert {Path(name).name for name in about} == {
        *("METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"),
    }
    assert "multitide/py.typed" in names


@pytest.mark.slow
def test_the_source_archive_holds_what_tests_and_pages_need(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    needed = {
        *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt"),
        *("constraints-lowest.txt", "CITATION.cff", "docs/conf.py", "docs/index.md"),
        *("tests/makers.py", "examples/tutorials/tables.py", "Makefile"),
    }
    assert needed <= names
    made = ("docs/_build", "docs/reference", "docs/tutorials", ".venv", "runs")
    assert [name for name in names if name.startswith(made)] == []


@pytest.mark.slow
def test_a_wheel_fits_and_predicts_without_the_repository(
    built: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel_of(built)) as wheel:
        wheel.extractall(tmp_path / "installed")
    here = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    run = "import sys; from multitide.cli import main; sys.exit(main())"

    def multitide_of_the_wheel(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", run, *words],
            cwd=tmp_path,
            env=here,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = "import multitide; print(multitide.__file__)"
    found = subprocess.check_output(
        [sys.executable, "-c", where], cwd=tmp_path, env=here, text=True
    )
    assert Path(found.strip()).is_relative_to(tmp_path)
    write_rig(tmp_path)
    multitide_of_the_wheel("fit", "rig.toml", "--output", "run")
    assert (tmp_path / "run/report.md").exists()
    words = ["rig.csv", "--output", "predictions.csv"]
    multitide_of_the_wheel("predict", "run", *words)
    assert (tmp_path / "predictions.csv").exists()


def write_rig(folder: Path) -> None:
    series, labels = as_tables(multitide.simulate_rig(40, n_timepoints=(20, 24)))
    series.to_csv(folder / "rig.csv", index=False)
    labels.to_csv(folder / "labels.csv", index=False)
    (folder / "rig.toml").write_text(RIG, encoding="utf-8")


def wheel_of(folder: Path) -> Path:
    (path,) = folder.glob("*.whl")
    return path


def test_the_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", text, re.MULTILINE) == [multitide.__version__]


def bounds(requirements: list[str]) -> dict[str, str]:
    found = {}
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        if match and match[1] != "multitide":
            found[match[1].lower().replace("_", "-")] = match[2]
    return found


def pins(path: str) -> dict[str, str]:
    found = {}
    for line in (ROOT / path).read_text(encoding="utf-8").splitlines():
        name, equals, version = line.partition("==")
        if equals:
            found[name] = version
    return found


def test_the_lowest_versions_are_the_bounds_of_the_package() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    lowest = pins("constraints-lowest.txt")
    for name, bound in bounds(PROJECT["project"]["dependencies"]).items():
        if name != "torch":  # the workflow of a public forge tests torch's
            assert same_version(lowest[name], bound), name
    for name, bound in bounds(extras["tune"] + extras["excel"]).items():
        assert same_version(lowest[name], bound), name


def test_the_lowest_versions_can_be_installed_together() -> None:
    """What the workflow adds without a pin must be content with the pinned versions."""
    extras = PROJECT["project"]["optional-dependencies"]
    lowest = pins("constraints-lowest.txt")
    added = extras["tune"] + extras["excel"] + extras["explain"] + extras["test"]
    refused = []
    for name in bounds(added).keys() - lowest.keys():
        for line in requires(name) or []:
            needed = Requirement(line)
            pinned = lowest.get(needed.name.lower().replace("_", "-"))
            is_needed = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if pinned and is_needed and pinned not in needed.specifier:
                refused.append(f"{name} needs {line}, but {pinned} is the lowest")
    assert refused == []


def same_version(one: str, other: str) -> bool:
    numbers = [[int(part) for part in version.split(".")] for version in (one, other)]
    length = max(map(len, numbers))
    padded = [number + [0] * (length - len(number)) for number in numbers]
    return padded[0] == padded[1]


def test_what_is_pinned_is_allowed() -> None:
    pinned = pins("constraints.txt")
    missing = []
    for requirements in PROJECT["project"]["optional-dependencies"].values():
        for name in bounds(requirements):
            if name not in pinned:
                missing.append(name)
    assert missing == []
