"""Measures of a ranking equal those of scikit-learn, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from multitide.tasks._metrics import classification_metrics, multi_label_metrics
from multitide.tasks._ranking import ranking

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0])),
    min_size=2,
    max_size=40,
)


@given(ROWS)
def test_a_ranking_with_ties_is_that_of_scikit_learn(
    rows: list[tuple[bool, float]],
) -> None:
    yes, scores = (np.array(values) for values in zip(*rows, strict=True))
    if yes.all() or not yes.any():
        return
    found = ranking(yes, scores)
    assert found.roc_auc == pytest.approx(roc_auc_score(yes, scores), abs=1e-12)
    expected = average_precision_score(yes, scores)
    assert found.average_precision == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 40])
@pytest.mark.parametrize("decimals", [1, 9])
def test_class_metrics_are_means_over_the_classes_present(
    n_classes: int, decimals: int
) -> None:
    rng = np.random.default_rng(n_classes)
    codes = rng.integers(0, n_classes + 1, 200)  # the last one is unseen in training
    probabilities = rng.random((200, n_classes)).round(decimals).astype(np.float32)
    found = classification_metrics(codes, probabilities)
    classes = range(1 if n_classes == 2 else 0, n_classes)
    for name, score in (
        ("roc_auc", roc_auc_score),
        ("average_precision", average_precision_score),
    ):
        each = [score(codes == c, probabilities[:, c]) for c in classes]
        assert found[name] == pytest.approx(np.mean(each), abs=1e-12)


def test_multi_label_metrics_leave_out_missing_labels_and_constant_columns() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (50, 3)).astype(float)
    truth[:20, 0] = np.nan
    truth[:, 2] = 0
    probabilities = rng.random((50, 3)).round(1)
    found = multi_label_metrics(truth, probabilities)
    each = [
        roc_auc_score(truth[20:, 0], probabilities[20:, 0]),
        roc_auc_score(truth[:, 1], probabilities[:, 1]),
    ]
    assert found["roc_auc"] == pytest.approx(np.mean(each), abs=1e-12)
