"""Time what a user waits for at the prompt: help, a check, and the prediction of one series.

    python benchmarks/start_time.py [--rounds 5] [--megabytes 10] [--predictions 200]

Every command is a process of its own. A first round, which compiles all modules as an installation
does, is not counted. Each round runs all of them in turn, so that a busy machine
slows all alike; figures are medians of rounds, of the wall time and of the processor time. The
packages that a prediction cannot do without (torch, pandas, pyarrow and scikit-learn) are imported
by a process of their own, and commands are compared with that. Goals: ``--help`` in 0.3 s, a
prediction of one series from a cold start in 1.2 times the imports, and that of one more series
in a running process in 2 ms.

`check` imports torch: it makes the plan of the fit, in which the networks are built without
memory, so that what it accepts can be fitted. Neither it nor a prediction imports scikit-learn.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

import multitide as mt

IMPORTS = "import torch, pandas, pyarrow, sklearn.base"
NOTHING, PACKAGES, HELP = "python", "imports", "--help"
CHECK, PREDICT = "check", "predict, one series"
CONFIG = """
[data]
path = "large.csv"
time = "time"
window = 24

[[tasks]]
name = "load"

[[tasks]]
name = "state"
"""


def write_table(path: Path, n_rows: int) -> None:
    """Write a table of hours: six channels, a number and a class."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"time": pd.date_range("2000", periods=n_rows, freq="h")})
    for i in range(6):
        table[f"channel_{i}"] = rng.normal(size=n_rows).round(4)
    table["load"] = rng.normal(size=n_rows).round(4)
    table["state"] = rng.choice(["off", "idle", "busy"], n_rows)
    table.to_csv(path, index=False)


def fit_model(folder: Path, backbone: str) -> mt.MultiTaskEstimator:
    """Return a model of the small table, written next to it."""
    samples = mt.read_table(
        folder / "small.csv", time="time", tasks=["load", "state"], window=24
    )
    estimator = mt.MultiTaskEstimator(backbone=backbone, random_state=0, verbose=0)
    if backbone != "auto":  # with a setting of networks, it would train one besides
        estimator.set_params(max_epochs=1)
    estimator.fit(samples).save(folder / backbone)
    return estimator


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Return the wall time and the processor time of a command."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{command} failed")
    return wall, usage.ru_utime + usage.ru_stime


def milliseconds(work: Callable[[], object], n: int) -> tuple[float, float, float]:
    """Return the median wall and processor time of some work, and its smallest processor time."""
    walls, cpus = [], []
    for _ in range(n):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return 1e3 * median(walls), 1e3 * median(cpus), 1e3 * min(cpus)


def time_commands(folder: Path, n_rounds: int) -> None:
    """Print the times of all commands."""
    python = sys.executable
    predict = [python, "-m", "multitide", "predict", "lstm_fcn", "one.csv", "--output"]
    commands = {
        NOTHING: [python, "-c", "pass"],
        PACKAGES: [python, "-c", IMPORTS],
        HELP: [python, "-m", "multitide", "--help"],
        CHECK: [python, "-m", "multitide", "check", "run.toml"],
        PREDICT: [*predict, "out.csv"],
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(1 + n_rounds):
        for name, command in commands.items():
            taken = run(command, folder)
            if number:
                times[name].append(taken)
            (folder / "out.csv").unlink(missing_ok=True)
    imports = np.median(times[PACKAGES], axis=0)
    print(
        f"{'':24}{'wall s':>9}{'cpu s':>9}{'wall / imports':>17}{'cpu / imports':>16}"
    )
    for name in commands:
        wall, cpu = np.median(times[name], axis=0)
        ratios = f"{wall / imports[0]:>17.2f}{cpu / imports[1]:>16.2f}"
        print(f"{name:24}{wall:>9.2f}{cpu:>9.2f}{ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--predictions", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "large.csv", options.megabytes * 13_000)
        write_table(folder / "small.csv", 400)
        write_table(folder / "one.csv", 24)
        (folder / "run.toml").write_text(CONFIG)
        models = {}
        for backbone in ("lstm_fcn", "auto"):
            models[backbone] = fit_model(folder, backbone)
        time_commands(folder, options.rounds)
        one = mt.read_like(
            models["auto"].reading_, folder / "one.csv", need_labels=False
        )
        for backbone, model in models.items():
            model.predict(one)
            wall, cpu, least = milliseconds(
                lambda m=model: m.predict(one), options.predictions
            )
            print(
                f"one more series, {backbone}: {wall:.2f} ms wall, {cpu:.2f} ms cpu, "
                f"at least {least:.2f} ms cpu"
            )


if __name__ == "__main__":
    main()
