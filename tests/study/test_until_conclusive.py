"""Seeds are added until nothing is left to settle, and every look has its share of the level."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from multitide.study import Comparison, _until_conclusive, compare
from multitide.study._until_conclusive import LEVEL_OF_A_LOOK, add_seeds


class Fake:
    """Runs that are settled from some number of seeds on."""

    def __init__(self, settled_at: int, more_seeds: float = 30.0) -> None:
        self.looks: list[int] = []
        self.confidence = 0.0
        self.settled_at, self.more_seeds = settled_at, more_seeds

    def __call__(self, *, n_seeds: int, confidence: float, **_: Any) -> Comparison:
        self.looks.append(n_seeds)
        self.confidence = confidence
        verdict = "helps" if n_seeds >= self.settled_at else "cannot tell"
        row = {"arm": "hard", "verdict": verdict, "more_seeds": self.more_seeds}
        found = SimpleNamespace(
            gains=pd.DataFrame([row]), baselines=[], left_out="", facts={}
        )
        return cast(Comparison, found)


@pytest.fixture(autouse=True)
def plain_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(found: Any, **changes: Any) -> Any:
        if isinstance(found, SimpleNamespace):
            return SimpleNamespace(**{**vars(found), **changes})
        return real(found, **changes)

    real = _until_conclusive.replace
    monkeypatch.setattr(_until_conclusive, "replace", replace)


@pytest.mark.parametrize(
    ("settled_at", "looks", "reason"),
    [
        (5, [5], "every verdict is settled"),
        (13, [5, 8, 13], "every verdict is settled"),
        (99, [5, 8, 13, 20], "the largest number of seeds"),
    ],
)
def test_seeds_are_added_until_every_verdict_is_settled(
    settled_at: int, looks: list[int], reason: str
) -> None:
    fake = Fake(settled_at)
    found = add_seeds(fake, 5, 0.95, np.inf, None)
    assert fake.looks == looks
    assert fake.confidence == pytest.approx(1 - 0.05 * LEVEL_OF_A_LOOK)
    assert reason in str((found.facts or {})["looks"])


def test_it_ends_where_seeds_would_settle_nothing_or_the_time_is_over() -> None:
    useless = Fake(99, more_seeds=np.nan)
    assert "settle no further" in str(
        (add_seeds(useless, 5, 0.95, np.inf, None).facts or {})["looks"]
    )
    assert useless.looks == [5]
    late = Fake(99)
    assert "the budget ended" in str(
        (add_seeds(late, 5, 0.95, 0.0, None).facts or {})["looks"]
    )
    assert late.looks == [5]


@pytest.mark.slow
def test_a_study_keeps_its_looks_and_reuses_its_fits(tmp_path: Path) -> None:
    samples = make_study_samples(120)
    found = compare(
        samples,
        estimator=Quick(),
        arms=["hard"],
        split=RANDOM,
        n_jobs=1,
        verbose=0,
        folder=tmp_path / "study",
        until_conclusive=True,
    )
    loaded = Comparison.load(tmp_path / "study")
    assert (loaded.facts or {})["looks"] == (found.facts or {})["looks"]
    assert loaded.confidence == pytest.approx(1 - 0.05 * LEVEL_OF_A_LOOK)
    assert len(loaded.runs["seed"].unique()) in (5, 8, 13, 20)
