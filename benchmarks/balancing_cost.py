"""Time a training step with every weighting and aggregator, relative to the plain sum.

    python benchmarks/balancing_cost.py [--rounds 9] [--steps 4] [--tasks 2 4 8] [--only upgrad
    pcgrad]

Data: random windows of 24 steps x 4 channels with complete labels; half of the tasks are
classifications, half regressions. Network: the LSTM backbone with its defaults and linear heads;
batches of 64, one thread. A step is one of `Trainer`, from gathering the batch to the optimiser.
In each round, every method takes a few steps next to the same number of steps with the plain sum,
which goes first in every other round. The table shows the median over rounds of the ratio of the
two times, with its quartiles.

CPU time varies less than wall time if other processes use the same cores; wall time is what a user
waits for. `search` trains with `fixed`; multiply its cost by the number of trials. The last row is
the plain sum with `GradientRecorder(every=1)`; with `every=n`, the part above 1 is divided by n.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import nn

from multitide import GradientRecorder, MultiTaskEstimator, Samples
from multitide._part import Part
from multitide.balancing import AGGREGATORS, WEIGHTINGS, Fixed
from multitide.data._split_data import SplitData
from multitide.fitting._recipe import make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.tasks import resolve_tasks
from multitide.training._best_weights import Keeper
from multitide.training._trainer import Trainer

BATCH_SIZE, LR, N_SAMPLES = 64, 1e-4, 1024
PLAIN = "uniform"


RECORDED = "sum, recorded"


def all_methods() -> dict[str, dict[str, Part | str]]:
    """Return the parameters of the estimator by name; `RECORDED` records all gradients."""
    weightings = {
        name: Fixed(weights={}) if name == "fixed" else name
        for name in WEIGHTINGS
        if name != "search"
    }
    found: dict[str, dict[str, Part | str]] = {
        name: {"weighting": part} for name, part in weightings.items()
    }
    for at in ("features", "parameters"):
        found |= {
            f"{name} at {at}": {"aggregator": part(at=at)}
            for name, part in AGGREGATORS.items()
        }
    return found | {RECORDED: {}}


def goal(name: str, n_tasks: int) -> float | None:
    """Return the highest ratio allowed, if there is a goal."""
    if name in WEIGHTINGS:
        return 1.45 if name == "famo" else 1.05
    if name.split(" ")[0] not in ("pcgrad", "upgrad"):
        return None
    return 1.10 if name.endswith("features") else 1 + 0.7 * (n_tasks - 1)


def make_samples(n_tasks: int) -> Samples:
    """Return windows of random numbers with complete labels."""
    rng = np.random.default_rng(0)
    columns = {
        f"task{i}": rng.choice(list("abcd"), N_SAMPLES)
        if i % 2
        else rng.normal(size=N_SAMPLES)
        for i in range(n_tasks)
    }
    return Samples.from_arrays(
        rng.normal(size=(N_SAMPLES, 4, 24)), pd.DataFrame(columns)
    )


def make_steps(
    n_tasks: int, chosen: dict[str, dict[str, Part | str]]
) -> dict[str, Callable[[int], None]]:
    """Return per method a function that takes n training steps; all start from one network."""
    samples = make_samples(n_tasks)
    tasks, network, steps = resolve_tasks(None, samples.y), None, {}
    for name, parts in chosen.items():
        estimator = MultiTaskEstimator(
            backbone="lstm", device="cpu", random_state=0, lr=LR, **parts
        )  # type: ignore[arg-type]
        recipe = make_recipe(estimator.get_params(deep=False))
        group = TaskGroup([SplitData.for_training(samples)], tasks, recipe)
        if network is None:
            network = awake(group.make_network())
        trainer = Trainer(
            copy.deepcopy(network),
            [
                data.on_device(network, i, torch.device("cpu"))
                for i, data in enumerate(group.data)
            ],
            weighting=recipe.weighting.build(
                group.names, [task.kind for task in tasks]
            ),
            aggregator=None
            if recipe.aggregator is None
            else recipe.aggregator.build(group.names),
            keeper=Keeper("joint", group.names),
            settings=recipe.training,
            max_epochs=1,
            batch_size=BATCH_SIZE,
            lr=LR,
            seed=0,
            callbacks=[GradientRecorder(every=1)] if name == RECORDED else [],
        )
        steps[name] = stepper(trainer)
    return steps


def awake(network: nn.Module) -> nn.Module:
    """Give the heads weights: with zero weights no gradient reaches the features."""
    torch.manual_seed(0)
    for name, parameter in network.named_parameters():
        if name.startswith("heads") and parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.1)
    return network


def stepper(trainer: Trainer) -> Callable[[int], None]:
    """Return a function that takes training steps on one batch after another."""
    batches = torch.arange(N_SAMPLES).split(BATCH_SIZE)
    counts = np.full(len(trainer.names), BATCH_SIZE)
    trainer.network.train()
    taken = 0

    def take(n_steps: int) -> None:
        nonlocal taken
        for _ in range(n_steps):
            trainer.step([batches[taken % len(batches)]], counts)
            taken += 1

    return take


def spent(take: Callable[[int], None], n_steps: int) -> np.ndarray:
    """Return wall and CPU seconds of some steps."""
    before = np.array([time.perf_counter(), time.process_time()])
    take(n_steps)
    return np.array([time.perf_counter(), time.process_time()]) - before


def ratios(
    steps: dict[str, Callable[[int], None]], n_rounds: int, n_steps: int
) -> dict[str, np.ndarray]:
    """Return per method the ratios of its wall and CPU time to the plain sum, (n_rounds, 2)."""
    plain, found = steps[PLAIN], {name: [] for name in steps}
    for take in steps.values():
        take(2)  # warms up
    for i in range(n_rounds):
        for name, take in steps.items():
            pair = [
                spent(each, n_steps)
                for each in ((plain, take) if i % 2 else (take, plain))
            ]
            found[name].append(pair[1] / pair[0] if i % 2 else pair[0] / pair[1])
    return {name: np.array(rows) for name, rows in found.items()}


def column(found: dict[str, np.ndarray], n_tasks: int) -> dict[str, list[str]]:
    """Return the columns of the table for `n_tasks` tasks; ratios above their goal are marked."""
    columns: dict[str, list[str]] = {
        f"K={n_tasks}: cpu": [],
        "quartiles": [],
        "wall": [],
    }
    for name, rows in found.items():
        wall, cpu = np.median(rows, axis=0)
        low, high = np.quantile(rows[:, 1], [0.25, 0.75])
        limit = goal(name, n_tasks)
        mark = "*" if limit is not None and cpu > limit else " "
        for key, text in zip(
            columns,
            (f"{cpu:.2f}{mark}", f"{low:.2f}-{high:.2f}", f"{wall:.2f}"),
            strict=True,
        ):
            columns[key].append(text)
    return columns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--steps", type=int, default=4, help="steps of each method in a round"
    )
    parser.add_argument("--tasks", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument(
        "--only",
        nargs="+",
        help="names of methods, as they are printed or their first word",
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = all_methods()
    if options.only:
        kept = {PLAIN, *options.only}
        chosen = {
            name: parts
            for name, parts in chosen.items()
            if {name, name.split(" ")[0]} & kept
        }
    print(
        "time of a step / time of a step with the plain sum, "
        f"{options.rounds} rounds of {options.steps} steps"
    )
    tables = []
    for n_tasks in options.tasks:
        found = ratios(make_steps(n_tasks, chosen), options.rounds, options.steps)
        tables.append(pd.DataFrame(column(found, n_tasks), index=list(found)))
    print(pd.concat(tables, axis=1).to_string())
    goals = "weightings 1.05, FAMO 1.45; PCGrad, UPGrad at the features 1.10, "
    goals += "at the parameters 1 + 0.7 (K - 1)"
    print(f"* over our goal: {goals}")


if __name__ == "__main__":
    main()
