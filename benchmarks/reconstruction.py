"""Measure an auxiliary task that predicts hidden values of the series beside the labels.

    python benchmarks/reconstruction.py [physionet icu] [--seeds 5] [--folder runs/reconstruction]

In every training step the network reads the batch a second time with a share of the measured values
hidden. A linear layer on these features predicts the hidden values, and its squared error, in units
of the best constant, is added to the losses of the tasks with a weight. In "one pass" the tasks are
trained on the series with hidden values, too; with a weight of 0 that is noise on the inputs and
nothing else. A seed draws the validation set, the weights and the batches; all arms of a seed share
them, and have the same number of steps. Only training and validation rows are read. To be fast, the
GRU is small and the hours of PhysioNet are averaged in pairs. The table shows the mean validation
loss of the tasks of each arm, and its difference to "plain" with the standard error over seeds;
negative is better. Each fit is a line of ``results.jsonl`` in the folder, so that an interrupted
run continues. One thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from cases import CASES
from results import Results
from torch import Tensor, nn

from multitide import Inputs, MultiTaskEstimator, Samples, Splitter, Training
from multitide.backbones import GRU
from multitide.encodings._input_layer import InputLayer
from multitide.network._network import Network
from multitide.reports._pages import markdown_table
from multitide.tasks import Task
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

PLAIN = "plain"
HIDDEN_SHARE = 0.15
# The weight of the auxiliary loss beside a weight of 1 for each task, and whether the tasks read
# the series with hidden values.
ARMS: dict[str, tuple[float, bool]] = {
    PLAIN: (0.0, False),
    "0.1": (0.1, False),
    "0.3": (0.3, False),
    "1.0": (1.0, False),
    "0.3, one pass": (0.3, True),
    "0.0, one pass": (0.0, True),
}
EPOCHS = {"physionet": 12, "icu": 16}
# Steps of a series that are averaged to one, which halves the time of the longer series.
STEPS_PER_MEAN = {"physionet": 2, "icu": 1}


class Reconstruction(Callback):
    """Hides measured values in every training step, and adds the loss of their prediction.

    Parameters
    ----------
    weight : float
        Weight of that loss.
    one_pass : bool
        Whether the tasks read the series with hidden values.
    """

    def __init__(self, weight: float, one_pass: bool) -> None:
        self.weight = weight
        self.one_pass = one_pass

    def on_train_begin(self, trainer: Trainer) -> None:
        """Replace how the network makes features by a method that also predicts values."""
        network = trainer.network
        make_features = network.features
        self._head: nn.Linear | None = None

        def features(
            x: Tensor,
            lengths: Tensor | None = None,
            static: Tensor | None = None,
            data_set: int = 0,
        ) -> list[Tensor]:
            if not network.training:
                return make_features(x, lengths, static, data_set)
            is_hidden = ~x.isnan() & (torch.rand(x.shape) < HIDDEN_SHARE)
            seen = x.masked_fill(is_hidden, torch.nan)
            made = make_features(seen, lengths, static, data_set)
            if self._head is None:
                self._add_head(trainer, made[0].shape[1], x.shape[1:].numel())
            self._loss = self._error(network, made[0], x, is_hidden)
            if self.one_pass:
                return made
            return make_features(x, lengths, static, data_set)

        network.features = features  # type: ignore[method-assign]

    def _add_head(self, trainer: Trainer, n_features: int, n_values: int) -> None:
        self._head = nn.Linear(n_features, n_values)
        nn.init.zeros_(self._head.weight)
        nn.init.zeros_(self._head.bias)
        first = trainer.optimizer.param_groups[0]
        group = {key: first[key] for key in ("lr", "base_lr", "weight_decay")}
        trainer.optimizer.add_param_group(
            group | {"params": list(self._head.parameters())}
        )

    def _error(
        self, network: Network, features: Tensor, x: Tensor, is_hidden: Tensor
    ) -> Tensor:
        """Return the mean squared error of the hidden values, which are standardised."""
        assert self._head is not None
        layer = cast("InputLayer", network.inputs)
        truth = layer.scaled(x.clamp(layer.low, layer.high))
        predicted = self._head(features).reshape(x.shape)
        return (predicted - truth)[is_hidden].square().mean()

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        """Add the loss to that of the first task: the weighting sums them."""
        name = next(iter(losses))
        changed = cast("dict[str, Tensor]", losses)
        changed[name] = losses[name] + self.weight * self._loss

    def on_train_end(self, trainer: Trainer) -> None:
        """Give the network its features back."""
        del trainer.network.features


def read(name: str) -> tuple[Samples, list[Task]]:
    """Return the rows of a case that are not in its test set, and its tasks."""
    case = CASES[name]()
    first = case.splits[0]
    pool = case.samples[np.concatenate([first.train, first.validation])]
    steps = STEPS_PER_MEAN[name]
    if steps == 1:
        return pool, case.tasks
    series = pool.gather(slice(None))
    parts = series.reshape(*series.shape[:2], -1, steps)
    n_known = (~np.isnan(parts)).sum(axis=-1)
    means = np.nansum(parts, axis=-1) / np.where(n_known, n_known, np.nan)
    shorter = Samples.from_arrays(
        means.astype(np.float32),
        pool.y,
        static=pool.static,
        channels=pool.channels,
    )
    return shorter, case.tasks


def measure(
    name: str, pool: Samples, tasks: list[Task], arm: str, seed: int
) -> dict[str, Any]:
    """Fit one arm, and return its validation losses."""
    train, validation = Splitter(by="random", random_state=seed).hold_out(pool, 0.15)
    estimator = MultiTaskEstimator(
        tasks,
        backbone=GRU(num_layers=1, hidden_size=32, dropout=0.3),
        inputs=Inputs(clip=0.001, impute="ffill", observed=True, elapsed=True),
        max_epochs=EPOCHS[name],
        batch_size=64,
        lr=3e-3,
        training=Training(weight_decay=0.1, averaging=0.99, patience=None),
        device="cpu",
        random_state=seed,
        verbose=0,
    )
    callbacks: Sequence[Callback] = ()
    if arm != PLAIN:
        callbacks = [Reconstruction(*ARMS[arm])]
    started = time.process_time()
    estimator.fit(pool[train], validation=pool[validation], callbacks=callbacks)
    seconds = time.process_time() - started
    history = estimator.history_
    rows = history[history["side"] == "validation"].set_index(["task", "epoch"])["loss"]
    losses = {}
    for task, epoch in estimator.best_epoch_.items():
        losses[task] = round(float(rows[task, epoch]), 5)
    return {
        "case": name,
        "arm": arm,
        "seed": seed,
        "losses": losses,
        "loss": round(float(np.mean(list(losses.values()))), 5),
        "best_epoch": next(iter(estimator.best_epoch_.values())),
        "seconds": round(seconds, 1),
    }


def table_of(done: pd.DataFrame) -> str:
    """Return the table of a case: an arm per row, with its difference to "plain" by seed."""
    losses = pd.json_normalize(done["losses"].tolist()).set_index(done.index)
    losses.insert(0, "mean", done["loss"])
    losses = losses.set_index([done["arm"], done["seed"]])
    rows = []
    for arm in dict.fromkeys(done["arm"]):
        row: dict[str, object] = {"arm": arm}
        of_arm = losses.loc[arm]
        row["loss"] = f"{of_arm['mean'].mean():.4f}"
        difference = (of_arm - losses.loc[PLAIN]).dropna()
        row["seeds"] = len(difference)
        for column in difference:
            values = difference[column]
            error = values.std() / np.sqrt(len(values))
            row[column] = f"{values.mean():+.4f} ± {error:.4f}"
        row["seconds"] = round(done.loc[done["arm"] == arm, "seconds"].mean())
        rows.append(row)
    return markdown_table(pd.DataFrame(rows))


def main() -> None:
    """Measure what is not measured yet, and print a table per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *EPOCHS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("runs/reconstruction"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.folder)
    finished = results.values("case", "arm", "seed")
    cases = {name: read(name) for name in arguments.cases or EPOCHS}
    for name, seed, arm in itertools.product(cases, range(arguments.seeds), ARMS):
        if (name, arm, seed) in finished:
            continue
        row = measure(name, *cases[name], arm, seed)
        results.add(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    done = pd.DataFrame(results.rows)
    for name in dict.fromkeys(done["case"]):
        print(f"\n## {name}\n\n{table_of(done[done['case'] == name])}")


if __name__ == "__main__":
    main()
