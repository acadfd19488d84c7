"""What an exported file says about its tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.exporting._description import describe_task
from multitide.tasks._classification import Classification, ClassificationTarget


def decided(described: dict[str, Any], probabilities: np.ndarray) -> np.ndarray:
    """Decide as docs/guide/export.md says."""
    chosen = (probabilities * described.get("decision_weights", 1)).argmax(axis=1)
    if described.get("threshold") is not None:
        yes = described["classes"].index(described["positive"])
        is_yes = probabilities[:, yes] >= described["threshold"]
        chosen = np.where(is_yes, yes, 1 - yes)
    return chosen


@pytest.mark.parametrize("counts", [(90, 10), (80, 15, 5), (25, 25, 25, 25)])
@pytest.mark.parametrize("is_calibrated", [False, True])
def test_a_reader_decides_like_the_model(
    counts: tuple[int, ...], is_calibrated: bool
) -> None:
    names = [f"class {i}" for i in range(len(counts))]
    labels = pd.DataFrame({"state": np.repeat(names, counts)})
    target = Classification("state", class_weight="balanced").fit_target(labels)
    assert isinstance(target, ClassificationTarget)
    if is_calibrated:
        target.weigh_decisions()
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(len(counts)), 500)
    found = decided(describe_task(target), probabilities)
    assert (found == target.decide(probabilities)).all()
    differs = (found != probabilities.argmax(axis=1)).any()
    assert differs == (is_calibrated and len(set(counts)) > 1)
