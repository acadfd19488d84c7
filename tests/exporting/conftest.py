"""One exported model for many tests: an export takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from makers import SMALL, make_samples, small
from multitide import MultiTaskEstimator, Samples

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="session")
def samples() -> Samples:
    return make_samples(n=48, unequal=True)


@pytest.fixture(scope="session")
def model(samples: Samples) -> MultiTaskEstimator:
    return small(backbone=SMALL, max_epochs=1, verbose=0).fit(samples)


@pytest.fixture(scope="session")
def exported(
    model: MultiTaskEstimator, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return model.export(tmp_path_factory.mktemp("onnx") / "model.onnx")
