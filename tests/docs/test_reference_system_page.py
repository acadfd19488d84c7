"""`docs/guide/reference-system.md` tells the truth: its defaults are the code's, and every test that it names is there."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from multitide.compat._page import PAGES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "reference-system.md").read_text()
MULTI = "LSTM_FCNs_multi"


def rows() -> list[list[str]]:
    table = PAGE.split("## Names, defaults, ranges")[1].split("\n\n")[2]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def models_of(cell: str) -> list[str]:
    known = [model for model in PAGES if model != "1D CNN"]
    if cell.startswith("all"):
        return [model for model in known if cell == "all" or model != MULTI]
    return [MULTI if name == "multi" else name for name in cell.split(", ")]


def told() -> dict[tuple[str, str], str]:
    return {
        (model, name): default
        for models, names, _, default, _ in rows()
        for name in re.findall(r"`(\w+)`", names.split(", also")[0])
        if name not in ("model", "best_model_path")
        for model in models_of(models)
    }


def test_the_table_has_every_hyperparameter_of_every_model_with_its_default() -> None:
    coded = {
        (model, field.name): "no default" if field.default is MISSING else str(field.default)
        for model, page in PAGES.items()
        if model != "1D CNN"
        for field in fields(page)
    }
    assert told() == coded


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE))))
def test_every_test_that_is_named_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text()


def test_every_capability_has_a_test_or_is_not_there_yet() -> None:
    tables = PAGE.split("## The README")[1]
    lines = [
        line
        for line in tables.splitlines()
        if line.startswith("| ") and not line.startswith(("| line", "| capab"))
    ]
    assert lines
    for line in lines:
        last = line.strip("|").split("|")[-1].strip()
        assert last == "not yet" or "::test_" in last, line
