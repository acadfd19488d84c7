"""Two processes train the network that one process trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

import multitide as mt
from multitide._together import Group
from multitide.training._group_trainer import rows_of_process

CONFIG = """
max_epochs = 3
batch_size = 12
random_state = 0
device = "cpu"
weighting = "{weighting}"
{more}

[training]
averaging = 0.9

[data]
path = "data.csv"
series = "run"

[split]
by = "random"

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[[tasks]]
name = "rare"

[backbone]
name = "gru"
hidden_size = 6
dropout = 0.0
"""
# The gradient of a matrix is rounded in each process.
DENSE = CONFIG.replace("averaging", 'precision = "bf16"\naveraging').replace(
    'name = "gru"', 'name = "fc"'
)
TOGETHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def write_table(folder: Path) -> None:
    """Write series whose last label exists for a seventh of them: most steps have one or none."""
    rng = np.random.default_rng(0)
    parts = []
    for run in range(90):
        level = rng.normal()
        part = pd.DataFrame(
            {
                "run": run,
                "a": level + rng.normal(size=8),
                "b": rng.normal(size=8),
                "load": 10 + 3 * level,
                "state": "high" if level > 0 else "low",
                "rare": level**2 if run % 7 == 0 else np.nan,
            }
        )
        parts.append(part)
    pd.concat(parts).to_csv(folder / "data.csv", index=False)


def fit(folder: Path, output: str, *launcher: str) -> subprocess.CompletedProcess[str]:
    command = [*launcher, "-m", "multitide", "fit", "c.toml", "--output", output]
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_processes_share_all_rows_of_a_step(size: int) -> None:
    rows = [torch.arange(5), torch.arange(10, 11), torch.arange(20, 24)]
    shares = [rows_of_process(rows, Group(rank, size)) for rank in range(size)]

    for i, numbers in enumerate(rows):
        joined = torch.cat([share[i] for share in shares])
        assert sorted(joined.tolist()) == numbers.tolist()
    counts = [sum(map(len, share)) for share in shares]
    assert max(counts) - min(counts) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("weighting", ["uniform", "uncertainty"])
def test_two_processes_equal_one(tmp_path: Path, weighting: str) -> None:
    write_table(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG.format(weighting=weighting, more=""))

    one = fit(tmp_path, "one")
    two = fit(tmp_path, "two", *TOGETHER)

    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    assert two.stdout.count("Written: ") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["c.toml", "data.csv", "one", "two"]
    )
    weights = load_file(tmp_path / "one" / "weights.safetensors")
    theirs = load_file(tmp_path / "two" / "weights.safetensors")
    assert weights.keys() == theirs.keys()
    for name, values in weights.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-5, atol=1e-5)
    histories = []
    for output in ("one", "two"):
        history = mt.load(tmp_path / output).history_
        histories.append(history.drop(columns="seconds"))
    pd.testing.assert_frame_equal(*histories, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_two_processes_are_nearly_one_in_bfloat16(
    tmp_path: Path, precision: str
) -> None:
    write_table(tmp_path)
    config = DENSE.format(weighting="uniform", more="")
    (tmp_path / "c.toml").write_text(config.replace("bf16", precision))

    done = [fit(tmp_path, "one"), fit(tmp_path, "two", *TOGETHER)]

    for each in done:
        assert each.returncode == 0, each.stderr
    losses = [mt.load(tmp_path / name).history_["loss"] for name in ("one", "two")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('aggregator = "pcgrad"', ("`aggregator`", "PCGrad")),
        ('members = "best"', ("`members`", "torchrun")),
    ],
)
def test_what_needs_all_rows_in_one_process_is_refused(
    tmp_path: Path, more: str, words: tuple[str, str]
) -> None:
    write_table(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG.format(weighting="uniform", more=more))

    done = fit(tmp_path, "run", *TOGETHER)

    assert done.returncode != 0
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "run").exists()
