"""A stored encoder whose record was altered is refused with one message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from multitide import Samples
from multitide.errors import StoreError
from multitide.representations import MiniRocket, load_encoder, save_encoder
from multitide.representations._encoder_format import RECORD_KEY
from refusals import refused

FIELDS = ("schema_version", "name", "parameters", "channels", "categories")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X = np.random.default_rng(0).normal(size=(12, 2, 16))
    encoder = MiniRocket(n_features=84).fit(Samples.from_arrays(X))
    return save_encoder(encoder, tmp_path_factory.mktemp("encoder") / "a.safetensors")


def altered(path: Path, field: str, value: object, place: Path) -> Path:
    with safe_open(str(path), framework="numpy") as file:
        record: dict[str, Any] = json.loads(file.metadata()[RECORD_KEY])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    record[field] = value
    save_file(arrays, place, {RECORD_KEY: json.dumps(record)})
    return place


@pytest.mark.parametrize("value", [None, 7, -1.5, "no", ["a", 1], [[]], {"a": [{}]}])
@pytest.mark.parametrize("field", FIELDS)
def test_an_altered_record_is_refused(
    stored: Path, tmp_path: Path, field: str, value: object
) -> None:
    place = altered(stored, field, value, tmp_path / "b.safetensors")
    with refused("b.safetensors", "must", error=StoreError):
        load_encoder(place)
