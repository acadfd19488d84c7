"""Batches equal those of a naive loop; an epoch uses every row once and spreads labels evenly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multitide.data._samples import Samples
from multitide.training._batches import DeviceSamples, cut, deal, number_of_batches

CPU = torch.device("cpu")


def overlapping_windows(n_rows: int = 50, window: int = 7) -> Samples:
    values = np.random.default_rng(0).normal(size=(1, 3, n_rows)).astype(np.float32)
    whole = Samples.from_arrays(values)
    starts = np.arange(n_rows - window + 1)
    return whole.replace(
        starts=starts,
        lengths=np.full(len(starts), window),
        series=starts,
        y=whole.y.reindex(starts),
    )


def test_a_batch_of_windows_equals_a_naive_loop() -> None:
    samples = overlapping_windows()
    rows = torch.tensor([43, 0, 17])
    batch = DeviceSamples(samples, [np.arange(len(samples))], None, CPU).gather(rows)
    naive = np.stack([samples.values[s : s + 7].T for s in (43, 0, 17)])
    np.testing.assert_array_equal(batch.x.numpy(), naive)
    np.testing.assert_array_equal(batch.x.numpy(), samples.gather(rows.numpy()))
    assert batch.lengths is None
    assert batch.codes[0].tolist() == [43, 0, 17]


def test_windows_share_the_memory_of_the_table() -> None:
    samples = overlapping_windows()
    device_samples = DeviceSamples(samples, [], None, CPU)
    assert device_samples._series._rows.data_ptr() == samples.values.ctypes.data


def test_steps_after_the_end_of_a_series_are_missing_and_never_a_neighbour() -> None:
    samples = Samples.from_arrays(
        [np.ones((2, 5)), np.full((2, 3), 2.0), np.full((2, 4), 3.0)]
    )
    batch = DeviceSamples(samples, [], None, CPU).gather(torch.tensor([1, 2]))
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [3, 4]
    assert torch.isnan(batch.x[0, :, 3:]).all()
    assert (batch.x[0, :, :3] == 2).all()
    np.testing.assert_array_equal(batch.x.numpy(), samples.gather([1, 2]))


@pytest.mark.parametrize("n_tasks", [1, 3])
def test_an_epoch_draws_every_row_once(n_tasks: int) -> None:
    measured = np.random.default_rng(1).random((101, n_tasks)) < 0.4
    order = deal(measured, np.random.default_rng(2))
    assert sorted(order) == list(range(101))


def test_few_labels_are_spread_evenly_over_the_batches() -> None:
    measured = np.zeros((1000, 2), dtype=bool)
    measured[:, 0] = True
    measured[:20, 1] = True
    order = deal(measured, np.random.default_rng(0))
    per_tenth = measured[order, 1].reshape(10, 100).sum(axis=1)
    assert per_tenth.min() >= 1
    assert per_tenth.max() <= 3


def test_with_complete_labels_the_order_is_a_plain_permutation() -> None:
    order = deal(np.ones((30, 2), dtype=bool), np.random.default_rng(5))
    np.testing.assert_array_equal(order, np.random.default_rng(5).permutation(30))


def test_orders_differ_between_epochs() -> None:
    measured = np.random.default_rng(1).random((40, 2)) < 0.5
    generator = np.random.default_rng(0)
    assert (deal(measured, generator) != deal(measured, generator)).any()


@pytest.mark.parametrize(
    ("n_rows", "batch_size"), [(65, 64), (64, 64), (1, 64), (129, 64), (1000, 7)]
)
def test_batches_are_of_nearly_equal_size(n_rows: int, batch_size: int) -> None:
    sizes = np.diff(cut(n_rows, number_of_batches(n_rows, batch_size)))
    assert sizes.sum() == n_rows
    assert sizes.max() <= batch_size
    assert sizes.max() - sizes.min() <= 1
