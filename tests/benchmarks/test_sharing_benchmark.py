"""The tables of benchmarks/sharing.py, on a tiny study and on gains that are known."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from fakes import RANDOM, Quick, make_study_samples
from multitide.balancing import WEIGHTINGS
from multitide.sharing import SHARINGS
from multitide.study import Comparison, compare

PATH = Path(__file__).parents[2] / "benchmarks" / "sharing.py"


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(PATH))


@pytest.fixture(scope="module")
def study() -> Comparison:
    """The fakes' error on "load" is 6 alone and 3 together; each of them has a network of 8 parameters."""
    return compare(
        make_study_samples(300),
        estimator=Quick(),
        arms=["hard"],
        n_seeds=5,
        split=RANDOM,
        n_jobs=1,
        verbose=0,
    )


def test_the_table_says_of_every_arm_what_came_out_and_what_it_took(
    benchmark: dict[str, Any], study: Comparison
) -> None:
    table = benchmark["table"](study).set_index("arm")
    assert list(table.index) == ["none", "hard"]
    assert list(table.columns) == ["state", "load", "mean gain", "seconds", "parameters"]
    found = study.gains.set_index("task").loc["load"]
    assert (
        table.loc["hard", "load"]
        == f"{found['gain']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}] ▲"
    )
    assert pd.isna(table.loc["none", "load"])
    assert list(table["parameters"]) == ["16", "8"]
    figures = benchmark["figures_table"](study).set_index("arm")
    assert float(figures.loc["none", "load: rmse"].split()[0]) == pytest.approx(6, rel=0.2)
    assert float(figures.loc["hard", "load: rmse"].split()[0]) == pytest.approx(3, rel=0.2)
    assert "state: accuracy" in figures


def test_the_page_says_what_can_be_told_from_hard(
    benchmark: dict[str, Any], study: Comparison
) -> None:
    told = benchmark["told_table"](study.against("hard")).set_index("task")
    assert list(told.index) == ["state", "load", "mean gain"]
    gain = study.gains.set_index("task").loc["load", "gain"]
    assert told.loc["load", "worse ▼"] == f"none {-gain:+.3f}"
    assert told.loc["load", "better ▲"] is None
    verdicts = [*study.gains["verdict"], *study.mean_gains["verdict"]]
    assert list(told["cannot be told ?"].notna()) == [
        verdict == "cannot tell" for verdict in verdicts
    ]
    assert list(told["the same ="].notna()) == [verdict == "same" for verdict in verdicts]
    page = benchmark["page"]("beijing", study)
    assert "5 seeds" in page and "from `hard`" in page and f"none {-gain:+.3f}" in page


def test_the_overview_has_a_column_a_data_set_and_both_verdicts(
    benchmark: dict[str, Any], study: Comparison
) -> None:
    table = benchmark["overview"]({"beijing": study}).set_index("arm")
    assert list(table.index) == ["hard"]
    gain, verdict = study.mean_gains[["gain", "verdict"]].iloc[0]
    assert verdict == "helps"
    assert list(table.iloc[0]) == [f"{gain:+.3f} ▲"]
    three = compare(
        make_study_samples(300),
        estimator=Quick(),
        arms={"hard": "hard", "again": {"sharing": "hard", "lr": 0.02}},
        n_seeds=5,
        split=RANDOM,
        n_jobs=1,
        verbose=0,
    )
    cell = benchmark["overview"]({"rig": three}).set_index("arm").loc["again"].iloc[0]
    assert cell.split()[1:] == [
        {"helps": "▲", "hurts": "▼", "same": "=", "cannot tell": "?"}[
            found.set_index("arm").loc["again", "verdict"]
        ]
        for found in (three.mean_gains, three.against("hard").mean_gains)
    ]


def test_what_is_known_of_the_rig_stands_beside_what_was_found(benchmark: dict[str, Any]) -> None:
    verdicts = {
        "fault": "helps",
        "severity": "cannot tell",
        "remaining_life": "hurts",
        "operator": "hurts",
    }
    gains = pd.DataFrame(
        {"arm": "hard", "task": list(verdicts), "verdict": list(verdicts.values())}
    )
    tasks = [SimpleNamespace(name=name) for name in verdicts]
    study = SimpleNamespace(tasks=tasks, arms=["alone", "hard", "dwa"], gains=gains)
    table = benchmark["truth_table"](study).set_index("task")
    assert list(table["expected"]) == ["helps", "helps", "helps", "not helps"]
    assert list(table["hard"]) == [
        "helps: as expected",
        "cannot tell",
        "hurts: NOT as expected",
        "hurts: as expected",
    ]
    assert "dwa" not in table


def test_every_sharing_and_every_weighting_is_an_arm(benchmark: dict[str, Any]) -> None:
    arms = benchmark["all_arms"]()
    assert set(arms) == (set(SHARINGS) | set(WEIGHTINGS) | {"pcgrad", "upgrad"}) - {
        "none",
        "uniform",
        "fixed",
    }
    with pytest.raises(SystemExit, match="`--arms` must be of"):
        benchmark["choose_arms"](["softly"])


def test_draws_of_the_rig_count_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PATH.parent))
    draws = runpy.run_path(str(PATH.parent / "rig_draws.py"))
    gains = pd.DataFrame(
        {
            "draw": [1, 2, 3, 4] * 2,
            "arm": ["hard"] * 4 + ["soft"] * 4,
            "task": "fault",
            "gain": [0.1, 0.12, 0.08, 0.1, -0.2, 0.2, 0.1, -0.09],
        }
    )
    found = draws["over_draws"](gains).set_index("arm")
    expected = stats.ttest_1samp(gains["gain"][:4], 0)
    interval = expected.confidence_interval()
    assert found.loc["hard", "p"] == pytest.approx(expected.pvalue)
    assert (found.loc["hard", "low"], found.loc["hard", "high"]) == pytest.approx(
        (interval.low, interval.high)
    )
    assert found.loc["hard", "p_holm"] == pytest.approx(2 * expected.pvalue)
    assert list(found["verdict"]) == ["helps", "cannot tell"]
    assert list(found["n_up"]) == [4, 2]
    table = draws["table"](draws["over_draws"](gains))
    assert table.loc[0, "related to"] == "remaining_life, severity"
    assert table.loc[0, "hard"].endswith("▲, 4 of 4")
