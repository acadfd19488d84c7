"""Do the verdicts of a study hold if the networks are trained for a longer or shorter time?

    python benchmarks/training_length.py [--lengths 15 40 80] [--studies 1] [--first 0] [--jobs N]
    [--folder F]

The same study of the simulated rig at several numbers of epochs, or at the default ("auto"). Each
study simulates its own rig, whose truth is known: fault, severity and remaining life share a hidden
cause, operator shares none. A verdict is contradicted if another length says "helps" where it says
"hurts". "Not trained to the end" is what the study says in place of a verdict. With a folder,
finished fits are kept there, and an interrupted run continues.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from multitide import MultiTaskEstimator, Splitter, simulate_rig
from multitide.backbones import FCN
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.study import Comparison, compare
from multitide.study.results._tables import verdict_of_row

ARMS: dict[str, Any] = {
    "hard": "hard",
    "by_cause": {"groups": [["fault", "severity", "remaining_life"], ["operator"]]},
}
N_RUNS, N_MACHINES, LABEL_SHARE = 2000, 500, 0.3
TEST, VALIDATION = 0.85, 0.3


def study(number: int, epochs: int | str, options: argparse.Namespace) -> Comparison:
    """Return the study of one rig at one length of training."""
    samples = simulate_rig(
        N_RUNS,
        n_machines=N_MACHINES,
        n_timepoints=(24, 36),
        label_share=LABEL_SHARE,
        random_state=number,
    )
    folder = None
    if options.folder is not None:
        folder = options.folder / f"rig{number}" / str(epochs)
    return compare(
        samples,
        estimator=MultiTaskEstimator(
            backbone=FCN(filters=(8, 8, 8), kernel_sizes=(5, 3, 3)),
            max_epochs=epochs,
            lr=0.01,
            batch_size=32,
        ),
        arms=ARMS,
        split=Splitter(
            by="group", test=TEST, validation=VALIDATION, random_state=number
        ),
        n_jobs=options.jobs,
        folder=folder,
        verbose=0,
    )


def verdicts(number: int, options: argparse.Namespace) -> pd.DataFrame:
    """Return the verdicts of one rig, with a column per length."""
    columns = {}
    for epochs in options.lengths:
        started = time.perf_counter()
        comparison = study(number, epochs, options)
        gains = comparison.gains.set_index(["task", "arm"])
        words = {}
        for place, row in gains.iterrows():
            verdict = verdict_of_row(row.to_dict(), comparison.margin)
            words[place] = f"{row['gain']:+.3f} {verdict}"
        columns[str(epochs)] = pd.Series(words)
        took = time.perf_counter() - started
        print(f"rig {number}, {epochs} epochs: {took:.0f} s", flush=True)
    return pd.DataFrame(columns).rename_axis(["task", "arm"])


def contradictions(table: pd.DataFrame) -> list[str]:
    """Name the tasks and arms that are helped at one length and hurt at another."""
    found = []
    for place, row in table.iterrows():
        words = [set(cell.split()) for cell in row]
        for one, other in combinations(words, 2):
            if "helps" in one | other and "hurts" in one | other:
                found.append(", ".join(map(str, place)))
                break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--lengths", nargs="+", type=epochs_or_auto, default=[15, 40, 80]
    )
    parser.add_argument("--studies", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=default_n_jobs("cpu"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    n_settled = n_contradicted = 0
    for number in range(options.first, options.first + options.studies):
        table = verdicts(number, options)
        contradicted = contradictions(table)
        print(f"\nrig {number}\n{table.to_string()}")
        print(f"contradicted: {'; '.join(contradicted) or 'none'}\n", flush=True)
        n_settled += sum(table[c].str.contains("helps|hurts").sum() for c in table)
        n_contradicted += len(contradicted)
    print(f"{n_settled} verdicts of helps or hurts, {n_contradicted} contradicted")


def epochs_or_auto(text: str) -> int | str:
    """Read a number of epochs, or "auto"."""
    return text if text == "auto" else int(text)


if __name__ == "__main__":
    main()
