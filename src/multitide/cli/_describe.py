"""What ``multitide info`` shows of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from multitide._estimator import MultiTaskEstimator
from multitide._toml import read_toml
from multitide.cli._show import show_heading, show_reading
from multitide.cli._terminal import show_table
from multitide.model._schema import DataRecord
from multitide.model._sizes import ending_weights, size_in_words, size_of, sizes_by_task
from multitide.model._store import read_record

if TYPE_CHECKING:
    import pandas as pd

    from multitide._estimator import MultiTaskEstimator
    from multitide.model._schema import DataRecord


def show_model(run: Path) -> None:
    """Show tasks, networks, data and versions of a run or model folder."""
    estimator, record = MultiTaskEstimator.load(run), read_record(run)
    show_table(_tasks(estimator), "Tasks")
    show_table(_parameters(estimator), "Parameters that each task is answered with")
    show_table(_networks(estimator), "Networks (sets of weights)")
    for data in record.data:
        if data.name:
            show_heading(f"Data set {data.name}: {', '.join(data.tasks)}")
        show_reading(data.reading)
    facts = {
        **_source(run),
        **{name: value for data in record.data for name, value in _facts(data).items()},
        "parameters that predict runs": size_in_words(estimator.model_, estimator.representation_),
        **_beginnings(record.estimator.get("training")),
        "seed": record.seed,
        "seconds in training": round(record.seconds, 1),
        **record.versions,
    }
    show_table(
        pd.DataFrame({"fact": list(facts), "value": [str(value) for value in facts.values()]}),
        "Facts",
    )


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


def _beginnings(training: object) -> dict[str, object]:
    """Return what training began with, where that was not chance: a saved model, or tasks that were learned first."""
    asked = training if isinstance(training, dict) else {}
    begun: dict[str, object] = {}
    if asked.get("start"):
        begun["training started from"] = asked["start"]
    if asked.get("pretrain"):
        begun["learned first"] = ", ".join(asked["pretrain"])
    return begun | ({"freeze": asked["freeze"]} if begun and "freeze" in asked else {})


def _tasks(estimator: MultiTaskEstimator) -> pd.DataFrame:
    weights = ending_weights(estimator.history_)
    rows = [
        {
            "task": task.name,
            "kind": task.kind,
            "classes": ", ".join(map(str, estimator.classes_.get(task.name, []))),
            **{f"labelled in {side}": n for side, n in estimator.n_labelled_[task.name].items()},
            "best epoch": estimator.best_epoch_[task.name],
            **({"weight at the end": weights[task.name]} if task.name in weights else {}),
        }
        for task in estimator.tasks_
    ]
    return pd.DataFrame(rows)


def _parameters(estimator: MultiTaskEstimator) -> pd.DataFrame:
    sizes = sizes_by_task(estimator.model_).loc[[task.name for task in estimator.tasks_]]
    names = {"shared": "shared with others", "own": "its own", "head": "its head"}
    return sizes.rename(columns=names).rename_axis("task").reset_index()


def _networks(estimator: MultiTaskEstimator) -> pd.DataFrame:
    answers = estimator.model_
    rows = [
        {
            "network": number,
            "answers": ", ".join(names) if names else "(stored, not used by predict)",
            "parameters": (size := size_of(network)).total,
            "shared by several tasks": size.shared,
        }
        for number, (network, names) in enumerate(
            zip(answers.network_list, answers.answered, strict=True), 1
        )
    ]
    return pd.DataFrame(rows)
