"""The budgets and tables of benchmarks/data_sets.py, on gains that are known."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "data_sets.py"
SEEDS = range(6)


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(PATH))


def lines(gain: dict[str, float], validation: dict[str, float] | None = None) -> pd.DataFrame:
    """Return results in which arms gain so much on task "clear", give or take 0.01, and noise on task "noise"."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in SEEDS:
        for arm, more in gain.items():
            own = {
                "pair": "rigs",
                "data": "small",
                "arm": arm,
                "seed": seed,
                "seconds": 1.0 + seed,
                "overlap": 0.0,
            }
            own["validation"] = (validation or {}).get(arm, 1.0)
            rows.append(own | {"task": "clear", "loss": 1 - more + 0.01 * rng.normal()})
            rows.append(own | {"task": "noise", "loss": 1 + 0.2 * rng.normal()})
    return pd.DataFrame(rows)


def test_all_fits_take_as_many_steps_and_apart_they_see_the_same_rows(
    benchmark: dict[str, Any],
) -> None:
    parts = {
        name: (None, SimpleNamespace(train=np.arange(n), validation=None))
        for name, n in {"large": 225, "small": 60}.items()
    }
    for mixing, shares in (
        ("size", {"large": 25, "small": 7}),
        ("equal", {"large": 16, "small": 16}),
    ):
        steps = {}
        for names in (["large"], ["small"], ["large", "small"]):
            batch, epochs = benchmark["budget"](parts, names, mixing, 60)
            n_rows = sum(len(parts[name][1].train) for name in names)
            steps["+".join(names)] = epochs * np.ceil(n_rows / batch)
            assert batch == (32 if len(names) == 2 else shares[names[0]])
        assert max(steps.values()) / min(steps.values()) < 1.02


def test_a_clear_gain_has_a_verdict_and_noise_has_none(benchmark: dict[str, Any]) -> None:
    arms = dict.fromkeys(benchmark["ARMS"], 0.3) | {"alone": 0.0, "alone, equal shares": 0.0}
    text = benchmark["shown"](lines(arms), "rigs")
    clear, noise = (
        next(line for line in text.splitlines() if f"| {task} |" in line)
        for task in ("clear", "noise")
    )
    assert clear.count("▲") == 4
    assert not set("▲▼=") & set(noise)
    hurt = benchmark["shown"](lines({arm: -more for arm, more in arms.items()}), "rigs")
    assert next(line for line in hurt.splitlines() if "| clear |" in line).count("▼") == 4


def test_what_is_chosen_is_best_on_validation_not_on_test(benchmark: dict[str, Any]) -> None:
    arms = dict.fromkeys(benchmark["ARMS"], 0.3) | {
        "alone": 0.0,
        "alone, equal shares": 0.2,
        "joint, film": 0.5,
    }
    results = lines(arms, dict.fromkeys(arms, 1.0) | {"joint": 0.5, "alone, equal shares": 0.5})
    found = benchmark["gains"](benchmark["with_means"](results))
    assert found.loc[("small", "clear", "chosen: joint over alone"), "gain"] == pytest.approx(
        0.1, abs=0.02
    )


def test_splits_that_overlap_widen_the_interval(benchmark: dict[str, Any]) -> None:
    differences = np.array([0.1, 0.2, 0.3, 0.2])
    mean, half, p = benchmark["interval"](differences, 0.0)
    wider = benchmark["interval"](differences, 0.5)
    assert mean == pytest.approx(0.2)
    assert wider[1] == pytest.approx(half * np.sqrt(3))
    assert wider[2] > p
