"""Kill a fit at random moments, continue it, and compare the model with that of an undisturbed fit.

    python benchmarks/resumed_fits.py [--kills 20] [--minutes 0.01]

The model is the default one: three tree ensembles for each task, the same again on all rows, and a
network. Prints a row per kill of a process that was at work; one that had ended does not count.
Moments are in seconds of the processor, which do not depend on other work. For Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
import safetensors

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from makers import write_runs
from processes import exit_code, start, wait_for

CONFIG = """
max_epochs = {n_epochs}
random_state = 0
device = "cpu"
tasks = ["load", "state"]

[data]
path = "data.csv"
series = "run"

[split]
by = "random"

[training]
patience = "none"
"""
N_RUNS, N_EPOCHS = 200, 12
HEAD = "| killed after | killed in | continued from | model |\n|---|---|---|---|"


def cpu_seconds(pid: int | None) -> float:
    """Return the time of the processor that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fit(
    folder: Path, output: str, minutes: float, end: float = float("inf")
) -> tuple[float, bool]:
    """Run a fit, and kill it after `end` seconds of the processor.

    Returns
    -------
    seconds : float
        That it has taken, from when its folder was there.
    was_killed : bool
        Whether it was at work until then.
    """
    arguments = ["fit", "c.toml", "--output", output, "--resume", "--quiet"]
    process = start(folder, *arguments, "--checkpoint-minutes", str(minutes))
    wait_for(process, (folder / f"{output}.partial").exists)
    began = cpu_seconds(process.pid)
    seconds = 0.0

    def is_over() -> bool:
        nonlocal seconds
        try:
            seconds = cpu_seconds(process.pid) - began
        except OSError:  # it has ended
            return True
        return seconds >= end

    wait_for(process, is_over)
    process.kill()
    code = exit_code(process)
    if code not in (0, -9):
        raise SystemExit((folder / "out.txt").read_text())
    return seconds, code == -9


def killed_in(partial: Path) -> str:
    """Return what a killed fit was doing: its history has a row per epoch that has ended."""
    record = partial / "checkpoint" / "checkpoint.json"
    if record.exists() and json.loads(record.read_text())["is_complete"]:
        return "the metrics, figures and report"
    history = partial / "history.jsonl"
    lines = history.read_text().splitlines() if history.exists() else []
    if not lines:
        return "before the end of epoch 1"
    epoch = json.loads(lines[-1])["epoch"]
    if epoch == N_EPOCHS:
        return "what follows the last epoch"
    return f"epoch {epoch + 1} of the network"


def continued_from(partial: Path) -> str:
    """Return what the checkpoint of a killed fit holds."""
    record = partial / "checkpoint" / "checkpoint.json"
    if not record.exists():
        return "the start"
    n_ensembles, network = 0, ""
    for piece in json.loads(record.read_text())["pieces"].values():
        with safetensors.safe_open(record.with_name(piece["file"]), "pt") as file:
            values = json.loads(file.metadata()["values"])
            if "epoch" not in values:
                n_ensembles += 1
            elif values["is_finished"]:
                network = ", the trained network"
            else:
                step = len(file.get_tensor("taken"))
                network = f", the network after step {step} of epoch {values['epoch']}"
    return f"{n_ensembles} tree ensembles{network}"


def model_of(run: Path) -> tuple[bytes, object, pd.DataFrame]:
    """Return weights, record and metrics of a run, but not the seconds that it took."""
    record = json.loads((run / "model.json").read_text(), object_hook=_untimed)
    del record["sha256"]  # of all other values
    metrics = pd.read_parquet(run / "metrics.parquet")
    return (run / "weights.safetensors").read_bytes(), record, metrics


def _untimed(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != "seconds"}


def is_same(run: Path, whole: Path) -> bool:
    weights, record, metrics = model_of(run)
    other_weights, other_record, other_metrics = model_of(whole)
    return (
        weights == other_weights
        and record == other_record
        and metrics.equals(other_metrics)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=0.01)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="resumed-"))
    draw = random.Random(0)
    try:
        write_runs(folder, N_RUNS)
        (folder / "c.toml").write_text(CONFIG.format(n_epochs=N_EPOCHS))
        fit(folder, "warm-up", given.minutes)
        longest, _ = fit(folder, "whole", given.minutes)
        print(f"undisturbed: {longest:.1f} s\n{HEAD}", flush=True)
        n_hits = n_same = 0
        while n_hits < given.kills:
            moment = draw.uniform(0, longest)
            seconds, was_killed = fit(folder, "run", given.minutes, moment)
            if was_killed:
                partial = folder / "run.partial"
                place, state = killed_in(partial), continued_from(partial)
                fit(folder, "run", given.minutes)
                same = is_same(folder / "run", folder / "whole")
                n_hits += 1
                n_same += same
                outcome = "the same" if same else "ANOTHER"
                print(
                    f"| {seconds:.1f} s | {place} | {state} | {outcome} |",
                    flush=True,
                )
            shutil.rmtree(folder / "run", ignore_errors=True)
        print(f"{n_same} of {n_hits} are the same, bit by bit")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
