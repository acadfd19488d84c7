"""Choose the defaults of a network: candidates side by side, on validation sets only.

    python benchmarks/defaults.py [CASE ...] [--only NAME ...] [--seeds 1] [--jobs 1]
        [--folder runs/defaults]

Each row of the table is one change to the settings of the row it names; columns are the mean
validation loss of the tasks of each case, in units of the trivial loss (1 is the best constant),
and the seconds of the processor. No test set is read. Each fit is a line of ``results.jsonl`` in
the folder, so that an interrupted run continues. Each fit has one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from augmentations import Augmented
from cases import CASES, Case
from joblib import Parallel, delayed
from results import Results

from multitide import Inputs, MultiTaskEstimator, Training

MUCH_MISSING = 0.2
DIFFERENCE_AND_BINS = ("difference", "piecewise_linear")
# Settings by name; the keys are explained in `make_estimator`.
BASE: dict[str, Any] = {
    "backbone": "lstm_fcn",
    "encodings": (),
    "steps": 1500,
    "most_epochs": 100,
    "batch": (8, 128),
    "lr": 2e-3,
    "averaging": None,
    "weight_decay": 0.01,
    "gaps": False,
    "augmentation": None,
}
LONG = BASE | {"steps": 3000, "most_epochs": 200}
FIFTY = BASE | {"epochs": 50, "batch": (8, 64), "lr": 1e-3, "patience": 10}
SMALL_GRU = BASE | {
    "backbone": {"name": "gru", "num_layers": 1, "hidden_size": 32, "dropout": 0.3},
    "batch": (8, 64),
    "lr": 3e-3,
    "averaging": 0.99,
    "weight_decay": 0.1,
}
WIDER_GRU = {"name": "gru", "num_layers": 1, "hidden_size": 64, "dropout": 0.3}
# As configs/physionet2012.toml.
CAREFUL_GRU = SMALL_GRU | {
    "backbone": {"name": "gru", "num_layers": 1, "hidden_size": 64, "dropout": 0.6},
    "weight_decay": 0.3,
    "gaps": True,
}
FEW_BINS = ({"name": "piecewise_linear", "n_bins": 4},)
ENCODED = LONG | {"encodings": DIFFERENCE_AND_BINS}


def _boosting(**settings: object) -> dict[str, Any]:
    return BASE | {"backbone": {"name": "trees", "kind": "boosting", **settings}}


def _lstm_fcn(**settings: object) -> dict[str, Any]:
    return BASE | {"backbone": {"name": "lstm_fcn", **settings}}


CANDIDATES: dict[str, dict[str, Any]] = {
    "boosting, 1 level": _boosting(n_levels=1),
    "boosting, 1 level and steps": _boosting(n_levels=1, steps=True),
    "boosting, statistics": _boosting(n_levels=0),
    "boosting, statistics, slower": _boosting(
        n_levels=0, learning_rate=0.05, n_trees=400
    ),
    "50 epochs": FIFTY,
    "1500 steps": BASE,
    "1500 steps, lr 0.001": BASE | {"lr": 1e-3},
    "1500 steps, fcn": BASE | {"backbone": "fcn"},
    "1500 steps, gaps": BASE | {"gaps": True},
    "1500 steps, gru": BASE | {"backbone": "gru"},
    "1500 steps, inception_time": BASE | {"backbone": "inception_time"},
    "1500 steps, averaging": BASE | {"averaging": 0.99},
    "1500 steps, decay 0.1": BASE | {"weight_decay": 0.1},
    "1500 steps, lr 0.004": BASE | {"lr": 4e-3},
    "1500 steps, dropout 0.3": _lstm_fcn(conv_dropout=0.3),
    "1500 steps, dropout 0.5": _lstm_fcn(conv_dropout=0.5, lstm_dropout=0.6),
    "1500 steps, narrow": _lstm_fcn(filters=(64, 64, 16), hidden_size=32),
    "1500 steps, wide": _lstm_fcn(filters=(256, 256, 32), hidden_size=128),
    "1500 steps, dropout 0.3, averaging": _lstm_fcn(conv_dropout=0.3)
    | {"averaging": 0.99},
    "1500 steps, gru, dropout 0.5": BASE
    | {"backbone": {"name": "gru", "dropout": 0.5}},
    "1500 steps, scaling": BASE | {"augmentation": "scaling"},
    "1500 steps, jitter": BASE | {"augmentation": "jitter"},
    "1500 steps, masking": BASE | {"augmentation": "masking"},
    "1500 steps, window warp": BASE | {"augmentation": "window warp"},
    "1500 steps, gru of 32, gaps": BASE
    | {"backbone": SMALL_GRU["backbone"], "gaps": True},
    "1500 steps, gru of 64, gaps": BASE | {"backbone": WIDER_GRU, "gaps": True},
    "750 steps, gru of 32, gaps": BASE
    | {"backbone": SMALL_GRU["backbone"], "gaps": True, "steps": 750},
    "1500 steps, gru of 32, gaps, averaging": BASE
    | {"backbone": SMALL_GRU["backbone"], "gaps": True, "averaging": 0.99},
    "1500 steps, small gru": SMALL_GRU,
    "1500 steps, small gru, gaps": SMALL_GRU | {"gaps": True},
    "1500 steps, small gru, encoded, gaps": SMALL_GRU
    | {"gaps": True, "encodings": DIFFERENCE_AND_BINS},
    "1500 steps, careful gru": CAREFUL_GRU,
    "1500 steps, careful gru, bins": CAREFUL_GRU | {"encodings": FEW_BINS},
    "12 epochs": BASE | {"epochs": 12},
    "6 epochs, gru, encoded": BASE
    | {"epochs": 6, "backbone": "gru", "encodings": DIFFERENCE_AND_BINS},
    "6 epochs, gru of 1 layer, encoded": BASE
    | {
        "epochs": 6,
        "backbone": {"name": "gru", "num_layers": 1},
        "encodings": DIFFERENCE_AND_BINS,
    },
    "6 epochs, gru of one direction, encoded": BASE
    | {
        "epochs": 6,
        "backbone": {"name": "gru", "bidirectional": False},
        "encodings": DIFFERENCE_AND_BINS,
    },
    "4 epochs, gru, encoded": BASE
    | {"epochs": 4, "backbone": "gru", "encodings": DIFFERENCE_AND_BINS},
    "12 epochs, gru, encoded": BASE
    | {"epochs": 12, "backbone": "gru", "encodings": DIFFERENCE_AND_BINS},
    "3000 steps": LONG,
    "3000 steps, gaps": LONG | {"gaps": True},
    "3000 steps, fcn, gaps": LONG | {"backbone": "fcn", "gaps": True},
    "3000 steps, encoded": ENCODED,
    "3000 steps, encoded, gaps": ENCODED | {"gaps": True},
    "3000 steps, encoded, gru, gaps": ENCODED | {"backbone": "gru", "gaps": True},
    "6000 steps": LONG | {"steps": 6000, "most_epochs": 400},
}


def make_estimator(
    settings: dict[str, Any], case: Case, seed: int
) -> MultiTaskEstimator:
    """Return the estimator of a candidate for the first split of a case.

    ``steps`` is the number of optimiser steps aimed at, with at most ``most_epochs``, unless
    ``epochs`` are given; ``batch`` the smallest and largest batch; ``gaps`` adds observed and
    elapsed channels and clips where many values are missing.
    """
    n_train = len(case.splits[0].train)
    smallest, largest = settings["batch"]
    batch_size = min(largest, max(smallest, n_train // 20))
    per_epoch = max(1, n_train // batch_size)
    epochs = max(5, math.ceil(settings["steps"] / per_epoch))
    max_epochs = settings.get("epochs", min(settings["most_epochs"], epochs))
    missing = float(np.isnan(case.samples[case.splits[0].train].values).mean())
    gaps = settings["gaps"] and missing > MUCH_MISSING
    return MultiTaskEstimator(
        case.tasks,
        backbone=settings["backbone"],
        inputs=Inputs(
            clip=0.001 if gaps else None,
            observed=gaps,
            elapsed=gaps,
            encodings=settings["encodings"],
        ),
        max_epochs=max_epochs,
        batch_size=batch_size,
        lr=settings["lr"],
        training=Training(
            averaging=settings["averaging"],
            weight_decay=settings["weight_decay"],
            patience=settings.get("patience", max(10, max_epochs // 5)),
        ),
        random_state=seed,
        device="cpu",
        verbose=0,
    )


def measure(name: str, candidate: str, seed: int) -> dict[str, Any]:
    """Fit one candidate, and return its validation losses, epochs and seconds."""
    torch.set_num_threads(1)
    case, settings = CASES[name](), CANDIDATES[candidate]
    split = case.splits[0]
    estimator = make_estimator(settings, case, seed)
    callbacks = []
    if settings["augmentation"] is not None:
        callbacks.append(Augmented(settings["augmentation"]))
    started = time.process_time()
    estimator.fit(
        case.samples[split.train],
        validation=case.samples[split.validation],
        callbacks=callbacks,
    )
    seconds = time.process_time() - started
    history = estimator.history_
    rows = history[history["side"] == "validation"].set_index(["task", "epoch"])["loss"]
    losses = {}
    for task, epoch in estimator.best_epoch_.items():
        losses[task] = round(float(rows[task, epoch]), 4)
    return {
        "case": name,
        "candidate": candidate,
        "seed": seed,
        "loss": float(np.mean(list(losses.values()))),
        "losses": losses,
        "best_epoch": estimator.best_epoch_,
        "n_epochs": int(history["epoch"].max()),
        "max_epochs": estimator.max_epochs,
        "seconds": round(seconds, 1),
    }


def shown(done: pd.DataFrame) -> str:
    """Return the table of mean losses per candidate and case, and the mean over cases."""
    wide = done.pivot_table(
        index="candidate", columns="case", values="loss", sort=False
    )
    wide["mean"] = wide.mean(axis=1, skipna=False)
    seconds = done.pivot_table(
        index="candidate", columns="case", values="seconds", sort=False
    )
    return wide.round(3).join(seconds.round(0), rsuffix=" s").to_string()


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=CANDIDATES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/defaults"))
    arguments = parser.parse_args()
    results = Results(arguments.folder)
    finished = results.values("case", "candidate", "seed")
    waiting = []
    for name in arguments.cases or CASES:
        for seed in range(arguments.seeds):
            for candidate in arguments.only:
                if (name, candidate, seed) not in finished:
                    waiting.append((name, candidate, seed))
    pool = Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
    for row in pool(delayed(measure)(*each) for each in waiting):
        results.add(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    print(shown(pd.DataFrame(results.rows)))


if __name__ == "__main__":
    main()
