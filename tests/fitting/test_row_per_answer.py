"""Fits that rule out a class which no validation row has are not favoured for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.fitting._row_per_answer import with_each_answer
from multitide.tasks import Target


def target_of(task: mt.Task, labels: pd.DataFrame) -> Target:
    return task.fit_target(labels)


def rare() -> Target:
    labels = pd.DataFrame({"alarm": ["no"] * 96 + ["yes"] * 4})
    return target_of(mt.Classification("alarm"), labels)


def of_yes(share: float, n: int = 20) -> np.ndarray:
    return np.tile([1 - share, share], (n, 1))


def held(target: Target, decoded: np.ndarray) -> HeldOut:
    n = len(decoded)
    return HeldOut(target, np.zeros(n, dtype=np.int64), np.arange(n), decoded)


def test_the_surest_fit_gains_nothing_from_rows_without_positives() -> None:
    target = rare()
    sure, careful = held(target, of_yes(1e-6)), held(target, of_yes(0.04))
    assert sure.loss_of(sure.decoded) < 0.01 * careful.loss_of(careful.decoded)
    (of_sure, of_careful), loss = shares_of_fits([sure, careful], seed=0)
    assert of_careful > of_sure
    mean = of_sure * sure.decoded + of_careful * careful.decoded
    assert loss == pytest.approx(sure.loss_of(mean))  # that of the real rows


def test_the_rows_count_as_one_and_are_the_mean_of_the_others() -> None:
    target = rare()
    decoded = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    truth, recordings = np.array([0, -1, 1]), np.array([7, 7, 3])
    weights = np.array([2.0, 9.0, 4.0])
    more = with_each_answer(target, truth, recordings, decoded, weights)
    assert more[0].tolist() == [0, -1, 1, 0, 1]
    assert len(set(more[1][3:]) - set(more[1][:3])) == 2  # recordings of their own
    np.testing.assert_allclose(
        more[2][3:], [[0.5, 0.5]] * 2
    )  # without the row without label
    assert more[3] is not None
    np.testing.assert_allclose(more[3][3:], [1.5, 1.5])


def test_labels_of_their_own_count_as_yes_and_as_no() -> None:
    columns = pd.DataFrame({"hot": [0, 1, 0, 1], "loud": [0, 0, 1, 1]})
    target = target_of(mt.MultiLabel("state", columns=["hot", "loud"]), columns)
    truth = np.array([[0.0, np.nan], [0.0, 1.0]])
    decoded = np.array([[0.2, 0.4], [0.4, 0.8]])
    more = with_each_answer(target, truth, np.arange(2), decoded, None)
    assert more[0][2:].tolist() == [[0, 0], [1, 1]]
    np.testing.assert_allclose(more[2][2:], [[0.3, 0.6]] * 2)
    assert np.isfinite(target.decoded_losses(more[0], more[2])).all()


def test_numbers_and_rows_without_labels_stay() -> None:
    numbers = target_of(mt.Regression("load"), pd.DataFrame({"load": [1.0, 2.0, 4.0]}))
    given = np.array([1.0, 2.0]), np.arange(2), np.array([1.5, 1.5]), None
    assert with_each_answer(numbers, *given)[0] is given[0]
    unknown = np.array([-1, -1]), np.arange(2), of_yes(0.1, 2), None
    assert with_each_answer(rare(), *unknown)[0] is unknown[0]
