"""Which devices a fit and a loaded model accept."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from makers import make_samples, small
from multitide._load import load
from multitide.fitting._recipe import available_device, resolve_device
from refusals import refused


@pytest.mark.parametrize("name", ["meta", "mps", "gpu", "cuda9", ""])
def test_a_device_that_is_no_cpu_and_no_card_is_refused(name: str) -> None:
    with refused("`device`", repr(name), "'auto'"):
        small(device=name).fit(make_samples())


def test_a_card_that_is_not_in_the_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with refused("`device`", "'cuda:2'", "2 CUDA", "'auto'"):
        resolve_device("cuda:2")


def test_a_model_of_a_card_predicts_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    samples = make_samples()
    fitted = small(max_epochs=1).fit(samples)
    expected = fitted.predict(samples)
    fitted.stored_.params["device"] = "cuda:1"
    fitted.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.device == "auto"  # type: ignore[union-attr]
    pd.testing.assert_frame_equal(loaded.predict(samples), expected)


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_the_device_of_a_model_is_kept_where_it_exists(name: str) -> None:
    assert available_device(name) == name
