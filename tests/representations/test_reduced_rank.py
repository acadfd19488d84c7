"""Heads of reduced rank: the classical solution with all labels, and a gain with few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from makers import make_samples, small
from multitide import MultiTaskEstimator
from multitide.backbones import Linear
from multitide.errors import ParameterError
from multitide.representations._line import Line, lines
from multitide.representations._reduced_rank import (
    HeadChoice,
    choose_heads,
    solve_heads,
)
from multitide.representations._vectors import Vectors
from multitide.tasks import Regression
from refusals import refused

N_TASKS, N_FEATURES, RANK = 20, 60, 2
STRENGTHS = (10.0, 1.0, 0.1, 0.01)


def related_tasks(
    n: int, labelled: float, seed: int = 0
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Return vectors, labels of tasks of rank 2 with noise, and labels without noise."""
    generator = np.random.default_rng(seed)
    weights = np.random.default_rng(99).normal(size=(N_FEATURES, RANK))
    mixing = np.random.default_rng(98).normal(size=(RANK, N_TASKS))
    vectors = generator.normal(size=(n, N_FEATURES))
    clean = vectors @ weights @ mixing / np.sqrt(N_FEATURES)
    y = clean + generator.normal(size=clean.shape)
    y[generator.random(y.shape) > labelled] = np.nan
    names = [f"t{i}" for i in range(N_TASKS)]
    return vectors, pd.DataFrame(y, columns=names), clean


def targets_of(y: pd.DataFrame) -> list[Any]:
    return [Regression(name).fit_target(y[[name]]) for name in y]


def outputs_of(
    heads: list[Line], vectors: np.ndarray, targets: list[Any]
) -> np.ndarray:
    pairs = zip(heads, targets, strict=True)
    return np.stack([head.decode(vectors, target) for head, target in pairs], axis=1)


def test_with_all_labels_and_no_penalty_it_is_the_classical_solution() -> None:
    vectors, y, _ = related_tasks(200, 1.1)
    vectors = vectors - vectors.mean(axis=0)
    targets = targets_of(y)
    heads = solve_heads(targets, Vectors(vectors, y), [HeadChoice(1e-12, 2)] * N_TASKS)
    scaled = (y - y.mean()) / y.std(ddof=0)
    ordinary = np.linalg.lstsq(vectors, scaled.to_numpy(), rcond=None)[0]
    _, axes = np.linalg.eigh((vectors @ ordinary).T @ (vectors @ ordinary))
    leading = axes[:, -2:]
    expected = ordinary @ leading @ leading.T
    found = np.hstack([head.weights for head in heads])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.linalg.matrix_rank(found, tol=1e-6) == 2


def test_few_labels_of_many_related_tasks_gain_and_validation_never_loses() -> None:
    vectors, y, _ = related_tasks(300, 0.1)
    more, more_y, _ = related_tasks(300, 0.2, seed=1)
    new, _, clean = related_tasks(500, 0.1, seed=2)
    targets = targets_of(y)
    errors, on_validation = {}, {}
    for name, ranks in (("alone", []), ("auto", [1, 2, 3])):
        choices, heads = choose_heads(
            targets, Vectors(vectors, y), Vectors(more, more_y), STRENGTHS, ranks, 0
        )
        assert {choice.rank for choice in choices} <= {None, *ranks}
        missed = (outputs_of(heads, more, targets) - more_y.to_numpy()) ** 2
        on_validation[name] = np.nanmean(missed, axis=0)
        errors[name] = ((outputs_of(heads, new, targets) - clean) ** 2).mean()
    assert (on_validation["auto"] <= on_validation["alone"] + 1e-9).all()
    assert errors["auto"] < 0.85 * errors["alone"]


def test_without_validation_rows_it_is_fitted_to_all_rows() -> None:
    vectors, y, _ = related_tasks(300, 0.2)
    targets = targets_of(y)
    choices, heads = choose_heads(targets, Vectors(vectors, y), None, STRENGTHS, [2], 0)
    again = solve_heads(targets, Vectors(vectors, y), choices)
    for own, other in zip(heads, again, strict=True):
        np.testing.assert_array_equal(own.weights, other.weights)
    for target, choice, head in zip(targets, choices, heads, strict=True):
        if choice.rank is None:
            rows = y[target.task.columns[0]].notna().to_numpy()
            codes = target.encode(y[target.task.columns])
            alone = next(lines(vectors[rows], codes[rows], target, [choice.strength]))
            np.testing.assert_array_equal(head.weights, alone.weights)


@pytest.mark.parametrize("refit", [False, True])
def test_a_model_with_classes_and_numbers_is_stored(
    tmp_path: Path, refit: bool
) -> None:
    samples = make_samples(60)
    backbone = {"name": "linear", "rank": 1}
    model = small(backbone=backbone, training={"refit": refit}).fit(samples)
    alone = small(backbone="linear", training={"refit": refit}).fit(samples)
    loaded = MultiTaskEstimator.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(samples), model.predict(samples))
    assert np.isfinite(model.predict(samples)["load"]).all()
    losses = {}
    for name, each in (("joint", model), ("alone", alone)):
        history = each.history_
        rows = history[history["side"] == "validation"]
        losses[name] = rows.set_index("task")["loss"]
    assert (losses["joint"] <= losses["alone"] + 1e-6).all()


@pytest.mark.parametrize("rank", [0, "full"])
def test_another_rank_is_refused(rank: Any) -> None:
    with refused("backbone.rank`", "'auto'", repr(rank), error=ParameterError):
        small(backbone=Linear(rank=rank)).fit(make_samples(20))
