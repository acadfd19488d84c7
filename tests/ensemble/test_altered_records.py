"""A record of an ensemble that its author altered ends in one error, or in a model that works."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import kept_models
import multitide as mt
from alterations import alterations
from multitide.errors import MultitideError, StoreError
from refusals import refused

KEPT = Path(__file__).parents[1] / "model/kept/0.1/ensemble"
FILES = ("ensemble.json", "calibration.safetensors")


@pytest.mark.parametrize("every", [24, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::multitide.MultitideWarning")
def test_every_altered_field_ends_in_one_error_or_in_a_model(
    tmp_path: Path, every: int
) -> None:
    shutil.copytree(KEPT, tmp_path / "mean")
    record = json.loads((KEPT / FILES[0]).read_text())
    samples = kept_models.samples()[:4]
    n_refused, others = 0, []
    for what, changed in alterations(record, every):
        (tmp_path / "mean" / FILES[0]).write_text(json.dumps(changed))
        try:
            mt.load(tmp_path / "mean").predict(samples)
        except MultitideError as error:
            n_refused += 1
            assert "\n" not in str(error)
        except Exception as error:
            others.append((what, type(error), str(error)[:100]))
    assert not others
    assert n_refused > 400 / every


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\0" * 100], ids=["empty", "cut", "zeros"]
)
@pytest.mark.parametrize("name", FILES)
def test_other_content_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    shutil.copytree(KEPT, tmp_path / "mean")
    (tmp_path / "mean" / name).write_bytes(content)
    with refused(name, error=StoreError):
        mt.load(tmp_path / "mean")
