"""The hyperparameters and defaults of docs/guide/reference-system.md are those of the code."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields

from documents import page
from multitide.compat._hyperparameters import PAGES

PAGE = page("guide/reference-system")
MULTI = "LSTM_FCNs_multi"


def rows() -> list[list[str]]:
    table = PAGE.split("## Names, defaults, ranges")[1].split("\n\n")[2]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()[2:]
    ]


def models_of(cell: str) -> list[str]:
    known = [model for model in PAGES if model != "1D CNN"]
    if cell.startswith("all"):
        return [model for model in known if cell == "all" or model != MULTI]
    return [MULTI if name == "multi" else name for name in cell.split(", ")]


def defaults_of_the_page() -> dict[tuple[str, str], str]:
    return {
        (model, name): default
        for models, names, _, default, _ in rows()
        for name in re.findall(r"`(\w+)`", names.split(", also")[0])
        if name not in ("model", "best_model_path")
        for model in models_of(models)
    }


def test_the_table_has_every_hyperparameter_of_every_model_with_its_default() -> None:
    coded = {
        (model, field.name): "no default"
        if field.default is MISSING
        else str(field.default)
        for model, page in PAGES.items()
        if model != "1D CNN"
        for field in fields(page)
    }
    assert defaults_of_the_page() == coded
