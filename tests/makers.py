"""Small data for tests: series whose labels can be learned in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from multitide._estimator import MultiTaskEstimator
from multitide._plan_fit import FitPlan, plan_fit
from multitide.backbones import LSTMFCN, Trees
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.fitting import _phases as phases
from multitide.fitting._data_sets import to_data_sets
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.tasks import resolve_tasks
from multitide.training._best_weights import Keeper
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from multitide.training._trainer import Trainer

SMALL = LSTMFCN(hidden_size=8, filters=(8, 8, 4), kernel_sizes=(5, 3, 3))
FEW_BOOSTED = Trees(kind="boosting", n_trees=9, n_levels=0)


def random_series(
    n: int, n_channels: int, n_steps: int, missing: float, seed: int = 0
) -> torch.Tensor:
    """Return normal numbers, a share of them missing, (n, n_channels, n_steps)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(2, 3, size=(n, n_channels, n_steps)).astype(np.float32)
    x[rng.random(x.shape) < missing] = np.nan
    return torch.from_numpy(x)


def small(**params: Any) -> MultiTaskEstimator:
    """Return an estimator that trains in a second; `params` override its settings."""
    defaults: dict[str, Any] = {
        "backbone": SMALL,
        "batch_size": 32,  # few steps: "auto" takes 8 of so few rows
        "max_epochs": 4,
        "random_state": 0,
        "verbose": 1,  # messages and warnings are checked; there is no terminal to draw on
        "device": "cpu",
    }
    return MultiTaskEstimator(**(defaults | params))


def a_third_now(cases: Sequence[Any]) -> list[Any]:
    """Return cases for ``parametrize``, of which two thirds run with `make test-all` only."""
    marked = []
    for i, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        marks = (pytest.mark.slow,) if i % 3 else ()
        marked.append(pytest.param(*values, marks=marks))
    return marked


def make_arrays(
    n: int = 96,
    n_channels: int = 3,
    n_timepoints: int = 20,
    missing: float = 0.3,
    seed: int = 0,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return X (n, n_channels, n_timepoints) and y: a class and a number with missing labels.

    The class is the sign of the first channel's mean, the number 100 + 10 times the second
    channel's mean.
    """
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, n_channels, 1))
    X = (level + 0.3 * rng.normal(size=(n, n_channels, n_timepoints))).astype(
        np.float32
    )
    y = pd.DataFrame(
        {
            "state": np.where(level[:, 0, 0] > 0, "high", "low"),
            "load": 100 + 10 * level[:, 1, 0],
        }
    )
    for column in y:
        y[column] = y[column].mask(rng.random(n) < missing)
    return X, y


def write_runs(folder: Path, n_runs: int) -> None:
    """Write ``data.csv``: runs of 12 rows, with a number and a class that channel "a" tells."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=n_runs).repeat(12)
    table = pd.DataFrame({"run": np.arange(n_runs).repeat(12)})
    table["a"] = level + rng.normal(size=len(table))
    table["load"] = level.round(3)
    table["state"] = np.where(level > 0, "high", "low")
    table.to_csv(folder / "data.csv", index=False)


def make_samples(
    n: int = 96, missing: float = 0.3, seed: int = 0, unequal: bool = False
) -> Samples:
    """Return the arrays of `make_arrays` as samples; with `unequal`, series of 14 to 20 steps."""
    X, y = make_arrays(n, missing=missing, seed=seed)
    if not unequal:
        return Samples.from_arrays(X, y)
    lengths = np.random.default_rng(seed).integers(14, 21, size=n)
    return Samples.from_arrays(
        [x[:, :length] for x, length in zip(X, lengths, strict=True)], y
    )


def make_trainer(
    given: dict[str, Samples],
    training: Training | None = None,
    callbacks: Sequence[Callback] = (),
    **params: Any,
) -> Trainer:
    """Build a trainer on all samples of some data sets, with heads that let gradients through."""
    settings = {
        "max_epochs": 3,
        "batch_size": 16,
        "lr": 0.01,
        "training": training or Training(),
    }
    estimator = small(**(settings | params))
    recipe = make_recipe(estimator.get_params(deep=False))
    labels = pd.concat([samples.y for samples in given.values()], ignore_index=True)
    tasks = resolve_tasks(estimator.tasks, labels)
    data_sets = [
        SplitData.for_training(samples, name) for name, samples in given.items()
    ]
    group = TaskGroup(data_sets, tasks, recipe)
    torch.manual_seed(0)
    network = group.make_network()
    for head in network.heads:
        torch.nn.init.normal_(head[-1].weight, std=0.1)  # type: ignore[arg-type]
    keeper = Keeper("joint", group.names)
    return phases.make_trainer(
        network, group.data, tasks, recipe, keeper, callbacks=callbacks
    )


def plan_of(estimator: MultiTaskEstimator, samples: Samples) -> FitPlan:
    """Return the plan of a fit."""
    return plan_fit(estimator.get_params(deep=False), to_data_sets(samples), {})
