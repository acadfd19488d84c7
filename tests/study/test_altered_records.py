"""Stored studies that their author altered end in one error or in a study; nothing is written."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import multitide as mt
from alterations import alterations
from fakes import RANDOM, Quick, make_study_samples
from makers import make_samples, small
from multitide import reports
from multitide.backbones import FCN
from multitide.errors import MultitideError
from multitide.study.results import _scores as scores

SECONDS = 20.0  # far more than any reader takes
ROWS = 60
OPTIONS: dict[str, Any] = {"split": RANDOM, "n_seeds": 1, "n_jobs": 1, "verbose": 0}


def make_quick(folder: Path) -> None:
    """A study with an arm that fails."""
    arms = {"hard": "hard", "broken": {"lr": 13.0}}
    samples = make_study_samples(ROWS)
    mt.compare(samples, estimator=Quick(), arms=arms, folder=folder, **OPTIONS)


def make_full(folder: Path) -> None:
    """A study with groups that were found, conditions, and networks that were trained."""
    backbone = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
    estimator = small(backbone=backbone, max_epochs=1, verbose=0)
    arms = {"two": {"groups": "affinity"}}
    more = {"arms": arms, "conditions": True, "folder": folder}
    mt.compare(make_samples(ROWS), estimator=estimator, **more, **OPTIONS)


def make_curve(folder: Path) -> None:
    samples = make_study_samples(200)
    more = {"shares": [0.5, 1.0], "arms": ["hard"], "folder": folder}
    mt.label_curve(samples, estimator=Quick(), **more, **OPTIONS)


def make_many(folder: Path) -> None:
    studies = {}
    for seed, name in enumerate("ab"):
        study = {"samples": make_study_samples(ROWS, seed=seed), "split": RANDOM}
        studies[name] = study | {"estimator": Quick(), "arms": ["hard"], "n_jobs": 1}
    mt.compare_many(studies, folder=folder, verbose=0)


def read_study(folder: Path, elsewhere: Path) -> None:
    study = mt.Comparison.load(folder)
    assert str(study) and repr(study) and study._repr_html_()
    assert len(study.effort) and len(study.counts) and len(study.test)
    for run in study.evidence.run_keys:
        study.history(*run)
    study.save(elsewhere / "again")
    mt.write_study_report(study, elsewhere / "again")


def read_curve(folder: Path, elsewhere: Path) -> None:
    curve = mt.LabelCurve.load(folder)
    assert str(curve) and curve.sentences() and len(curve.mean_gains)
    curve.save(elsewhere / "again")
    reports.write_curve_report(curve, elsewhere / "again")


def read_many(folder: Path, elsewhere: Path) -> None:
    studies = mt.Comparisons.load(folder)
    assert str(studies) and len(studies.pairs)
    studies.save(elsewhere / "again")
    reports.write_overview(studies, elsewhere / "again")


Reader = Callable[[Path, Path], None]
MAKERS = {
    "quick": (make_quick, read_study),
    "full": (make_full, read_study),
    "curve": (make_curve, read_curve),
    "many": (make_many, read_many),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of each kind; it is made when it is first asked for."""
    place = tmp_path_factory.mktemp("stored")

    def folder_of(kind: str) -> Path:
        folder = place / kind
        if not folder.exists():
            MAKERS[kind][0](folder)
        return folder

    return folder_of


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute each table of metrics once, and draw nothing: its errors are caught anyway."""
    known: dict[Any, pd.DataFrame] = {}

    def measure(
        target: Any, labels: pd.DataFrame, answers: np.ndarray, *more: Any
    ) -> pd.DataFrame:
        key = (
            *(repr(target.task), labels.to_json()),
            *(answers.tobytes(), answers.shape, repr(more)),
        )
        if key not in known:
            known[key] = measured(target, labels, answers, *more)
        return known[key]

    measured = scores.measure
    monkeypatch.setattr(scores, "measure", measure)
    monkeypatch.setattr(Figure, "subplots", refuse_to_draw)


def refuse_to_draw(*_: object, **__: object) -> None:
    raise RuntimeError("not drawn in this test")


def files(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in folder.rglob("*"):
        found[str(path)] = path.read_bytes() if path.is_file() else b""
    return found


def check(folder: Path, read: Reader, elsewhere: Path) -> str:
    """Return how reading ended: "" for a study or one message, else what was wrong."""
    before, began = files(folder), time.perf_counter()
    wrong = ""
    try:
        read(folder, elsewhere)
    except MultitideError as error:
        if len(str(error)) > 2000 or "Traceback" in str(error):
            wrong = f"a message of {len(str(error))} characters"
    except Exception as error:
        wrong = f"{type(error).__name__}: {str(error)[:200]}"
    if time.perf_counter() - began > SECONDS:
        wrong += " slow"
    if files(folder) != before:
        wrong += " files were changed"
    if {path.name for path in elsewhere.iterdir()} - {"again", folder.name}:
        wrong += " files were written elsewhere"
    shutil.rmtree(elsewhere / "again", ignore_errors=True)
    return wrong


RECORDS = [
    ("quick", "study.json", 1999),
    ("quick", "runs/*/run.json", 499),
    ("full", "study.json", 4999),
    ("curve", "curve.json", 13),
    ("many", "studies.json", 31),
]


def record_cases() -> list[Any]:
    """Return a few alterations of each record, and more of them as slow tests."""
    cases = []
    for kind, name, every in RECORDS:
        cases.append(pytest.param(kind, name, every, id=f"{kind}-{name}"))
        more = max(1, every // 30)
        slow = pytest.param(kind, name, more, marks=pytest.mark.slow)
        cases.append(slow)
    return cases


@pytest.mark.parametrize(("kind", "name", "every"), record_cases())
@pytest.mark.filterwarnings("ignore::multitide.MultitideWarning")
def test_every_altered_value_ends_in_one_error_or_in_a_study(
    stored: Callable[[str], Path], tmp_path: Path, kind: str, name: str, every: int
) -> None:
    folder = Path(shutil.copytree(stored(kind), tmp_path / "study"))
    path = next(folder.glob(name))
    n_altered, wrong = 0, []
    for change, record in alterations(json.loads(path.read_text("utf-8")), every):
        path.write_text(json.dumps(record), "utf-8")
        n_altered += 1
        if problem := check(folder, MAKERS[kind][1], tmp_path):
            wrong.append((change, problem))
    assert not wrong
    assert n_altered >= 2


Edit = Callable[[pd.DataFrame], pd.DataFrame]
EDITS: dict[str, Edit] = {
    "texts": lambda table: table.astype("str"),
    "lists": lambda table: table.assign(**{table.columns[-1]: [[1]] * len(table)}),
    "missing": lambda table: table.assign(**{table.columns[0]: None}),
    "huge": lambda table: table.assign(**dict.fromkeys(table.columns, 10**12)),
    "infinite": lambda table: table.assign(**dict.fromkeys(table.columns, np.inf)),
    "negative": lambda table: table.assign(**dict.fromkeys(table.columns, -1)),
    "zero": lambda table: table.assign(**dict.fromkeys(table.columns, 0)),
    "no rows": lambda table: table.head(0),
    "twice": lambda table: pd.concat([table, table]),
    "no columns": lambda table: table.iloc[:, :0],
    "one column": lambda table: table.iloc[:, :1],
    "other names": lambda table: table.add_prefix("../../"),
    "an index": lambda table: table.set_index(table.columns[0]),
}
# The tables, and every n-th edit: the report is written after edits that are no damage.
TABLES: list[Any] = [("labels", 1), ("splits", 1), ("test", 1)]
for of_fit in ("runs/*/predictions", "runs/*/history"):
    TABLES.append((of_fit, 6))
    TABLES.append(pytest.param(of_fit, 1, marks=pytest.mark.slow))


@pytest.mark.parametrize(("name", "every"), TABLES)
@pytest.mark.filterwarnings("ignore::multitide.MultitideWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_altered_table_ends_in_one_error_or_in_a_study(
    stored: Callable[[str], Path], tmp_path: Path, name: str, every: int
) -> None:
    folder = Path(shutil.copytree(stored("quick"), tmp_path / "study"))
    path = next(folder.glob(f"{name}.parquet"))
    table = pd.read_parquet(path)
    wrong = []
    for edit in list(EDITS)[::every]:
        EDITS[edit](table).to_parquet(path)
        if problem := check(folder, read_study, tmp_path):
            wrong.append((edit, problem))
    assert not wrong
