"""What a stored model is, as tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from multitide.cli.show import show_reading
from multitide.cli.terminal import show_table
from multitide.estimator import MultiTaskEstimator
from multitide.store import read_record
from multitide.toml import read_toml


def show_model(run: Path) -> None:
    """Show tasks, networks, data and versions of a run or model folder."""
    estimator, record = MultiTaskEstimator.load(run), read_record(run)
    show_table(_tasks(estimator), "Tasks")
    show_table(_networks(estimator), "Networks (sets of weights)")
    show_reading(record.reading)
    facts = {
        **_source(run),
        "channels": len(record.channels),
        "steps of the longest training sample": record.n_timepoints,
        "fingerprint of the data": record.fingerprint,
        "seed": record.seed,
        "seconds in training": round(record.seconds, 1),
        **record.versions,
    }
    show_table(pd.DataFrame({"fact": list(facts), "value": [str(value) for value in facts.values()]}), "Facts")


def _source(run: Path) -> dict[str, str]:
    """Return where the data came from, which a run folder knows and a model folder does not."""
    path = run / "config.toml"
    return {"data": read_toml(path)["data"]["path"]} if path.is_file() else {}


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
