"""A working directory in which the code of every page runs, and short training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multitide
from makers import SMALL
from multitide import MultiTaskEstimator, Samples, Splitter, read_table, simulate_rig


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tables that the pages name, in the working directory."""
    rng = np.random.default_rng(0)
    n_rows = 700
    hours = pd.date_range("2024-01-01", periods=n_rows, freq="h")
    table = pd.DataFrame({"No": np.arange(n_rows)})
    for part in ("year", "month", "day", "hour"):
        table[part] = getattr(hours, part)
    for channel in ("temperature", "vibration", "pressure"):
        table[channel] = rng.normal(size=n_rows)
    load = table["temperature"].rolling(3, min_periods=1).mean()
    table["load"] = load.mask(rng.random(n_rows) < 0.1)
    table["fault"] = np.where(table["vibration"] > 0, "leak", "none")
    table["operator"] = np.where(table["pressure"] > 0, "A", "B")
    table["state"] = np.where(table["pressure"] > 0.3, "high", "low")
    for name in ("person", "car"):
        table[name] = np.where(rng.random(n_rows) < 0.5, "yes", "no")
    table.to_csv(tmp_path / "data.csv", index=False)
    runs = np.repeat(np.arange(30), 20)
    rig = pd.DataFrame(
        {"run": runs, "a": rng.normal(size=600), "b": rng.normal(size=600)}
    )
    means = rig.groupby("run")["a"].transform("mean")
    rig["state"] = np.where(means > 0, "high", "low")
    rig["load"] = rig.groupby("run")["b"].transform("mean")
    rig.to_csv(tmp_path / "rig.csv", index=False)
    rig[["run", "b"]].to_csv(tmp_path / "plant.csv", index=False)
    labels = rig.groupby("run", as_index=False)[["state"]].first()
    labels["speed"] = rng.normal(size=30)
    labels.to_csv(tmp_path / "plant_labels.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def names(
    workplace: Path, quick_learners: None, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What a page takes for granted: samples, a split, a model. Training takes one epoch."""
    fit = MultiTaskEstimator.fit

    def fit_one_epoch(
        self: MultiTaskEstimator, *args: Any, **options: Any
    ) -> MultiTaskEstimator:
        self.max_epochs, self.verbose = 1, 0
        return fit(self, *args, **options)

    monkeypatch.setattr(MultiTaskEstimator, "fit", fit_one_epoch)
    samples = read_table("data.csv", tasks=["fault", "load"], window=24, stride=4)
    split = Splitter(by="time").split(samples)
    rng = np.random.default_rng(0)
    small = MultiTaskEstimator(backbone=SMALL, random_state=0, device="cpu")
    return {
        "mt": multitide,
        "GradientRecorder": multitide.GradientRecorder,
        "samples": samples,
        "X": rng.normal(size=(80, 4, 24)),
        "y": pd.DataFrame({"season": np.arange(80) % 4, "pm25": rng.normal(size=80)}),
        "split": split,
        "train": split.train,
        "validation": split.validation,
        "model": small,
        "estimator": small,
        "mill": make_rig(0),
        "press": make_rig(1),
    }


def make_rig(seed: int) -> Samples:
    return simulate_rig(n_runs=40, random_state=seed)
