"""Three simulated test rigs, each with a configuration, to try tune and compare on.

python examples/several_rigs.py rigs
multitide tune rigs/mill.toml --output search
multitide compare rigs/mill.toml rigs/press.toml rigs/pump.toml --output several
"""

from __future__ import annotations

import sys
from pathlib import Path

import multitide as mt
from multitide.cli._demo import as_tables

N_RUNS = 240
CONFIG = """\
max_epochs = 10
batch_size = 32
lr = 0.003
random_state = 0
tasks = ["severity", "remaining_life", "operator"]

[data]
path = "{name}.csv"
labels = "{name}-labels.csv"
series = "run"
time = "time"
static = ["machine_type", "age"]
ignore = ["machine"]

[split]
by = "random"
test = 0.3
validation = 0.25

[backbone]
name = "fcn"
filters = [16, 16, 16]

[compare]
n_seeds = 3
arms = ["hard", "constant"]

[tune]
n_trials = 24

[tune.space]
lr = {{low = 1e-3, high = 3e-2, log = true}}
sharing = ["hard", "soft"]
aggregator = false

[tune.space.backbone]
fcn = {{filters = [[16, 16, 16], [32, 32, 32]], conv_dropout = [0.0, 0.1]}}
cnn1d = {{output_channels = [16, 32]}}
"""


def write_rigs(folder: Path) -> None:
    """Write series, labels and configuration of each rig."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(["mill", "press", "pump"]):
        series, labels = as_tables(mt.simulate_rig(N_RUNS, random_state=seed))
        series.to_csv(folder / f"{name}.csv", index=False)
        labels.to_csv(folder / f"{name}-labels.csv", index=False)
        (folder / f"{name}.toml").write_text(CONFIG.format(name=name), encoding="utf-8")


if __name__ == "__main__":
    write_rigs(Path(sys.argv[1] if len(sys.argv) > 1 else "rigs"))
