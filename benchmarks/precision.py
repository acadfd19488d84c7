"""Training in bfloat16 against float32: the time of a step, and the quality of whole trainings.

    python benchmarks/precision.py [--threads 1] [--steps 400] [--seeds 5] [--epochs 12]
        [--rows 33387] [--backbones lstm_fcn fcn inception_time] [--only steps quality]

Data: Beijing PM2.5 as in ``training_step.py``, the last ROWS windows. **Steps**: one training takes
its steps in bfloat16 and in float32 by turns, so that a busy machine slows both alike; figures are
medians of the processor time, and the quartiles of the ratio of neighbours. Goal: float32 takes at
least 1.5 times as long. **Quality**: a study by `compare`, whose arms differ in
``training.precision`` only. A gain is that of bfloat16, in units of the trivial loss, on the test
set. The validation loss is that of the chosen epoch, the mean of both tasks. Goal: the verdict
"same".

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

N_ROWS, BATCH_SIZE, WARM_UP = 33_387, 64, 20
PRECISIONS = ("float32", "bf16")


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
    parts = ("steps", "quality")
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
