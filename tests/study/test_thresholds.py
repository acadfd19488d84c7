"""A study judges each arm with the thresholds that its validation set has chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import multitide as mt
from makers import small
from multitide.backbones import Trees

RARE = mt.Classification("fault", threshold="f1", positive="yes")


def rare(n: int = 300) -> mt.Samples:
    rng = np.random.default_rng(0)
    level = rng.normal(size=n)
    X = (level[:, None, None] + 0.1 * rng.normal(size=(n, 1, 6))).astype(np.float32)
    fault = np.where(level + rng.normal(size=n) > 1.6, "yes", "no")
    return mt.Samples.from_arrays(X, pd.DataFrame({"fault": fault}))


def test_f1_is_that_of_the_threshold_of_each_arm(tmp_path: Path) -> None:
    arms = {
        "trees": {"backbone": Trees(n_trees=3)},
        "linear": {"backbone": "linear"},
        "constant": {"baseline": "constant"},
    }
    study = mt.compare(
        rare(),
        estimator=small(),
        tasks=[RARE],
        arms=arms,
        n_seeds=1,
        n_jobs=1,
        verbose=0,
        reference="trees",
    )
    chosen = {}
    for fit in study.evidence.fits.values():
        thresholds = fit.facts.get("thresholds", {})
        if thresholds:
            chosen[fit.key] = thresholds["fault"][0]
    assert len(set(chosen.values())) == 2
    for arm in ("trees", "linear"):
        fit = study.evidence.fit(arm, "fault", 0, 0)
        assert fit is not None
        labels = study.evidence.protocol.question("fault").labels(0)["fault"]
        said = fit.answers["fault"][:, 1] >= chosen[fit.key]
        expected = f1_score(labels == "yes", said)
        (fold,) = study.evidence.measured(arm, "fault", 0)
        value, _ = fold.value("f1", np.ones(len(labels), dtype=bool))
        assert value == pytest.approx(expected)
    saved = mt.Comparison.load(study.save(tmp_path / "study"))
    (again,) = saved.evidence.measured("trees", "fault", 0)
    (fold,) = study.evidence.measured("trees", "fault", 0)
    everything = np.ones(len(fold.labels), dtype=bool)
    assert again.value("f1", everything) == fold.value("f1", everything)
