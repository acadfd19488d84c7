"""Compare representations with an end-to-end network on three real data sets.

    python benchmarks/representations.py [phalanx] [hydraulic] [beijing] [--seeds 3] [--folder
    runs/representations]

The end-to-end networks are those of ``configs/``, without their refit. Representations have their
defaults, except for fewer features on Beijing, and fc trains for as many epochs as the network.
Nothing is chosen here. On Beijing, every sixth window is used. Each data set is a study in its own
folder; an interrupted study can be resumed. The table shows the CPU seconds of one fit of all tasks
on one thread, with the representation.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from multitide import (
    Comparison,
    MultiTaskEstimator,
    Samples,
    Split,
    Training,
    compare,
    load_config,
)
from multitide._threads import single_thread

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    "phalanx": "phalanx",
    "hydraulic": "hydraulic",
    "beijing": "beijing_pm25_honest",
}
N_FEATURES = {"beijing": 2000}
STRIDE = {"beijing": 6}
HEADLINES = {"classification": "accuracy", "regression": "rmse"}
NETWORK = "end to end"
WITH_FC = ("minirocket", "ts2vec")


def arms_of(name: str) -> dict[str, dict[str, Any]]:
    """The network as configured, and each representation with each kind of head."""
    n_features = {"n_features": N_FEATURES.get(name, 10_000)}
    representations: dict[str, dict[str, Any]] = {
        "minirocket": n_features,
        "multirocket": n_features,
        "hydra": {},
        "multirocket_hydra": n_features,
        "ts2vec": {},
    }
    arms: dict[str, dict[str, Any]] = {NETWORK: {}}
    for label, parameters in representations.items():
        for reader in ("linear", "fc"):
            if reader == "fc" and label not in WITH_FC:
                continue
            arms[f"{label} + {reader}"] = {
                "backbone": reader,
                "inputs__encodings": (),
                "inputs__representation": {"name": label, **parameters},
            }
    return arms


def read(name: str) -> tuple[Samples, Split, MultiTaskEstimator]:
    """Samples, their split and the configured network."""
    config = load_config(ROOT / "configs" / f"{CONFIGS[name]}.toml")
    samples = config.read()[:: STRIDE.get(name, 1)]
    training = dataclasses.replace(
        config.estimator.get("training") or Training(), refit=False
    )
    return (
        samples,
        config.splitter(samples).split(samples),
        config.make_estimator(training=training, verbose=0),
    )


def seconds_of(
    estimator: MultiTaskEstimator,
    samples: Samples,
    split: Split,
    settings: dict[str, Any],
) -> float:
    """Processor seconds of one fit of all tasks."""
    estimator = MultiTaskEstimator(**estimator.get_params(deep=False)).set_params(
        **settings, random_state=0
    )
    train, validation = samples[split.train], samples[split.validation]
    with single_thread():
        started = time.process_time()
        estimator.fit(train, validation=validation)
        return time.process_time() - started


def conduct(name: str, folder: Path, n_seeds: int) -> pd.DataFrame:
    """One row per arm: the main metric of each task on the test set, and the seconds of a fit."""
    samples, split, estimator = read(name)
    arms = arms_of(name)
    options: dict[str, Any] = {
        "split": split,
        "n_seeds": n_seeds,
        "n_jobs": 1,
        "folder": folder / name,
    }
    study = compare(
        samples,
        estimator.tasks,
        estimator=estimator,
        arms=arms,
        reference=NETWORK,
        **options,
    )
    file = folder / f"{name}-seconds.json"
    seconds: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    for arm, settings in arms.items():
        if arm not in seconds:
            seconds[arm] = seconds_of(estimator, samples, split, settings)
            file.write_text(json.dumps(seconds))
    return table_of(study, seconds)


def table_of(study: Comparison, seconds: dict[str, float]) -> pd.DataFrame:
    """The main metrics as text, one row per arm, the best constant last."""
    headlines = {task.name: HEADLINES[task.kind] for task in study.tasks}
    figures = study.figures.set_index(["arm", "task", "metric"])
    rows = {}
    for arm in study.arms:
        found = {
            f"{task} ({m})": figures.loc[arm, task, m] for task, m in headlines.items()
        }
        rows[arm] = {
            name: f"{row['mean']:.3f} ± {row['sd']:.3f}" for name, row in found.items()
        }
        rows[arm] |= {"seconds": f"{seconds[arm]:.0f}"}
    constant = {
        f"{task} ({m})": f"{figures.loc[NETWORK, task, m]['trivial']:.3f}"
        for task, m in headlines.items()
    }
    rows["best constant"] = constant | {"seconds": ""}
    return pd.DataFrame.from_dict(rows, orient="index")


def markdown(table: pd.DataFrame) -> str:
    """The table for the page."""
    lines = [
        "| | " + " | ".join(table.columns) + " |",
        "|---" * (len(table.columns) + 1) + "|",
    ]
    lines += [
        f"| {name} | " + " | ".join(row) + " |"
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return "\n".join(lines)


def main() -> None:
    """Print one table per data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names",
        nargs="*",
        default=list(CONFIGS),
        metavar="NAME",
        help=", ".join(CONFIGS),
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "runs" / "representations"
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name in options.names:
        print(
            f"\n**{name}**\n\n{markdown(conduct(name, options.folder, options.seeds))}",
            flush=True,
        )


if __name__ == "__main__":
    main()
