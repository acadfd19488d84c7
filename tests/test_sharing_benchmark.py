"""The tables of benchmarks/sharing.py, on a tiny study and on gains that are known."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from multitide.balancing import WEIGHTINGS
from multitide.sharing import SHARINGS
from multitide.study import compare
from study.fakes import RANDOM, Quick, make_study_samples

PATH = Path(__file__).parents[1] / "benchmarks" / "sharing.py"


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(PATH))


def test_the_table_says_of_every_arm_what_came_out_and_what_it_took(benchmark: dict[str, Any]) -> None:
    study = compare(
        make_study_samples(300), estimator=Quick(), arms=["hard"], n_seeds=5, split=RANDOM, n_jobs=1, verbose=0
    )
    table = benchmark["table"](study).set_index("arm")
    assert list(table.index) == ["none", "hard"]
    assert {"state: accuracy", "load: rmse", "load: gain", "mean gain", "seconds", "parameters"} <= set(table.columns)
    # The fakes' error on "load" is 6 alone and 3 together; each of them has a network of 8 parameters.
    assert float(table.loc["none", "load: rmse"].split()[0]) == pytest.approx(6, rel=0.2)
    assert float(table.loc["hard", "load: rmse"].split()[0]) == pytest.approx(3, rel=0.2)
    assert table.loc["hard", "load: gain"].endswith("helps")
    assert pd.isna(table.loc["none", "load: gain"])
    assert list(table["parameters"]) == ["16", "8"]
    assert "helps" in benchmark["page"]("beijing", study, 1.0)


def test_what_is_known_of_the_rig_stands_beside_what_was_found(benchmark: dict[str, Any]) -> None:
    verdicts = {"fault": "helps", "severity": "cannot tell", "remaining_life": "hurts", "operator": "hurts"}
    gains = pd.DataFrame({"arm": "hard", "task": list(verdicts), "verdict": list(verdicts.values())})
    tasks = [SimpleNamespace(name=name) for name in verdicts]
    study = SimpleNamespace(tasks=tasks, arms=["alone", "hard", "dwa"], gains=gains)
    table = benchmark["truth_table"](study).set_index("task")
    assert list(table["expected"]) == ["helps", "helps", "helps", "not helps"]
    assert list(table["hard"]) == ["helps: as expected", "cannot tell", "hurts: NOT as expected", "hurts: as expected"]
    assert "dwa" not in table


def test_every_sharing_and_every_weighting_is_an_arm(benchmark: dict[str, Any]) -> None:
    arms = benchmark["all_arms"]()
    assert set(arms) == (set(SHARINGS) | set(WEIGHTINGS) | {"pcgrad", "upgrad"}) - {"none", "uniform", "fixed"}
    with pytest.raises(SystemExit, match="`--arms` must be of"):
        benchmark["choose_arms"](["softly"])
