"""What a stored model is, as tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from multitide.cli.show import show_heading, show_reading
from multitide.cli.terminal import show_table
from multitide.estimator import MultiTaskEstimator
from multitide.records import DataRecord
from multitide.store import read_record
from multitide.toml import read_toml


def show_model(run: Path) -> None:
    """Show tasks, networks, data and versions of a run or model folder."""
    estimator, record = MultiTaskEstimator.load(run), read_record(run)
    show_table(_tasks(estimator), "Tasks")
    show_table(_networks(estimator), "Networks (sets of weights)")
    for data in record.data:
        if data.name:
            show_heading(f"Data set {data.name}: {', '.join(data.tasks)}")
        show_reading(data.reading)
    facts = {
        **_source(run),
        **{name: value for data in record.data for name, value in _facts(data).items()},
        "seed": record.seed,
        "seconds in training": round(record.seconds, 1),
        **record.versions,
    }
    show_table(pd.DataFrame({"fact": list(facts), "value": [str(value) for value in facts.values()]}), "Facts")


def _facts(data: DataRecord) -> dict[str, object]:
    """Return what is known of a data set."""
    where = f" of {data.name!r}" if data.name else ""
    return {
        f"channels{where}": len(data.channels),
        f"steps of the longest training sample{where}": data.n_timepoints,
        f"fingerprint of the data{where}": data.fingerprint,
    }


def _source(run: Path) -> dict[str, str]:
    """Return where the data came from, which a run folder knows and a model folder does not."""
    path = run / "config.toml"
    if not path.is_file():
        return {}
    data = read_toml(path)["data"]
    return {"data": ", ".join(row["path"] for row in (data if isinstance(data, list) else [data]))}


def _tasks(estimator: MultiTaskEstimator) -> pd.DataFrame:
    rows = [
        {
            "task": task.name,
            "kind": task.kind,
            "classes": ", ".join(map(str, estimator.classes_.get(task.name, []))),
            **{f"labelled in {side}": n for side, n in estimator.n_labelled_[task.name].items()},
            "best epoch": estimator.best_epoch_[task.name],
        }
        for task in estimator.tasks_
    ]
    return pd.DataFrame(rows)


def _networks(estimator: MultiTaskEstimator) -> pd.DataFrame:
    answers = estimator.model_
    rows = [
        {
            "network": number,
            "answers": ", ".join(names) if names else "(stored, not used by predict)",
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        }
        for number, (network, names) in enumerate(zip(answers.network_list, answers.answered, strict=True), 1)
    ]
    return pd.DataFrame(rows)
