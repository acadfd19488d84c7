"""Weights of several fits: near a safe start with few rows, near the best ones with many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from multitide.fitting._choose_weights import choose_weights


def squared(truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    def losses(values: np.ndarray) -> np.ndarray:
        return (values - truth) ** 2

    return losses


def noisy(truth: np.ndarray, scale: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=len(truth))
    return truth + scale * noise


def test_many_rows_lead_to_the_weights_of_least_squares() -> None:
    truth = np.zeros(2_000)
    # The errors of the second are those of the first and more, so that only the first helps.
    first = noisy(truth, 1.0, 1)
    second = first + noisy(truth, 0.3, 2)
    third = noisy(truth, 1.05, 3)
    fits = [first, second, third]
    weights = choose_weights(fits, squared(truth), np.arange(len(truth)), 0)
    assert weights == pytest.approx([0.5, 0, 0.5], abs=0.12)


@pytest.mark.parametrize("n_fits", [1, 2, 10, 21, 200])
def test_any_number_of_equally_good_fits_has_weights(n_fits: int) -> None:
    truth = np.zeros(60)
    fits = [noisy(truth, 1.0, seed) for seed in range(n_fits)]
    weights = choose_weights(fits, squared(truth), np.arange(60), 0)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


def test_few_rows_change_the_start_only_a_little() -> None:
    truth = np.zeros(8)
    fits = [noisy(truth, 1.0, seed) for seed in range(4)]
    losses = squared(truth)
    weights = choose_weights(fits, losses, np.arange(8), 0)
    inverse = 1 / np.array([losses(each).mean() for each in fits])
    start = inverse / inverse.sum()
    assert np.abs(weights - start).max() < 0.45
    assert (weights > 0.05).all()


def test_a_loss_near_zero_on_a_few_rows_does_not_decide() -> None:
    levels = [0.012, 0.16, 0.49, 0.71, 1.0]

    def losses(values: np.ndarray) -> np.ndarray:
        return np.interp(values, range(5), levels)

    fits = [np.full(5, float(level)) for level in range(5)]
    few = choose_weights(fits, losses, np.arange(5), 0)
    assert 0.2 < few[0] < 0.75
    many = choose_weights(
        [np.repeat(fit, 100) for fit in fits], losses, np.arange(500), 0
    )
    assert many[0] > 0.95


def test_rare_large_losses_count_as_few_rows() -> None:
    """The losses of 3 positive rows of 300 say little, however many rows there are."""
    losses_of = {0: np.full(300, 0.01), 1: np.full(300, 0.01)}
    losses_of[0][:3], losses_of[1][:3] = [2.0, 3.0, 4.0], [3.0, 3.5, 3.0]

    def losses(values: np.ndarray) -> np.ndarray:
        return (1 - values) * losses_of[0] + values * losses_of[1]

    fits = [np.zeros(300), np.ones(300)]
    weights = choose_weights(fits, losses, np.arange(300), 0)
    assert weights.min() > 0.3


def test_a_clearly_worse_fit_is_left_out_even_if_rows_are_few() -> None:
    truth = np.zeros(12)
    fits = [noisy(truth, 0.5, 1), noisy(truth, 0.5, 2), truth + 5]
    weights = choose_weights(fits, squared(truth), np.arange(12), 0)
    assert weights[2] == 0
    assert weights[:2].min() > 0.1


def test_many_rows_let_a_worse_fit_help_a_better_one() -> None:
    """Errors of opposite sign cancel, although those of one fit are three times as large."""
    truth = np.zeros(500)
    error = noisy(truth, 1.0, 1)
    fits = [error, -3 * error]
    weights = choose_weights(fits, squared(truth), np.arange(500), 0)
    assert weights == pytest.approx([0.75, 0.25], abs=0.05)


def test_windows_of_one_recording_are_one_piece_of_evidence() -> None:
    """A difference that one recording makes is not clear, one of all recordings is."""
    truth = np.zeros(60)
    recordings = np.repeat(np.arange(6), 10)
    good, bad = truth + 1.0, truth + 1.0
    bad[recordings == 0] = 1.6
    fits = [good, bad]
    by_recording = choose_weights(fits, squared(truth), recordings, 0)
    by_row = choose_weights(fits, squared(truth), np.arange(60), 0)
    assert by_row[1] == 0
    assert by_recording[1] > 0


def test_one_recording_leaves_no_fit_out() -> None:
    truth = np.zeros(20)
    fits = [noisy(truth, 1.0, 1), noisy(truth, 1.2, 2)]
    weights = choose_weights(fits, squared(truth), np.zeros(20), 0)
    assert weights.min() > 0


def test_rows_that_do_not_count_have_no_influence() -> None:
    truth = np.zeros(40)
    fits = [noisy(truth, 1.0, 1), noisy(truth, 1.0, 2)]
    fits[0][20:] = 100
    counts = np.r_[np.ones(20), np.zeros(20)]
    with_them = choose_weights(fits, squared(truth), np.arange(40), 0, counts)
    assert with_them[0] > 0.2


def test_without_labels_all_weigh_alike() -> None:
    fits = [np.zeros(5), np.ones(5)]
    weights = choose_weights(fits, squared(np.full(5, np.nan)), np.arange(5), 0)
    assert weights.tolist() == [0.5, 0.5]


def test_a_perfect_fit_gets_all_the_weight() -> None:
    truth = np.random.default_rng(0).normal(size=30)
    fits = [noisy(truth, 1.0, 1), truth]
    weights = choose_weights(fits, squared(truth), np.arange(30), 0)
    assert weights.tolist() == [0, 1]
