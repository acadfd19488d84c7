"""One network for a hundred tasks on the simulated rig, compared with one network per task.

    python benchmarks/many_tasks.py [--tasks 100] [--labels 1000] [--runs 4000] [--rounds 15]
    [--alone 5] [--epochs 10]

Each task is another mixture of the severity and the remaining life of the rig (half of the tasks
predict the number, the other half whether it exceeds a threshold of their own), so all tasks are
related and no two are the same. Each task has `--labels` labels on the `--runs` training runs,
drawn at random per task. The test set has 1,000 further runs with all labels.

The first table shows the seconds per training step of one network with 2 tasks and with all tasks:
interleaved, medians, one thread. The second shows the mean test loss (1 = best constant) and the
training time of one network for all tasks, and of one network for each of the first `--alone`
tasks. All train for the same number of epochs of their own labelled rows.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch

from multitide import MultiTaskEstimator, Samples, simulate_rig
from multitide.backbones import LSTMFCN
from multitide.data._split_data import SplitData
from multitide.errors import MultitideWarning
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.tasks import resolve_tasks
from multitide.training._best_weights import Keeper
from multitide.training._trainer import Trainer

BATCH_SIZE, N_TEST = 64, 1000


def make_labels(runs: pd.DataFrame, n_tasks: int) -> pd.DataFrame:
    """Return per task a mixture of hidden quantities: numbers and yes/no labels in turn."""
    rng = np.random.default_rng(0)
    causes = ((runs - runs.mean()) / runs.std()).to_numpy()
    y = {}
    for i in range(n_tasks):
        mixed = causes @ rng.normal(size=causes.shape[1])
        threshold = np.quantile(mixed, rng.uniform(0.25, 0.75))
        y[f"task{i}"] = (
            mixed if i % 2 == 0 else np.where(mixed > threshold, "yes", "no")
        )
    return pd.DataFrame(y)


def make_data(n_tasks: int, n_labels: int, n_runs: int) -> tuple[Samples, Samples]:
    """Return training runs with `n_labels` labels per task, and test runs with all labels."""
    rig = simulate_rig(
        n_runs + N_TEST, n_timepoints=(60, 60), missing=0.0, missing_blocks=0.0
    )
    complete = make_labels(rig.y[["severity", "remaining_life"]], n_tasks)
    rng = np.random.default_rng(1)
    hidden = {name: rng.permutation(n_runs) >= n_labels for name in complete}
    train, test = rig[np.arange(n_runs)], rig[np.arange(n_runs, n_runs + N_TEST)]
    known = complete[:n_runs].reset_index(drop=True).mask(pd.DataFrame(hidden))
    return train.replace(y=known), test.replace(
        y=complete[n_runs:].reset_index(drop=True)
    )


def estimator(**params: object) -> MultiTaskEstimator:
    """Return the estimator that everything here trains with."""
    settings = {
        "backbone": LSTMFCN(),
        "batch_size": BATCH_SIZE,
        "validation": None,
        "device": "cpu",
        "lr": 1e-3,
    }
    return MultiTaskEstimator(**{"random_state": 0, "verbose": 0, **settings, **params})  # type: ignore[arg-type]


def make_trainer(samples: Samples) -> Trainer:
    """Return a trainer of one network for all tasks of the samples."""
    recipe, tasks = (
        make_recipe(estimator().get_params(deep=False)),
        resolve_tasks(None, samples.y),
    )
    group = TaskGroup([SplitData.for_training(samples)], tasks, recipe)
    network = group.make_network().train()
    return Trainer(
        network,
        [
            data.on_device(network, i, torch.device("cpu"))
            for i, data in enumerate(group.data)
        ],
        weighting=recipe.weighting.build(group.names, [task.kind for task in tasks]),
        keeper=Keeper("joint", group.names),
        settings=recipe.training,
        max_epochs=1,
        batch_size=BATCH_SIZE,
        lr=1e-3,
        seed=0,
    )


def step_times(
    train: Samples, counts: list[int], n_rounds: int, n_steps: int = 5
) -> pd.DataFrame:
    """Return milliseconds per step by number of tasks, as medians, with ratios to the first."""
    trainers = {n: make_trainer(train.replace(y=train.y.iloc[:, :n])) for n in counts}
    spent: dict[int, list[np.ndarray]] = {n: [] for n in counts}
    for turn in range(n_rounds + 1):
        for n, trainer in trainers.items():
            rows = trainer._streams[0].train
            batches = [
                np.arange(i * BATCH_SIZE, (i + 1) * BATCH_SIZE) for i in range(n_steps)
            ]
            before = now()
            for batch in batches:
                trainer.step(
                    [torch.from_numpy(rows.index[batch])],
                    rows.measured[batch].sum(axis=0),
                )
            if turn:  # the first round warms up
                spent[n].append((now() - before) / n_steps * 1e3)
    rounds = {n: np.array(rows) for n, rows in spent.items()}
    ratios = {
        n: np.median(rows / rounds[counts[0]], axis=0) for n, rows in rounds.items()
    }
    table = {n: [*np.median(rounds[n], axis=0), *ratios[n]] for n in counts}
    return pd.DataFrame.from_dict(
        table, orient="index", columns=["wall ms", "cpu ms", "wall ratio", "cpu ratio"]
    )


def now() -> np.ndarray:
    """Wall and CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def fitted(
    train: Samples, test: Samples, names: list[str], n_epochs: int
) -> tuple[pd.Series, float]:
    """Return each task's test loss, and the CPU seconds of training one network for these tasks."""
    y = train.y[names]
    labelled = np.flatnonzero(y.notna().any(axis=1))
    samples = train[labelled].replace(y=y.iloc[labelled].reset_index(drop=True))
    before = time.process_time()
    model = estimator(max_epochs=n_epochs).fit(samples)
    seconds = time.process_time() - before
    found = model.evaluate(test.replace(y=test.y[names]))
    return found[found["metric"] == "loss"].set_index("task")["value"], seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = {
        "tasks": 100,
        "labels": 1000,
        "runs": 4000,
        "rounds": 15,
        "alone": 5,
        "epochs": 10,
    }
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", MultitideWarning)
    train, test = make_data(options.tasks, options.labels, options.runs)
    print(
        f"{options.tasks} tasks with {options.labels} labels each, "
        f"{options.runs} runs of {train.shape[1:]}"
    )
    print(
        step_times(train, [2, options.tasks], options.rounds).round(2).to_string(),
        "\n",
        flush=True,
    )
    names = list(train.y)
    together, seconds = fitted(train, test, names, options.epochs)
    some = names[: options.alone]
    alone = [fitted(train, test, [name], options.epochs) for name in some]
    each = float(np.mean([spent for _, spent in alone]))
    table = pd.DataFrame(
        {
            f"test loss of {len(some)} tasks": [
                together[some].mean(),
                np.mean([loss.iloc[0] for loss, _ in alone]),
            ],
            "cpu s, one network": [seconds, each],
            f"cpu s, {len(names)} tasks": [seconds, each * len(names)],
        },
        index=["one network for all", "a network each"],
    )
    print(table.round(3).to_string())
    print(
        f"one network: mean test loss over all {len(names)} tasks {together.mean():.3f}, "
        f"worst {together.max():.3f}"
    )


if __name__ == "__main__":
    main()
