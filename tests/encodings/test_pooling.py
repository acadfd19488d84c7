"""Pooled series are means of what was measured; a fit on them is a fit like any other."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import multitide as mt
from multitide.backbones import LSTMFCN
from multitide.data._samples import Samples
from multitide.encodings._inputs import Inputs
from multitide.encodings._pooling import pooled
from multitide.errors import DataError
from multitide.fitting._auto_backbone import MOST_STEPS

NO_CATEGORY = torch.empty(0, dtype=torch.int64)


def long_samples(n: int = 24, length: int = 120, seed: int = 0) -> Samples:
    """Series of unequal lengths with missing values, and a label that follows their mean."""
    rng = np.random.default_rng(seed)
    series = []
    for i in range(n):
        x = rng.normal(i % 3, 1, (2, length - 7 * (i % 4))).astype(np.float32)
        x[:, rng.random(x.shape[1]) < 0.3] = np.nan
        series.append(x)
    y = pd.DataFrame({"level": [float(i % 3) for i in range(n)]})
    return Samples.from_arrays(series, y)


@pytest.mark.parametrize("size", [1, 3, 4, 7, 50])
def test_blocks_are_means_of_the_measured_values(size: int) -> None:
    rng = np.random.default_rng(size)
    x = rng.normal(size=(4, 3, 23))
    x[rng.random(x.shape) < 0.4] = np.nan
    lengths = np.array([23, 1, 12, 20])
    found = pooled(torch.from_numpy(x), torch.from_numpy(lengths), size, NO_CATEGORY)
    for row, length in zip(range(4), lengths, strict=True):
        for channel in range(3):
            for block in range(-(-23 // size)):
                begin = block * size
                values = x[row, channel, begin : min(begin + size, length)]
                expected = np.nan
                if not np.isnan(values).all():
                    expected = np.nanmean(values)
                got = float(found[row, channel, block])
                np.testing.assert_allclose(got, expected)


def test_of_categories_the_last_one_is_taken() -> None:
    x = torch.tensor([[[0.0, 2.0, torch.nan, 1.0, 0.0], [1.0, 3.0, 5.0, 7.0, 9.0]]])
    found = pooled(x, None, 3, torch.tensor([0, 0, 0]))
    assert found.tolist() == [[[2.0, 0.0], [3.0, 8.0]]]


@pytest.fixture(scope="module")
def model() -> mt.MultiTaskEstimator:
    return mt.MultiTaskEstimator(
        backbone=LSTMFCN(padding="same"),
        inputs=Inputs(pool=8),
        max_epochs=1,
        random_state=0,
        verbose=0,
        validation=None,
    ).fit(long_samples())


def test_a_prediction_does_not_depend_on_the_other_series(
    model: mt.MultiTaskEstimator,
) -> None:
    samples = long_samples(seed=1)
    together = model.predict(samples)["level"].to_numpy()
    for i in (0, 1, 3):
        alone = model.predict(samples[[i]])["level"].to_numpy()
        np.testing.assert_allclose(alone, together[[i]], rtol=1e-4, atol=1e-5)


def test_a_saved_model_predicts_the_same(
    model: mt.MultiTaskEstimator, tmp_path: Path
) -> None:
    samples = long_samples(seed=1)
    model.save(tmp_path / "model")
    again = mt.load(tmp_path / "model").predict(samples)
    pd.testing.assert_frame_equal(again, model.predict(samples))


@pytest.mark.slow
def test_a_pooled_model_is_exported(
    model: mt.MultiTaskEstimator, tmp_path: Path
) -> None:
    """The export itself compares the graph with torch, for several lengths."""
    mt.export(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").is_file()


def test_too_short_series_are_refused_in_raw_steps() -> None:
    estimator = mt.MultiTaskEstimator(
        backbone=LSTMFCN(), inputs=Inputs(pool=20), verbose=0, validation=None
    )
    needed = (LSTMFCN().min_timepoints - 1) * 20 + 1
    with pytest.raises(DataError, match=f"at least {needed} time steps"):
        estimator.fit(long_samples())


def test_auto_pools_long_series_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    from multitide.fitting._auto_backbone import network_for
    from multitide.fitting._recipe import make_recipe

    params = mt.MultiTaskEstimator(backbone="auto").get_params(deep=False)
    recipe = make_recipe(params)
    x = np.random.default_rng(0).normal(size=(4, 1, 2 * MOST_STEPS + 1))
    with caplog.at_level(logging.INFO, "multitide"):
        of_long = network_for(recipe, [Samples.from_arrays(x)])
    assert of_long.inputs.pool == 3
    assert "means of 3 steps" in caplog.text
    of_short = network_for(recipe, [Samples.from_arrays(x[:, :, :MOST_STEPS])])
    assert of_short.inputs.pool == 1
