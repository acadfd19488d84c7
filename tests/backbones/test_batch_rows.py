"""Batches without training are sized by memory, and predictions do not depend on their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from makers import make_samples, small
from multitide.backbones import FCN, LSTM, _batch_rows
from multitide.backbones._batch_rows import MOST_VALUES, batch_rows
from multitide.representations import BackboneEncoder


@pytest.mark.parametrize("backbone", [FCN(), LSTM(hidden_size=32)])
@pytest.mark.parametrize("n_timepoints", [20, 100, 10_000, 1_000_000])
def test_no_tensor_between_layers_is_larger_than_the_limit(
    backbone: Any, n_timepoints: int
) -> None:
    module = backbone.build(3, n_timepoints).eval()
    n_rows = batch_rows(module.modules(), 3, n_timepoints)
    assert n_rows == 1 or n_rows * n_timepoints * 3 <= MOST_VALUES
    steps = min(n_timepoints, 100)
    widest = 0

    def measure(part: nn.Module, arguments: object, output: object) -> None:
        nonlocal widest
        if isinstance(output, Tensor) and output.ndim == 3:
            widest = max(widest, output.numel() // steps)

    for part in module.modules():
        part.register_forward_hook(measure)
    with torch.no_grad():
        module(torch.zeros(1, 3, steps))
    if n_rows > 1:
        assert n_rows * n_timepoints * widest <= MOST_VALUES


def test_usual_series_are_read_1024_at_a_time_and_long_ones_one_by_one() -> None:
    modules = list(FCN().build(3, 100).modules())
    assert batch_rows(modules, 3, 60) == 1024
    assert batch_rows(modules, 3, 10**8) == 1


def test_predictions_do_not_depend_on_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = make_samples(n=40)
    estimator = small(max_epochs=1).fit(samples)
    encoder = BackboneEncoder(estimator)
    whole, vectors = estimator.decode(samples), encoder.transform(samples)
    rows: list[int] = []
    estimator.model_.networks[0].inputs.register_forward_hook(
        lambda module, arguments, output: rows.append(len(output))
    )
    monkeypatch.setattr(_batch_rows, "MOST_VALUES", 8 * 20 * 7)
    parts = estimator.decode(samples)
    assert rows == [7, 7, 7, 7, 7, 5]
    for task, values in whole.items():
        np.testing.assert_allclose(parts[task], values, atol=1e-5)
    np.testing.assert_allclose(encoder.transform(samples), vectors, atol=1e-5)
