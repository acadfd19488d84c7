"""A study on disk: what was asked and how it was cut, beside its runs; figures and gains are computed from these."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from multitide._result_folder import write_file
from multitide.data._data_sets import DataSets
from multitide.data._splits import Split
from multitide.errors import StoreError
from multitide.study.design._protocol import Protocol
from multitide.study.design._study_data import StudyData
from multitide.study.results._evidence import Evidence
from multitide.study.runs._fit_store import read_fit, runs_folder, write_fit
from multitide.study.runs._fits import Fit
from multitide.tasks import task_from_config, task_to_config

SCHEMA, SCHEMA_OF_SEVERAL = 1, 2  # of a study of one data set, as ever, and of several
STUDY, LABELS, SPLITS, TEST = "study.json", "labels.parquet", "splits.parquet", "test.parquet"
FURTHER = ("conditions",)  # runs that a study may hold beside those of its arms
RESULTS, RUNS = "results.parquet", "runs.parquet"
SIDES = ("train", "validation", "test")

logger = logging.getLogger("multitide")


def save(
    folder: Path,
    evidence: Evidence,
    says: dict[str, Any],
    results: pd.DataFrame,
    runs: pd.DataFrame,
    also: Mapping[str, Evidence] = MappingProxyType({}),
) -> Path:
    """Write a study; see :meth:`Comparison.save`.

    Parameters
    ----------
    folder : path
        Made where it is missing; what it holds of an earlier state is replaced, runs are kept.
    evidence : Evidence
    says : dict
        The comparison's other attributes, as plain values.
    results, runs : DataFrame
        For others to read; nothing is computed from them.
    also : dict of str to Evidence
        Further runs of the same protocol; what `says` has under such a name, a dict, is kept with
        them.
    """
    stored, protocol = runs_folder(folder), evidence.protocol
    try:
        for fit in (fit for each in (evidence, *also.values()) for fit in each.fits.values()):
            if fit.done and not (stored / fit.key).is_dir():
                write_fit(fit, stored)
        for data, place in zip(protocol.data, _places(len(protocol.data), folder), strict=True):
            place.mkdir(exist_ok=True)
            write_table(data.y, place / LABELS)
            write_table(_splits_table(data.splits), place / SPLITS)
            write_table(data.test, place / TEST)
        write_table(results, folder / RESULTS)
        write_table(runs, folder / RUNS)
        further = {name: _runs_content(each) | says[name] for name, each in also.items()}
        text = json.dumps(
            _content(evidence) | says | further, indent=1, ensure_ascii=False, default=repr
        )
        write_file(folder / STUDY, text)
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
        ) from error
    return folder


def load(folder: Path) -> dict[str, Any]:
    """Read what makes a :class:`Comparison`; see :meth:`Comparison.load`."""
    content = _read_content(folder)
    try:
        protocol = _protocol(content, folder)
        further = {
            name: _runs(content[name], protocol, folder) for name in FURTHER if name in content
        }
        shared = {name: content[name] for name in ("margin", "confidence", "facts")}
        shared["groupings"] = content.get("groupings", {})  # older studies have none
        return _runs(content, protocol, folder) | shared | further
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{str(folder)!r} must hold a whole study; it is damaged ({error!r})."
        ) from error


def _runs(content: dict[str, Any], protocol: Protocol, folder: Path) -> dict[str, Any]:
    """Return runs with their answers, and the settings of their arms."""
    run_keys = {(arm, seed, fold): keys for arm, seed, fold, keys in content["runs"]}
    fits: dict[str, Fit | None] = {key: Fit(key, facts) for key, facts in content["failed"].items()}
    fits |= {
        key: read_fit(folder / "runs", key)
        for keys in run_keys.values()
        for key in keys
        if key not in fits
    }
    known = {key: fit for key, fit in fits.items() if fit is not None}
    settings = content["settings"]
    tasks_of = {
        arm: [task for group in described["groups"] for task in group]
        for arm, described in settings.items()
    }
    return {"evidence": Evidence(protocol, run_keys, known, tasks_of), "settings": settings}


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet; a column of several types is written as text."""
    table = table.copy()
    for name in table:
        try:
            pa.array(table[name], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            table[name] = table[name].map(str, na_action="ignore")
    table.to_parquet(path)


def _content(evidence: Evidence) -> dict[str, Any]:
    protocol = evidence.protocol
    several = len(protocol.data) > 1
    data = [
        {name: getattr(each, name) for name in ("name", "task_names", "fingerprints")}
        for each in protocol.data
    ]
    return {
        "format": "multitide study",
        "schema_version": SCHEMA_OF_SEVERAL if several else SCHEMA,
        "tasks": [task_to_config(task) for task in protocol.tasks],
        "n_seeds": protocol.n_seeds,
        **({"data": data} if several else {"fingerprints": protocol.only.fingerprints}),
        **_runs_content(evidence),
    }


def _runs_content(evidence: Evidence) -> dict[str, Any]:
    return {
        "runs": [[*name, keys] for name, keys in evidence.run_keys.items()],
        # Their reasons are to be read here; they are not kept as runs, so that they are tried
        # again.
        "failed": {key: fit.facts for key, fit in evidence.fits.items() if not fit.done},
    }


def _read_content(folder: Path) -> dict[str, Any]:
    path = folder / STUDY
    if not path.is_file():
        raise StoreError(f"`folder` must be a study with {STUDY!r}; got {str(folder)!r}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{str(path)!r} must be readable JSON; it is damaged ({error})."
        ) from error
    if not isinstance(content, dict) or content.get("format") != "multitide study":
        raise StoreError(
            f"{str(path)!r} must be a multitide study; its format is not 'multitide study'."
        )
    if content.get("schema_version") not in (SCHEMA, SCHEMA_OF_SEVERAL):
        version, known = content.get("schema_version"), f"{SCHEMA} or {SCHEMA_OF_SEVERAL}"
        raise StoreError(
            f"{str(path)!r} must have schema version {known}; got {version}. Update multitide to read it."
        )
    return content


def _protocol(content: dict[str, Any], folder: Path) -> Protocol:
    tasks = [task_from_config(task) for task in content["tasks"]]
    plain = {
        "name": DataSets.UNNAMED,
        "task_names": [task.name for task in tasks],
        "fingerprints": content.get("fingerprints"),
    }
    described = content.get("data", [plain])
    places = _places(len(described), folder)
    data = [_read_data(each, place) for each, place in zip(described, places, strict=True)]
    return Protocol(tasks, data, content["n_seeds"])


def _places(n_data: int, folder: Path) -> list[Path]:
    """Return where the data sets of a study lie: names may be no names of folders, so several are numbered."""
    return (
        [folder] if n_data == 1 else [folder / f"data-{number}" for number in range(1, n_data + 1)]
    )


def _read_data(described: Mapping[str, Any], place: Path) -> StudyData:
    table = pd.read_parquet(place / SPLITS)
    folds = [fold for _, fold in table.groupby("fold")]
    splits = [
        Split(*(fold.loc[fold["side"] == side, "row"].to_numpy() for side in SIDES))
        for fold in folds
    ]
    return StudyData(
        name=described["name"],
        task_names=list(described["task_names"]),
        y=pd.read_parquet(place / LABELS),
        splits=splits,
        test=pd.read_parquet(place / TEST),
        fingerprints=described["fingerprints"],
    )


def _splits_table(splits: list[Split]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "fold": fold,
                    "side": side,
                    "row": np.asarray(getattr(split, side), dtype=np.int64),
                }
            )
            for fold, split in enumerate(splits)
            for side in SIDES
        ],
        ignore_index=True,
    )
