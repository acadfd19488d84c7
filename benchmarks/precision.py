"""Training in bfloat16 against float32: the steps that "auto" checks, speed, and quality.

    python benchmarks/precision.py [--threads 1] [--steps 400] [--seeds 5] [--epochs 12]
        [--rows 33387] [--backbones lstm_fcn fcn inception_time] [--only checks steps quality]

Data: Beijing PM2.5 as in ``training_step.py``, the last ROWS windows.

**Checks**: how much a step in bfloat16 differs in its losses and in the gradient of the backbone,
the largest of the steps that "auto" checks. For comparison, the gradient of the rows of the step
before, at the same weights. **Steps**: one training takes its steps in bfloat16 and in float32 by
turns, so that a busy machine slows both alike; figures are medians of the processor time, and the
quartiles of the ratio of neighbours. Goal: float32 takes at least 1.5 times as long. **Quality**: a
study by `compare`, whose arms differ in ``training.precision`` only. A gain is that of bfloat16, in
units of the trivial loss, on the test set. The validation loss is that of the chosen epoch, the
mean of both tasks. Goal: the verdict "same".

The time needs a processor with bfloat16 of its own (avx512_bf16 or AMX on x86). Elsewhere only the
quality is measured. Convolutions then round their inputs, weights, results and gradients to
bfloat16 and compute in float32, which is what such a processor does; torch's own way to do so would
take a hundred times as long.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F
from training_step import make_samples

from multitide import Callback, Comparison, MultiTaskEstimator, Samples, compare
from multitide._bf16 import has_bf16, in_float32, multiplies_in_bf16_on_cpu
from multitide.backbones._convolution import MaskedConv1d
from multitide.reports._pages import markdown_table
from multitide.training._precision import (
    CHECKED,
    gradient_difference,
    loss_difference,
)

N_ROWS, BATCH_SIZE, WARM_UP = 33_387, 64, 20
PRECISIONS = ("float32", "bf16")


class Checks(Callback):
    """Measures the steps that "auto" checks, in a training in float32."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.found: list[tuple[float, float, float]] = []

    def on_step_begin(self, trainer: Any, rows: Any, n_labelled: Any) -> None:
        """Compute the step in both precisions, and with the rows of the step before."""
        self.batches.append((rows, n_labelled))
        if len(self.batches) not in CHECKED:
            return
        exact = trainer.precision.computed(False, trainer, rows, n_labelled)
        rounded = trainer.precision.computed(True, trainer, rows, n_labelled)
        other = trainer.precision.computed(False, trainer, *self.batches[-2])
        losses = loss_difference(rounded, exact)
        gradients = gradient_difference(rounded, exact)
        self.found.append((losses, gradients, gradient_difference(other, exact)))

    def largest(self, backbone: str) -> dict[str, object]:
        """Return the largest differences; of other rows, the smallest."""
        losses, gradients, others = np.array(self.found).T
        return {
            "backbone": backbone,
            "losses": f"{losses.max():.2%}",
            "gradient": f"{gradients.max():.1%}",
            "gradient of other rows": f"at least {others.min():.0%}",
        }


class ByTurns(Callback):
    """Takes every other step in bfloat16, and notes the time of each."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps
        self.spent: list[float] = []

    def on_step_begin(self, trainer: Any, rows: Any, n_labelled: Any) -> None:
        """Change the precision."""
        trainer.precision.in_bf16 = len(self.spent) % 2 == 1
        self.since = time.process_time()

    def on_step_end(self, trainer: Any) -> None:
        """Note the time of the step."""
        self.spent.append(time.process_time() - self.since)
        trainer.stop = len(self.spent) >= self.n_steps + WARM_UP


def network(backbone: str, n_epochs: int, **settings: Any) -> MultiTaskEstimator:
    """Return the network of a backbone with its defaults."""
    return MultiTaskEstimator(
        ["cbwd", "pm2.5"],
        backbone=backbone,
        max_epochs=n_epochs,
        batch_size=BATCH_SIZE,
        device="cpu",
        random_state=0,
        verbose=0,
        **settings,
    )


def emulated(self: MaskedConv1d, x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Convolve rounded numbers in float32 and round the result, where torch is to use bfloat16."""
    x = self.padded(x, lengths)
    if not multiplies_in_bf16_on_cpu(x):
        return nn.Conv1d.forward(self, x)
    rounded = []
    for each in (x, self.weight, self.bias):
        rounded.append(None if each is None else each.to(torch.bfloat16).float())
    with in_float32(x):
        result = F.conv1d(*rounded, self.stride, self.padding)
    return result.to(torch.bfloat16)


def steps(samples: Samples, backbone: str, n_steps: int) -> dict[str, object]:
    """Return the times of steps in both precisions, in milliseconds."""
    turns = ByTurns(n_steps)
    n_epochs = 1 + (n_steps + WARM_UP) // (len(samples) // BATCH_SIZE)
    network(backbone, n_epochs, validation=None).fit(samples, callbacks=[turns])
    spent = 1e3 * np.array(turns.spent[WARM_UP : WARM_UP + n_steps // 2 * 2])
    exact, rounded = spent.reshape(-1, 2).T
    lower, upper = np.quantile(exact / rounded, (0.25, 0.75))
    return {
        "backbone": backbone,
        "steps": len(exact),
        "float32 ms": f"{np.median(exact):.2f}",
        "bf16 ms": f"{np.median(rounded):.2f}",
        "float32 / bf16": f"{np.median(exact) / np.median(rounded):.2f} "
        f"({lower:.2f} to {upper:.2f})",
    }


def checks(samples: Samples, backbone: str) -> dict[str, object]:
    """Return how much the checked steps differ."""
    measured = Checks()
    few = samples[: CHECKED[-1] * BATCH_SIZE]
    network(backbone, 1, validation=None).fit(few, callbacks=[measured])
    return measured.largest(backbone)


def quality(
    samples: Samples, backbone: str, n_seeds: int, n_epochs: int
) -> list[dict[str, object]]:
    """Return the gain of bfloat16 for each task, and the difference of validation losses."""
    arms = {name: {"training": {"precision": name}} for name in PRECISIONS}
    study = compare(
        samples,
        estimator=network(backbone, n_epochs, sharing="hard"),
        arms=arms,
        reference="float32",
        n_seeds=n_seeds,
        robust=False,
        n_jobs=1,
        verbose=0,
    )
    gains = study.gains[study.gains["arm"] == "bf16"]
    rows = []
    for gain in gains.to_dict("records"):
        rows.append(
            {
                "backbone": backbone,
                "measured": f"gain, {gain['task']}",
                "difference": f"{gain['gain']:+.4f}",
                "interval": f"{gain['low']:+.4f} to {gain['high']:+.4f}",
                "verdict": gain["verdict"],
            }
        )
    return [*rows, _validation_row(backbone, study, n_seeds)]


def _validation_row(
    backbone: str, study: Comparison, n_seeds: int
) -> dict[str, object]:
    """Return the difference of the validation losses, with its interval over seeds (paired t)."""
    losses = _best_losses(study, n_seeds)
    apart = losses["bf16"] - losses["float32"]
    wide = stats.t.ppf(0.975, len(apart) - 1) * apart.sem()
    means = ", ".join(f"{name} {losses[name].mean():.4f}" for name in PRECISIONS)
    return {
        "backbone": backbone,
        "measured": f"validation loss ({means})",
        "difference": f"{apart.mean():+.4f}",
        "interval": f"{apart.mean() - wide:+.4f} to {apart.mean() + wide:+.4f}",
        "verdict": "",
    }


def _best_losses(study: Comparison, n_seeds: int) -> pd.DataFrame:
    """Return the lowest mean validation loss of each seed (rows) and arm (columns)."""
    rows = []
    for seed in range(n_seeds):
        row = {}
        for arm in PRECISIONS:
            history = study.history(arm, seed)
            validation = history[history["side"] == "validation"]
            row[arm] = validation.groupby("epoch")["loss"].mean().min()
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Print a table of steps and one of quality."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    names = ("lstm_fcn", "fcn", "inception_time")
    parser.add_argument("--backbones", nargs="+", default=names)
    parser.add_argument("--checked", nargs="*", default=("cnn1d", "fc"))
    parts = ("checks", "steps", "quality")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    samples, source = make_samples(N_ROWS)
    samples = samples[-options.rows :]
    is_native = has_bf16(torch.device("cpu"))
    print(
        f"{samples.shape} from {source}, batch {BATCH_SIZE}, {options.threads} thread(s), "
        f"bfloat16: {'of its own' if is_native else 'emulated'}\n"
    )
    if not is_native:
        MaskedConv1d.forward = emulated
    if "checks" in options.only:
        rows = [
            checks(samples, name) for name in (*options.backbones, *options.checked)
        ]
        print(markdown_table(pd.DataFrame(rows)) + "\n")
    if "steps" in options.only and is_native:
        rows = [steps(samples, name, options.steps) for name in options.backbones]
        print(markdown_table(pd.DataFrame(rows)) + "\n")
    if "quality" in options.only:
        rows = []
        for name in options.backbones:
            rows += quality(samples, name, options.seeds, options.epochs)
        print(f"{options.seeds} seeds, {options.epochs} epochs\n")
        print(markdown_table(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
