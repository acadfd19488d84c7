"""A study on disk: its settings and its splits next to its runs.

Metrics and gains are computed from these when a study is read. Reading writes and deletes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from multitide._folder_kinds import STUDY_FORMAT
from multitide._result_folder import (
    damaged,
    read_record,
    validated,
    writable,
    write_file,
)
from multitide.data._split import Split, held_out_rows
from multitide.data._write_table import write_table
from multitide.errors import MultitideError
from multitide.study._study_record import (
    SCHEMA,
    DataRecord,
    RunsRecord,
    StudyRecord,
)
from multitide.study.design._protocol import Protocol
from multitide.study.design._study_data import StudyData
from multitide.study.grouping._grouping import Grouping
from multitide.study.results._evidence import Evidence
from multitide.study.runs._fit_store import read_fit, runs_folder, write_fit
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import RunName
from multitide.tasks import Task, label_names, task_from_config, task_to_config

STUDY, LABELS, SPLITS, TEST = (
    "study.json",
    "labels.parquet",
    "splits.parquet",
    "test.parquet",
)
WEIGHTS = "weights.parquet"
RESULTS, RUNS = "results.parquet", "runs.parquet"
SETS = ("train", "validation", "test")

# For each arm its ``groups`` of tasks and its ``settings``, as plain values.
ArmSettings = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class StoredStudy:
    """All that is stored of a :class:`multitide.Comparison`.

    Attributes
    ----------
    evidence : Evidence
    settings : dict of str to dict
        By arm.
    margin, confidence : float
    facts : dict or None
    groupings : dict of str to Grouping
    conditions : tuple of (Evidence, settings) or None
        Of the arms that the conditions are checked with.
    """

    evidence: Evidence
    settings: ArmSettings
    margin: float
    confidence: float
    facts: Mapping[str, Any] | None = None
    groupings: Mapping[str, Grouping] = field(default_factory=dict)
    conditions: tuple[Evidence, ArmSettings] | None = None


def save(
    folder: Path, study: StoredStudy, results: pd.DataFrame, runs: pd.DataFrame
) -> None:
    """Write a study; see :meth:`Comparison.save`.

    Parameters
    ----------
    folder : path
        Created if missing. An earlier study is replaced, except for its runs.
    study : StoredStudy
    results, runs : DataFrame
        For other programs; they are not read back.
    """
    stored_runs = runs_folder(folder)
    protocol = study.evidence.protocol
    for fit in _fits_of(study):
        if fit.done and not (stored_runs / fit.key).is_dir():
            write_fit(fit, stored_runs)
    with writable(folder):
        for data, place in zip(
            protocol.data, _places(len(protocol.data), folder), strict=True
        ):
            place.mkdir(exist_ok=True)
            write_table(data.y, place / LABELS)
            write_table(_splits_table(data.splits), place / SPLITS)
            write_table(data.test, place / TEST)
            if data.weights is not None:
                write_table(data.weights, place / WEIGHTS)
        write_table(results, folder / RESULTS)
        write_table(runs, folder / RUNS)
        content = json.dumps(
            _content(study), indent=1, ensure_ascii=False, default=repr
        )
        write_file(folder / STUDY, content)


def load(folder: Path) -> StoredStudy:
    """Read a study; see :meth:`Comparison.load`."""
    path = folder / STUDY
    content = read_record(
        path, STUDY_FORMAT, {SCHEMA}, "Run `multitide compare` again."
    )
    record = validated(content, StudyRecord, path)
    protocol = _read_protocol(record, folder)
    conditions = None
    if record.conditions is not None:
        settings = _settings(record.conditions)
        conditions = _read_evidence(record.conditions, protocol, folder), settings
    groupings = {}
    for arm, stored in record.groupings.items():
        groupings[arm] = Grouping.from_config(stored)
    return StoredStudy(
        evidence=_read_evidence(record, protocol, folder),
        settings=_settings(record),
        margin=record.margin,
        confidence=record.confidence,
        facts=content["facts"],
        groupings=groupings,
        conditions=conditions,
    )


# -- writing ---------------------------------------------------------------------------------------


def _fits_of(study: StoredStudy) -> list[Fit]:
    fits = dict(study.evidence.fits)
    if study.conditions is not None:
        fits |= study.conditions[0].fits
    return list(fits.values())


def _content(study: StoredStudy) -> dict[str, object]:
    protocol = study.evidence.protocol
    data = []
    for each in protocol.data:
        described = {"name": each.name, "task_names": each.task_names}
        described["weights"] = [] if each.weights is None else list(each.weights)
        data.append(described | {"fingerprints": each.fingerprints})
    conditions = None
    if study.conditions is not None:
        conditions = _runs_content(*study.conditions)
    groupings = {}
    for arm, grouping in study.groupings.items():
        groupings[arm] = grouping.to_config()
    return {
        "format": STUDY_FORMAT,
        "schema_version": SCHEMA,
        "tasks": list(map(task_to_config, protocol.tasks)),
        "n_seeds": protocol.n_seeds,
        "data": data,
        **_runs_content(study.evidence, study.settings),
        "margin": float(study.margin),
        "confidence": float(study.confidence),
        "facts": study.facts,
        "groupings": groupings,
        "conditions": conditions,
    }


def _runs_content(evidence: Evidence, settings: ArmSettings) -> dict[str, object]:
    runs = []
    for name, keys in evidence.run_keys.items():
        runs.append([*name, keys])
    failed = {}
    for key, fit in evidence.fits.items():
        if not fit.done:
            failed[key] = fit.facts
    return {"settings": settings, "runs": runs, "failed": failed}


def _places(n_data: int, folder: Path) -> list[Path]:
    """Return the folder of each data set; they are numbered, because names can be anything."""
    if n_data == 1:
        return [folder]
    places = []
    for number in range(1, n_data + 1):
        places.append(folder / f"data-{number}")
    return places


def _splits_table(splits: list[Split]) -> pd.DataFrame:
    parts = []
    for fold, split in enumerate(splits):
        for side in SETS:
            rows = np.asarray(getattr(split, side), dtype=np.int64)
            parts.append(pd.DataFrame({"fold": fold, "side": side, "row": rows}))
    return pd.concat(parts, ignore_index=True)


# -- reading ---------------------------------------------------------------------------------------


def _settings(record: RunsRecord) -> ArmSettings:
    settings = {}
    for arm, described in record.settings.items():
        settings[arm] = described.model_dump()
    return settings


def _read_evidence(record: RunsRecord, protocol: Protocol, folder: Path) -> Evidence:
    """Read the fits of some arms; a fit that is missing or damaged is left out."""
    tasks_of = {}
    for arm, described in record.settings.items():
        tasks_of[arm] = list(chain.from_iterable(described.groups))
        if unknown := set(tasks_of[arm]) - set(protocol.names):
            raise damaged(
                folder / STUDY, f"{arm!r} has unknown tasks {sorted(unknown)}"
            )
    fits: dict[str, Fit] = {}
    for key, facts in record.failed.items():
        fits[key] = Fit(key, facts.facts())
    run_keys: dict[RunName, list[str]] = {}
    evidence = Evidence(protocol, run_keys, fits, tasks_of)
    for arm, seed, fold, keys in record.runs:
        run_keys[arm, seed, fold] = keys
        for key in keys:
            fit = fits.get(key) or read_fit(folder / "runs", key)
            if fit is not None:
                _check_answers(fit, fold, evidence, folder / "runs" / key)
                fits[key] = fit
    return evidence


def _check_answers(fit: Fit, fold: int, evidence: Evidence, path: Path) -> None:
    """Raise unless a fit predicts every sample of the test set, as its task is predicted."""
    for task, answers in fit.answers.items():
        if task not in evidence.protocol.names:
            raise damaged(path, f"it predicts an unknown task {task!r}")
        n_test = len(evidence.protocol.question(task).data.splits[fold].test)
        if len(answers) != n_test:
            raise damaged(path, f"it has {len(answers)} predictions of {n_test}")
        wanted = evidence.targets[task, fold].constant(n_test).shape
        if answers.shape != wanted:
            raise damaged(
                path, f"its predictions of {task!r} are {answers.shape}, not {wanted}"
            )


def _read_protocol(record: StudyRecord, folder: Path) -> Protocol:
    try:
        tasks = []
        for task in record.tasks:
            tasks.append(task_from_config(task))
    except (MultitideError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder / STUDY, error) from error
    places = _places(len(record.data), folder)
    data = []
    for described, place in zip(record.data, places, strict=True):
        data.append(_read_data(described, place, tasks))
    return Protocol(tasks, data, record.n_seeds)


def _read_data(record: DataRecord, place: Path, tasks: list[Task]) -> StudyData:
    by_name = {}
    for task in tasks:
        by_name[task.name] = task
    if unknown := set(record.task_names) - set(by_name):
        raise damaged(place, f"it has unknown tasks {sorted(unknown)}")
    own_tasks = [by_name[name] for name in record.task_names]
    y = _read_table(place / LABELS, label_names(own_tasks))
    splits = _read_splits(place / SPLITS, len(y), len(record.fingerprints))
    weights = None
    if record.weights:
        weights = _read_weights(place / WEIGHTS, record.weights, len(y))
    return StudyData(
        name=record.name,
        task_names=record.task_names,
        y=y,
        splits=splits,
        test=_read_test(place / TEST, splits),
        fingerprints=record.fingerprints,
        weights=weights,
    )


def _read_weights(path: Path, tasks: list[str], n_samples: int) -> pd.DataFrame:
    table = _read_table(path, tasks)[tasks]
    is_number = all(dtype.kind == "f" for dtype in table.dtypes)
    if not is_number or len(table) != n_samples or not (table >= 0).all(axis=None):
        raise damaged(
            path, f"it must have weights of at least 0 of {n_samples} samples"
        )
    return table


def _read_splits(path: Path, n_samples: int, n_folds: int) -> list[Split]:
    table = _read_table(path, ["fold", "side", "row"])
    rows = table["row"]
    if rows.dtype.kind != "i" or not rows.between(0, n_samples - 1).all():
        raise damaged(path, f"its rows must be numbers of {n_samples} samples")
    splits = []
    for fold in range(n_folds):
        of_fold = table[table["fold"] == fold]
        parts = []
        for side in SETS:
            parts.append(of_fold.loc[of_fold["side"] == side, "row"].to_numpy())
        splits.append(Split(*parts))
        if not len(splits[-1].test):
            raise damaged(path, f"it must have test samples in {n_folds} folds")
    return splits


def _read_test(path: Path, splits: list[Split]) -> pd.DataFrame:
    table = _read_table(path, ["row", "fold", "group", "series"])
    rows, folds = held_out_rows(splits)
    if not np.array_equal(table["row"], rows) or not np.array_equal(
        table["fold"], folds
    ):
        raise damaged(path, f"its rows must be the test samples of {SPLITS}")
    groups = table["group"]
    if groups.dtype.kind != "i" or not groups.between(0, len(table) - 1).all():
        raise damaged(path, "its groups must be numbers from 0, of as many as rows")
    return table


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a Parquet file that must have some columns."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    missing = []
    for column in columns:
        if column not in table:
            missing.append(column)
    if missing:
        raise damaged(path, f"it lacks the columns {missing}")
    for column in columns:
        if not table[column].map(pd.api.types.is_hashable).all():
            raise damaged(path, f"{column!r} must have one value per row")
    return table
