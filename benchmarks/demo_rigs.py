"""Does the study of `multitide demo` find the truth on rigs other than its own?

    python benchmarks/demo_rigs.py [--first 1] [--rigs 4] [--seeds N]

Each rig is drawn anew, with new runs, labels and splits, and goes through the files and the
configuration of the demo. In the simulation, fault, severity and remaining life share a hidden
cause, so that sharing should help them; operator shares none.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from multitide import simulate_rig
from multitide.cli._compare import _arguments
from multitide.cli._demo import LABEL_SHARE, N_RUNS, N_SECONDS, write_data
from multitide.cli._terminal import quietly
from multitide.config._load_config import load_config
from multitide.study import compare

UNRELATED = "operator"


def gains_of_rig(number: int, n_seeds: int | None) -> pd.DataFrame:
    """Return the gains that the study of the demo finds on a rig."""
    rig = simulate_rig(
        N_RUNS, n_timepoints=N_SECONDS, label_share=LABEL_SHARE, random_state=number
    )
    with tempfile.TemporaryDirectory() as parent, quietly():
        config = load_config(write_data(rig, Path(parent) / "demo"))
        options = {} if n_seeds is None else {"n_seeds": n_seeds}
        data = config.read_all()
        comparison = compare(
            next(iter(data.values())), **_arguments(config, data, options, False)
        )
    gains = comparison.gains
    return gains[~((gains["low"] == 0) & (gains["high"] == 0))]  # the same fits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--rigs", type=int, default=4)
    parser.add_argument("--seeds", type=int, help="Default: those of the demo.")
    options = parser.parse_args()
    logging.getLogger("multitide").setLevel(logging.ERROR)
    related: Counter[str] = Counter()
    unrelated: Counter[str] = Counter()
    for number in range(options.first, options.first + options.rigs):
        started = time.perf_counter()
        gains = gains_of_rig(number, options.seeds)
        print(f"rig {number}, {time.perf_counter() - started:.0f} s")
        shown = gains[["task", "arm", "gain", "low", "high", "verdict", "n_seeds"]]
        print(shown.round(3).to_string(index=False), "\n", flush=True)
        is_unrelated = gains["task"] == UNRELATED
        related.update(gains.loc[~is_unrelated, "verdict"])
        unrelated.update(gains.loc[is_unrelated, "verdict"])
    print(f"related tasks: {dict(related)}")
    print(f"{UNRELATED}: {dict(unrelated)}")


if __name__ == "__main__":
    main()
