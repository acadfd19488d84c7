"""What ``multitide info`` shows of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from multitide._estimator import MultiTaskEstimator
from multitide._load import load
from multitide._local_copy import local_folder
from multitide.cli._show import show_heading, show_reading
from multitide.cli._show_model_facts import (
    show_candidates,
    show_decisions,
    show_members,
)
from multitide.cli._terminal import show_table
from multitide.config._config_of_run import config_of_run
from multitide.ensemble._ensemble import Ensemble
from multitide.model._schema import DataRecord
from multitide.model._sizes import last_weights, size_in_words, size_of, sizes_by_task
from multitide.model._store import read_model_record
from multitide.tasks import task_names


def show_model(run: str) -> None:
    """Show tasks, networks, data and package versions of a run or model folder."""
    with local_folder("run", run) as folder:
        model = load(folder)
        if isinstance(model, Ensemble):
            _show_ensemble(model, folder)
        else:
            _show_estimator(model, folder)


def _show_ensemble(ensemble: Ensemble, run: Path) -> None:
    show_table(_ensemble_tasks(ensemble), "Tasks")
    show_decisions(ensemble)
    show_members(ensemble)
    facts: dict[str, object] = {**_source(run)}
    for data in ensemble.data_:
        show_reading(data.reading)
        facts |= _data_facts(data)
    n_fits = sum(len(fits) for fits in ensemble.members_.values())
    facts |= {"fits": n_fits, "seed": ensemble.seed_}
    facts["training time in seconds"] = round(ensemble.seconds_, 1)
    _show_facts(facts)


def _ensemble_tasks(ensemble: Ensemble) -> pd.DataFrame:
    rows = []
    for task in ensemble.tasks_:
        classes = ensemble.classes_.get(task.name, [])
        rows.append(
            {
                "task": task.name,
                "kind": task.kind,
                "classes": ", ".join(map(str, classes)),
            }
        )
    return pd.DataFrame(rows)


def _show_estimator(estimator: MultiTaskEstimator, run: Path) -> None:
    record = read_model_record(run)
    show_table(_tasks(estimator), "Tasks")
    show_decisions(estimator)
    show_candidates(estimator)
    show_table(_parameters(estimator), "Parameters per task")
    show_table(_networks(estimator), "Networks (sets of weights)")
    facts: dict[str, object] = {**_source(run)}
    for data in record.data:
        if data.name:
            show_heading(f"Data set {data.name}: {', '.join(data.tasks)}")
        show_reading(data.reading)
        facts |= _data_facts(data)
    facts["parameters used by predict"] = size_in_words(
        estimator.model_, estimator.representation_
    )
    facts |= _start_facts(record.estimator.get("training"))
    facts["seed"] = record.seed
    facts["training time in seconds"] = round(record.seconds, 1)
    facts |= record.versions
    _show_facts(facts)


def _show_facts(facts: Mapping[str, object]) -> None:
    values = []
    for value in facts.values():
        values.append(str(value))
    show_table(pd.DataFrame({"fact": list(facts), "value": values}), "Facts")


def _data_facts(data: DataRecord) -> dict[str, object]:
    if data.name:
        of_data = f" of {data.name!r}"
    else:
        of_data = ""
    return {
        f"channels{of_data}": len(data.channels),
        f"longest training sample{of_data}, in steps": data.n_timepoints,
        f"fingerprint of the data{of_data}": data.fingerprint,
    }


def _source(run: Path) -> dict[str, str]:
    """Return the path of the data, which a run folder has and a model folder does not."""
    config = config_of_run(run)
    if config is None:
        return {}
    return {"data": ", ".join(str(each.options["path"]) for each in config.data)}


def _start_facts(training: object) -> dict[str, object]:
    """Return what training started from, unless it started from scratch."""
    if isinstance(training, dict):
        settings = training
    else:
        settings = {}
    facts: dict[str, object] = {}
    if settings.get("start"):
        facts["training started from"] = settings["start"]
    if settings.get("pretrain"):
        facts["pre-trained on"] = ", ".join(settings["pretrain"])
    if facts and "freeze" in settings:
        facts["freeze"] = settings["freeze"]
    return facts


def _tasks(estimator: MultiTaskEstimator) -> pd.DataFrame:
    weights = last_weights(estimator.history_)
    rows = []
    for task in estimator.tasks_:
        row: dict[str, object] = {
            "task": task.name,
            "kind": task.kind,
            "classes": ", ".join(map(str, estimator.classes_.get(task.name, []))),
        }
        for which, n in estimator.n_labelled_[task.name].items():
            row[f"labelled in {which}"] = n
        row["best epoch"] = estimator.best_epoch_[task.name]
        if task.name in weights:
            row["weight at the end"] = weights[task.name]
        rows.append(row)
    return pd.DataFrame(rows)


def _parameters(estimator: MultiTaskEstimator) -> pd.DataFrame:
    sizes = sizes_by_task(estimator.model_).loc[task_names(estimator.tasks_)]
    names = {"shared": "shared with others", "own": "its own", "head": "its head"}
    return sizes.rename(columns=names).rename_axis("task").reset_index()


def _networks(estimator: MultiTaskEstimator) -> pd.DataFrame:
    rows = []
    for number, (network, tasks) in enumerate(estimator.model_.pairs, start=1):
        size = size_of(network)
        rows.append(
            {
                "network": number,
                "predicts": ", ".join(tasks)
                if tasks
                else "(stored, not used by predict)",
                "parameters": size.total,
                "shared by several tasks": size.shared,
            }
        )
    return pd.DataFrame(rows)
