"""Fits, loaded models and predictions do not depend on what the caller has set in torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

import multitide as mt
from makers import make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide._torch_defaults import torch_defaults
from multitide.data._samples import Samples


@contextmanager
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def on_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


Setting = Callable[[], AbstractContextManager[None]]
SETTINGS: dict[str, Setting] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": double,
    "meta": on_meta,
}
every_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return make_samples(40, missing=0.1)


def make() -> MultiTaskEstimator:
    return small(backbone="fcn", max_epochs=1)


@pytest.fixture(scope="module")
def fitted(samples: Samples) -> MultiTaskEstimator:
    return make().fit(samples)


def answers(model: MultiTaskEstimator, samples: Samples) -> pd.DataFrame:
    return pd.DataFrame(model.predict(samples))


@every_setting
def test_a_fit_gives_the_same_model(
    setting: Setting, samples: Samples, fitted: MultiTaskEstimator
) -> None:
    with setting():
        model = make().fit(samples)
        within = answers(model, samples)
        model.evaluate(samples)
    expected = answers(fitted, samples)
    pd.testing.assert_frame_equal(within, expected, check_exact=True)
    pd.testing.assert_frame_equal(answers(model, samples), expected, check_exact=True)
    model.fit(samples)


@every_setting
def test_a_loaded_model_is_the_same(
    setting: Setting, samples: Samples, fitted: MultiTaskEstimator, tmp_path: Path
) -> None:
    saved = fitted.save(tmp_path / "model")
    with setting():
        model = mt.load(saved)
        within = answers(model, samples)
    expected = answers(fitted, samples)
    pd.testing.assert_frame_equal(within, expected, check_exact=True)
    pd.testing.assert_frame_equal(answers(model, samples), expected, check_exact=True)


@every_setting
def test_gradients_can_be_looked_at(setting: Setting, samples: Samples) -> None:
    expected = mt.gradient_flow(make(), samples)
    with setting():
        flow = mt.gradient_flow(make(), samples)
    pd.testing.assert_frame_equal(flow.by_layer, expected.by_layer)


def test_the_settings_are_restored() -> None:
    with double(), torch.no_grad():
        with pytest.raises(KeyError), torch_defaults():
            assert torch.get_default_dtype() == torch.float32
            assert torch.is_grad_enabled()
            raise KeyError
        assert torch.get_default_dtype() == torch.float64
        assert not torch.is_grad_enabled()
