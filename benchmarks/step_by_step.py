"""Time a training step against that of a plain torch loop, by turns, on five backbones.

    python benchmarks/step_by_step.py [--threads 1] [--steps 400] [--backbones lstm_fcn fcn ...]

The data, the network and the plain loop are those of ``training_step.py``. After each step of ours
the plain loop takes one on a copy of the network, so that a busy machine slows both alike: on one
that is shared, whole epochs by turns differ by more than the two loops do. Figures are quantiles of
the processor time of a step; what an epoch adds to its steps is left out. Goal: a ratio of at most
1.00.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from training_step import BATCH_SIZE, LR, adamw, make_samples, step

from multitide import Callback, MultiTaskEstimator, Samples

BACKBONES = ("lstm_fcn", "fcn", "inception_time", "gru", "cnn1d")
WARM_UP = 20
QUANTILES = (0.1, 0.25, 0.5)


class ByTurns(Callback):
    """Lets the plain loop take a step after each of ours, and notes the time of both."""

    def __init__(self, samples: Samples, n_steps: int) -> None:
        self.samples = samples
        self.n_steps = n_steps
        self.ours: list[float] = []
        self.plain: list[float] = []

    def on_train_begin(self, trainer: Any) -> None:
        """Copy the network, and the data as plain tensors."""
        self.x = torch.from_numpy(self.samples.gather(slice(None))).contiguous()
        codes = []
        for target in trainer.network.target_list:
            labels = self.samples.y[target.task.columns]
            codes.append(torch.from_numpy(target.encode(labels)))
        self.codes = codes
        self.network = copy.deepcopy(trainer.network).train()
        self.optimizer = adamw(self.network)
        self.batches = self._batches()

    def on_epoch_begin(self, trainer: Any) -> None:
        """Do not count what an epoch does before its first step."""
        self.since: float | None = None

    def on_step_end(self, trainer: Any) -> None:
        """Note the time since the last step of the plain loop, and let it take one."""
        now = time.process_time()
        if self.since is not None:
            self.ours.append(now - self.since)
        started = time.process_time()
        rows = next(self.batches)
        labels = (self.codes[0][rows], self.codes[1][rows])
        step(self.network, self.optimizer, (self.x[rows], labels))
        self.plain.append(time.process_time() - started)
        trainer.stop = len(self.ours) >= self.n_steps
        self.since = time.process_time()

    def _batches(self) -> Iterator[Tensor]:
        while True:
            for rows in torch.randperm(len(self.x)).split(BATCH_SIZE):
                if len(rows) == BATCH_SIZE:
                    yield rows


def measure(samples: Samples, backbone: str, n_steps: int) -> dict[str, object]:
    """Return the times of a step with a backbone, in milliseconds, and their ratio."""
    turns = ByTurns(samples, n_steps)
    n_epochs = 1 + (n_steps + WARM_UP) // (len(samples) // BATCH_SIZE)
    MultiTaskEstimator(
        ["cbwd", "pm2.5"],
        backbone=backbone,
        max_epochs=n_epochs,
        batch_size=BATCH_SIZE,
        lr=LR,
        validation=None,
        device="cpu",
        random_state=0,
        verbose=0,
    ).fit(samples, callbacks=[turns])
    row: dict[str, object] = {"backbone": backbone, "steps": len(turns.ours) - WARM_UP}
    for share in QUANTILES:
        ours = 1e3 * np.quantile(turns.ours[WARM_UP:], share)
        plain = 1e3 * np.quantile(turns.plain[WARM_UP:], share)
        if share == QUANTILES[-1]:
            row |= {"ours ms": round(ours, 2), "plain ms": round(plain, 2)}
        row[f"ratio {share:g}"] = round(ours / plain, 3)
    return row


def main() -> None:
    """Print a row per backbone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    samples, source = make_samples(9_000)
    print(
        f"{samples.shape} from {source}, batch {BATCH_SIZE}, {options.threads} thread(s)"
    )
    rows = []
    for backbone in options.backbones:
        rows.append(measure(samples, backbone, options.steps))
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
