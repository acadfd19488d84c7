"""The scripts that measure speed: when a fit is over, and what the page says of a claim."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.linear_model import Ridge

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    module = importlib.import_module(name)
    for each in set(sys.modules) - before:
        if each in (name, "cases", "results", "time_to_quality_peers"):
            del sys.modules[each]
    return module


def test_a_fit_is_over_at_the_goal_or_at_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = script("time_to_quality", monkeypatch).Clock
    patient = clocks(goal=0.5, limit=1000)
    assert not patient.note(0.8)
    assert patient.note(0.5)
    assert patient.row()["reached"]
    late = clocks(goal=0.5, limit=-1)
    assert late.note(0.6)
    assert not late.row()["reached"]
    assert late.row()["loss"] == 0.6


def test_a_claim_has_its_output_or_says_that_it_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    performance = script("performance", monkeypatch)
    claim = performance.CLAIMS[0]
    assert f"Not measured yet: `{claim.shown}`" in performance.section(claim, tmp_path)
    kept = {"command": claim.shown, "load": [0.5, 1.5], "output": "help 0.2 s\n"}
    (tmp_path / f"{claim.name}.json").write_text(json.dumps(kept))
    shown = performance.section(claim, tmp_path)
    assert "load of the machine 0.5 to 1.5" in shown
    assert "```text\nhelp 0.2 s\n```" in shown


def test_every_claim_has_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    for claim in script("performance", monkeypatch).CLAIMS:
        assert (BENCHMARKS.parent / claim.command[0]).is_file()


@pytest.mark.parametrize("n_rows", [12, 60])
def test_ridge_is_that_of_scikit_learn_for_few_and_for_many_rows(
    n_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = script("time_to_quality_peers", monkeypatch)
    rng = np.random.default_rng(0)
    train = rng.normal(size=(n_rows, 30))
    train -= train.mean(axis=0)
    labels, seen = rng.normal(size=(n_rows, 2)), rng.normal(size=(5, 30))
    found = list(peers._ridge_scores(train, labels, seen))
    assert len(found) == len(peers.RIDGE_PENALTIES)
    for penalty, scores in zip(peers.RIDGE_PENALTIES, found, strict=True):
        expected = Ridge(penalty).fit(train, labels).predict(seen)
        np.testing.assert_allclose(scores, expected)
