"""Which network is best beside boosted trees, where labels are many?

    python benchmarks/beside_trees.py [--layers 1 2] [--epochs 6 12] [--seeds 1]
        [--folder runs/beside_trees]

Data: Beijing PM2.5. No test set is read. The validation rows stand in for one. The boosted trees of
the default and a GRU that reads encodings are the members of an ensemble, which holds out
validation rows among the training rows to choose their weights. The table shows the mean loss of
the tasks on the outer rows, in units of the trivial loss, of both and of the GRU alone, and the
seconds of the processor of the whole fit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from cases import CASES
from results import Results

from multitide import Ensemble, Inputs, MultiTaskEstimator, Samples
from multitide.backbones import GRU
from multitide.fitting._auto_backbone import ENCODINGS, boosted_trees
from multitide.reports._pages import markdown_table

KEYS = ("layers", "epochs", "seed")


def loss_on(samples: Samples, model: Ensemble | MultiTaskEstimator) -> float:
    """Return the mean loss of the tasks."""
    table = model.evaluate(samples)
    return round(float(table.loc[table["metric"] == "loss", "value"].mean()), 4)


def measure(layers: int, epochs: int, seed: int) -> dict[str, Any]:
    """Fit both members, and return the losses on the outer rows."""
    case = CASES["beijing"]()
    split = case.splits[0]
    trees = boosted_trees(len(split.train), case.samples.n_channels)
    members = {
        "trees": MultiTaskEstimator(case.tasks, backbone=trees, verbose=0),
        "gru": MultiTaskEstimator(
            case.tasks,
            backbone=GRU(num_layers=layers),
            inputs=Inputs(encodings=ENCODINGS),
            max_epochs=epochs,
            verbose=0,
        ),
    }
    ensemble = Ensemble(
        members,
        n_seeds=1,
        validation=case.rule,
        random_state=seed,
        n_jobs=1,
        verbose=0,
    )
    started = time.process_time()
    ensemble.fit(case.samples[split.train])
    seconds = time.process_time() - started
    outer = case.samples[split.validation]
    (gru,) = ensemble.members_["gru"]
    return {
        "layers": layers,
        "epochs": epochs,
        "seed": seed,
        "both": loss_on(outer, ensemble),
        "gru": loss_on(outer, gru),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--epochs", nargs="+", type=int, default=[6, 12])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/beside_trees"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.folder)
    finished = results.values(*KEYS)
    fits = product(range(arguments.seeds), arguments.layers, arguments.epochs)
    for seed, layers, epochs in fits:
        if (layers, epochs, seed) in finished:
            continue
        row = measure(layers, epochs, seed)
        results.add(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    done = pd.DataFrame(results.rows)
    table = done.groupby(["layers", "epochs"])[["both", "gru", "seconds"]].mean()
    print(markdown_table(table.round(3).reset_index()))


if __name__ == "__main__":
    main()
