"""What an optional package is needed for is said in one sentence, by one owner."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import multitide
from multitide._require_extra import EXTRAS, missing_extra, require_extra
from multitide.errors import MissingDependencyError

ROOT = Path(__file__).parents[1]
IMPORTED = {"mlflow-skinny": "mlflow"}  # by the name of the distribution
OF_DEVELOPERS = {"test", "dev", "docs", "bench"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = PROJECT["project"]["optional-dependencies"]


def test_the_extras_are_those_of_the_package() -> None:
    assert set(EXTRAS) == set(DECLARED) - OF_DEVELOPERS
    for extra, packages in EXTRAS.items():
        names = {re.split(r"[\[><=]", line)[0] for line in DECLARED[extra]}
        assert set(packages) <= {IMPORTED.get(name, name) for name in names}


@pytest.mark.parametrize("extra", [extra for extra in EXTRAS if EXTRAS[extra]])
def test_each_missing_package_is_named_with_its_remedy(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = set(EXTRAS[extra])
    monkeypatch.setattr(
        "multitide._require_extra.find_spec",
        lambda name: name if name in there else None,
    )
    require_extra(extra, "This")
    for package in EXTRAS[extra]:
        there.remove(package)
        with pytest.raises(MissingDependencyError) as caught:
            require_extra(extra, "This")
        there.add(package)
        assert str(caught.value) == (
            f"This needs {package}, which is not installed. "
            f'pip install "multitide[{extra}]"'
        )


def test_several_packages_and_unknown_ones_are_one_sentence() -> None:
    several = str(missing_extra("serve", "The server", ["fastapi", "uvicorn"]))
    assert "needs fastapi and uvicorn, which are not installed. pip" in several
    unknown = str(missing_extra("balancing", "`aggregator` NashMTL"))
    assert "NashMTL needs packages that are not installed. pip" in unknown


def test_no_other_file_says_how_to_install_an_extra() -> None:
    others = []
    for path in Path(multitide.__file__).parent.rglob("*.py"):
        said = re.search(r"(?<!`)pip install \"multitide\[", path.read_text("utf-8"))
        if said and path.name != "_require_extra.py":
            others.append(path.name)
    assert others == []
