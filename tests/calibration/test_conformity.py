"""Intervals and sets of each kind of task: what they contain, and how often."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.calibration._conformity_of import conformity_of
from multitide.calibration._scores import Scores
from multitide.calibration._sets import FREE_CLASSES, PENALTY, scores_of_classes
from multitide.tasks import Classification, Forecast, MultiLabel, Regression
from multitide.tasks._task import Target

Drawn = tuple[np.ndarray, np.ndarray]


def of_numbers(rng: np.random.Generator, n: int) -> Drawn:
    noise = rng.standard_t(3, n)
    center = rng.normal(size=n)
    return center + noise, center


def of_quantiles(rng: np.random.Generator, n: int) -> Drawn:
    scale = rng.gamma(2.0, 1.0, n)
    truth = scale * rng.normal(size=n)
    return truth, scale[:, None] * np.array([-0.5, 0.0, 0.5])


def of_steps(rng: np.random.Generator, n: int) -> Drawn:
    truth = rng.normal(size=(n, 3)) * [1.0, 2.0, 4.0]
    truth[rng.random((n, 3)) < 0.3] = np.nan
    return truth, np.zeros((n, 3))


def of_classes(rng: np.random.Generator, n: int, n_classes: int = 8) -> Drawn:
    logits = rng.normal(scale=1.5, size=(n, n_classes))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    sharp = true**2
    return codes, sharp / sharp.sum(axis=1, keepdims=True)


def of_labels(rng: np.random.Generator, n: int) -> Drawn:
    said = rng.uniform(0.2, 0.8, (n, 3))
    truth = (rng.random((n, 3)) < said).astype(float)
    truth[rng.random((n, 3)) < 0.3] = np.nan
    return truth, said


def numbers(task: Regression) -> Target:
    return task.fit_target(pd.DataFrame({"y": np.arange(10.0)}))


def classes(n_classes: int) -> Target:
    labels = pd.DataFrame({"y": [f"c{i}" for i in range(n_classes)] * 2})
    return Classification("y").fit_target(labels)


KINDS = {
    "numbers": (numbers(Regression("y")), of_numbers),
    "quantiles": (numbers(Regression("y", loss="quantile")), of_quantiles),
    "steps": (
        Forecast("y", horizon=3).fit_target(
            pd.DataFrame({f"y[+{i}]": np.arange(9.0) for i in (1, 2, 3)})
        ),
        of_steps,
    ),
    "classes": (classes(8), of_classes),
    "labels": (
        MultiLabel("several", columns=["a", "b", "c"]).fit_target(
            pd.DataFrame({name: ["no", "yes"] for name in "abc"})
        ),
        of_labels,
    ),
}


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_coverage_is_the_level(kind: str, level: float) -> None:
    """Within two points and two standard errors, over many calibration sets."""
    target, draw = KINDS[kind]
    conformity = conformity_of(target)
    assert conformity is not None
    rng = np.random.default_rng(0)
    n, n_draws = 150, 60
    hits = []
    for _ in range(n_draws):
        scores = conformity.scores(*draw(rng, n))
        quantiles = Scores.fitted(scores, np.arange(n)).quantiles(level)
        new = conformity.scores(*draw(rng, 400))
        hits.append((new <= quantiles)[~np.isnan(new)].mean())
    error = np.std(hits) / np.sqrt(n_draws)
    assert abs(np.mean(hits) - level) < 0.02 + 2 * error


@pytest.mark.parametrize("kind", KINDS)
def test_tables_contain_a_label_if_its_score_is_small(kind: str) -> None:
    target, draw = KINDS[kind]
    conformity = conformity_of(target)
    assert conformity is not None
    truth, decoded = draw(np.random.default_rng(1), 80)
    if kind == "labels":
        decoded = decoded.round(1)  # neither answer is more probable than the other
    scores = conformity.scores(truth, decoded)
    # A set has the label whose score is the quantile; bounds of numbers are rounded.
    method = "higher" if kind in ("classes", "labels") else "linear"
    quantiles = np.nanquantile(scores, 0.7, axis=0, method=method)
    table = conformity.table(decoded, quantiles)
    widths = conformity.widths(decoded, quantiles)
    assert len(table) == 80
    assert widths.shape == scores.shape
    for i, column in enumerate(conformity.columns):
        inside = scores[:, i] <= quantiles[i]
        known = ~np.isnan(scores[:, i])
        own = truth if truth.ndim == 1 else truth[:, i]
        if f"{column}_low" in table:
            low, high = table[f"{column}_low"], table[f"{column}_high"]
            np.testing.assert_array_equal(
                ((low <= own) & (own <= high))[known], inside[known]
            )
            np.testing.assert_allclose(high - low, widths[:, i])
            continue
        sets = table[f"{column}_set"]
        values = ["no", "yes"] if kind == "labels" else target.to_config()["classes"]
        for row in np.flatnonzero(known):
            assert (values[int(own[row])] in sets[row]) == inside[row]
        assert sets.map(len).tolist() == widths[:, i].tolist()
        likely = target.to_frame(decoded)[column]
        assert [each[0] for each in sets] == likely.tolist()


def test_the_score_of_a_class_is_the_probability_of_more_probable_ones() -> None:
    scores = scores_of_classes(np.array([[0.2, 0.5, 0.3]]))
    np.testing.assert_allclose(scores, [[0.8, 0.0, 0.5]])
    many = scores_of_classes(np.full((1, FREE_CLASSES + 2), 1 / (FREE_CLASSES + 2)))
    before = np.arange(FREE_CLASSES + 2) / (FREE_CLASSES + 2)
    np.testing.assert_allclose(many[0][:FREE_CLASSES], before[:FREE_CLASSES])
    np.testing.assert_allclose(many[0][-1], before[-1] + 2 * PENALTY)


def test_of_many_classes_each_after_the_fifth_is_a_hundredth_less_likely() -> None:
    many = scores_of_classes(np.full((1, 8), 1 / 8))[0]
    more = [0, 0, 0, 0, 0, 0.01, 0.02, 0.03]
    np.testing.assert_allclose(many, np.arange(8) / 8 + more)


def test_an_even_chance_is_the_answer_no() -> None:
    conformity = conformity_of(KINDS["labels"][0])
    assert conformity is not None
    even = np.full((2, 3), 0.5)
    scores = conformity.scores(np.array([[0.0] * 3, [1.0] * 3]), even)
    assert scores.tolist() == [[0.0] * 3, [0.5] * 3]


def test_a_class_that_training_has_not_seen_is_in_no_set() -> None:
    conformity = conformity_of(classes(2))
    assert conformity is not None
    scores = conformity.scores(np.array([2, 0]), np.array([[0.5, 0.5], [0.9, 0.1]]))
    assert scores.ravel().tolist() == [np.inf, 0.0]


def test_intervals_of_quantiles_always_hold_the_median() -> None:
    target, draw = KINDS["quantiles"]
    conformity = conformity_of(target)
    assert conformity is not None
    _, decoded = draw(np.random.default_rng(0), 50)
    table = conformity.table(decoded, np.array([-1e6]))
    assert (table["y_low"] <= table["y_high"]).all()
    np.testing.assert_array_equal(table["y_low"], decoded[:, 1])
