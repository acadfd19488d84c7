"""What `check` accepts, `fit` accepts, and the other way round; nothing is trained here."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from makers import a_third_now
from multitide import _carry_out, config_problems, run_fit
from multitide._toml import toml_text
from multitide.errors import MultitideError

TABLE: dict[str, Any] = {
    "max_epochs": 2,
    "random_state": 0,
    "data": {"path": "data.csv", "window": 20, "series": "run"},
    "split": {"by": "group", "test": 0.25},
    "tasks": [{"name": "state"}, {"name": "load"}],
    "backbone": {"name": "fcn"},
}
# Path of the value, and what it is changed to.
CHANGES: list[tuple[str, object]] = [
    ("max_epochs", 1),
    ("max_epochs", True),
    ("max_epochs", 0),
    ("max_epochs", 2.0),
    ("lr", float("inf")),
    ("lr", 1),
    ("batch_size", "auto"),
    ("batch_size", "many"),
    ("batch_size", 10**9),
    ("keep", "per_task"),
    ("keep", "best"),
    ("device", "tpu"),
    ("validation", 2.0),
    ("validation", 0.2),
    ("validation", 0.001),
    ("validation", "none"),
    ("validation", True),
    ("random_state", -1),
    ("weighting", "search"),
    ("weighting", "uniform"),
    ("weighting", "nothing"),
    ("aggregator", "pcgrad"),
    ("aggregator", {"name": "pcgrad", "at": "features"}),
    ("sharing", "none"),
    ("sharing", "cross_stitch"),
    ("sharing", {"name": "hard", "branch": 1}),
    ("sharing", {"name": "hard", "branch": 9}),
    ("sharing", {"name": "hard", "head_units": 10**9}),
    ("sharing", {"name": "soft", "branch": 9}),
    ("backbone", "lstm"),
    ("backbone", {"name": "lstm", "num_layers": True}),
    ("backbone", {"name": "lstm", "bidirectional": 1}),
    ("backbone", {"name": "lstm", "hidden_size": 65_536}),
    ("backbone", {"name": "fcn", "kernel_sizes": [30, 5, 3]}),
    ("backbone", {"name": "fcn", "kernel_sizes": [8, 5]}),
    ("backbone", {"name": "fcn", "filters": []}),
    ("backbone", "linear"),
    ("backbone", "fc"),
    ("training", {"refit": 1}),
    ("training", {"refit": True}),
    ("training", {"freeze": 9}),
    ("training", {"freeze": 1}),
    ("training", {"pretrain": ["load"]}),
    ("training", {"pretrain": ["lod"]}),
    ("training", {"start": "nowhere"}),
    ("training", {"patience": "none"}),
    ("training", {"patience": 0}),
    ("training", {"mixing": "equal"}),
    ("inputs", {"n_channels": 7}),
    ("inputs", {"n_timepoints": 21}),
    ("inputs", {"n_timepoints": 20}),
    ("inputs", {"clip": 0.7}),
    ("inputs", {"encodings": ["difference"]}),
    ("inputs", {"encodings": ["differences"]}),
    ("inputs", {"representation": "minirocket"}),
    ("inputs", {"representation": "model:nowhere"}),
    ("split.test", 0.0),
    ("split.test", 0.9),
    ("split.by", "time"),
    ("split.by", "random"),
    ("split.by", "column"),
    ("data.window", 3),
    ("data.window", 10**9),
    ("data.stride", 0),
    ("data.channels", ["x", "nothing"]),
    ("tasks", [{"name": "state", "kind": "regression"}]),
    ("tasks", [{"name": "state", "kind": "multi_label"}]),
    ("tasks", [{"name": "load", "kind": "forecast", "horizon": 3}]),
    ("tasks", [{"name": "load", "kind": "forecast", "horizon": 10**8}]),
    ("tasks", [{"name": "constant"}]),
    ("tasks", [{"name": "seldom"}]),
    ("tasks", []),
]


class Training(Exception):
    """The training would begin."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = np.arange(1200)
    seldom = np.where(rows == 5, "b", None)
    table = pd.DataFrame(
        {
            "run": rows // 60,
            "x": np.sin(rows / 5),
            "state": np.where(rows // 60 % 2, "on", "off"),
            "load": np.cos(rows / 7),
            "constant": 1.5,
            "seldom": seldom,
        }
    )
    made = tmp_path_factory.mktemp("agree")
    table.to_csv(made / "data.csv", index=False)
    return made


def changed(path: str, value: object) -> dict[str, Any]:
    table = copy.deepcopy(TABLE)
    *parents, last = path.split(".")
    place = table
    for name in parents:
        place = place[name]
    place[last] = value
    return table


def fit_refuses(path: Path, output: Path) -> str:
    try:
        run_fit(path, output, verbose=0)
    except Training:
        return ""
    except MultitideError as error:
        return str(error)
    raise AssertionError("neither trained nor refused")


@pytest.fixture(autouse=True)
def never_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*arguments: object) -> None:
        raise Training

    monkeypatch.setattr(_carry_out, "fit_model", begin)
    monkeypatch.setattr(_carry_out, "fit_encoder", begin)


@pytest.mark.filterwarnings("ignore::multitide.MultitideWarning")
@pytest.mark.parametrize(("path", "value"), a_third_now(CHANGES), ids=map(str, CHANGES))
def test_check_and_fit_agree(
    folder: Path, tmp_path: Path, path: str, value: object
) -> None:
    config = folder / f"{tmp_path.name}.toml"
    config.write_text(toml_text(changed(path, value)), encoding="utf-8")
    problems = config_problems(config)
    refusal = fit_refuses(config, tmp_path / "run")
    assert bool(problems) == bool(refusal), (problems, refusal)


def test_both_answers_occur(folder: Path) -> None:
    config = folder / "plain.toml"
    config.write_text(toml_text(TABLE), encoding="utf-8")
    assert config_problems(config) == []
