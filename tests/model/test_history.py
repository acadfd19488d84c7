"""The history survives saving and loading, and a damaged one stops nothing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from makers import make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.model._history import HISTORY, PRETRAINING, read_history, write_history


@pytest.fixture(scope="module")
def fitted() -> MultiTaskEstimator:
    return small(max_epochs=2, training={"pretrain": ["load"]}).fit(make_samples())


def test_histories_survive_saving_and_loading(
    fitted: MultiTaskEstimator, tmp_path: Path
) -> None:
    loaded = MultiTaskEstimator.load(fitted.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.history_, fitted.history_)
    pd.testing.assert_frame_equal(loaded.pretrain_history_, fitted.pretrain_history_)
    again = MultiTaskEstimator.load(loaded.save(tmp_path / "again"))
    pd.testing.assert_frame_equal(again.history_, fitted.history_)


def test_a_column_without_any_value_and_exact_numbers_survive(tmp_path: Path) -> None:
    history = pd.DataFrame(
        {
            "epoch": [1, 2],
            "loss": [0.1 + 0.2, float("nan")],
            "value": [float("nan")] * 2,
        }
    )
    write_history(history, tmp_path / HISTORY)
    pd.testing.assert_frame_equal(read_history(tmp_path / HISTORY), history)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff\xfe", b"[1]\n", b"null", b"[" * 99999]
)
def test_a_damaged_history_stops_nothing(
    fitted: MultiTaskEstimator,
    tmp_path: Path,
    damage: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = fitted.save(tmp_path / "model")
    whole = (folder / HISTORY).read_bytes()
    (folder / HISTORY).write_bytes(whole[:-9] + damage)
    (folder / PRETRAINING).write_bytes(damage)
    loaded = MultiTaskEstimator.load(folder)
    assert len(loaded.history_) == len(fitted.history_) - 1
    assert HISTORY in caplog.text
    assert len(loaded.predict(make_samples())) == 96
