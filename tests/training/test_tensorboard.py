"""The callback writes what the history holds, for the real TensorBoard to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import multitide as mt
from makers import make_samples, small
from multitide.errors import ParameterError, StoreError
from multitide.training._callbacks import Callback
from refusals import refused

pytest.importorskip("tensorboard")


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Return the curves of a folder by name, each by epoch."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    found = {}
    for name in events.Tags()["scalars"]:
        found[name] = {event.step: event.value for event in events.Scalars(name)}
    return found


def check_history(history: Any, run: Path) -> None:
    for side in ("train", "validation"):
        read = curves(run / side)
        rows = history[history["side"] == side]
        assert set(read["lr"]) == set(rows["epoch"])
        for task, of_task in rows.groupby("task"):
            for column in ("loss", "weight"):
                written = dict(zip(of_task["epoch"], of_task[column], strict=True))
                assert read[f"{column}/{task}"] == pytest.approx(written)
    values = rows[rows["task"] == "state"].set_index("epoch")["value"].to_dict()
    assert read["accuracy/state"] == pytest.approx(values)


def test_each_fit_has_a_run_with_the_curves_of_its_history(tmp_path: Path) -> None:
    callback = mt.TensorBoard(tmp_path / "logs")
    fitted = small(max_epochs=3).fit(make_samples(), callbacks=[callback])
    again = small(max_epochs=2).fit(make_samples(), callbacks=[callback])
    other = mt.TensorBoard(str(tmp_path / "logs"))
    third = small(max_epochs=1).fit(make_samples(), callbacks=[other])
    for number, estimator in enumerate((fitted, again, third), start=1):
        check_history(estimator.history_, tmp_path / "logs" / f"run-{number}")
    assert len(list((tmp_path / "logs").iterdir())) == 3


def test_each_network_has_a_run(tmp_path: Path) -> None:
    callback = mt.TensorBoard(tmp_path)
    small(max_epochs=1, sharing="none").fit(make_samples(), callbacks=[callback])
    names = [set(curves(tmp_path / f"run-{i}" / "train")) for i in (1, 2)]
    assert "loss/state" in names[0] ^ names[1] and "loss/load" in names[0] ^ names[1]


class Kill(Callback):
    """Ends a fit in its third epoch, after the checkpoint of the second."""

    def on_epoch_begin(self, trainer: Any) -> None:
        if trainer.epoch == 3:
            raise KeyError("killed")


def test_a_resumed_fit_continues_its_run(tmp_path: Path) -> None:
    samples = make_samples()
    options: dict[str, Any] = {
        "max_epochs": 4,
        "training": mt.Training(checkpoint_minutes=0),
    }
    place = tmp_path / "checkpoint"
    logs = [mt.TensorBoard(tmp_path / "logs")]
    with pytest.raises(KeyError):
        small(**options).fit(samples, callbacks=[*logs, Kill()], checkpoint=place)
    logs = [mt.TensorBoard(tmp_path / "logs")]
    fitted = small(**options).fit(samples, callbacks=logs, checkpoint=place)
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["run-1"]
    check_history(fitted.history_, tmp_path / "logs/run-1")


def test_a_place_that_cannot_be_written_is_said_before_training(tmp_path: Path) -> None:
    with refused("`folder`", "path", error=ParameterError):
        mt.TensorBoard(None)  # type: ignore[arg-type]
    (tmp_path / "file").write_text("mine")
    callback = mt.TensorBoard(tmp_path / "file")
    with refused("`folder`", str(tmp_path / "file"), error=StoreError):
        small(max_epochs=1).fit(make_samples(), callbacks=[callback])
    assert (tmp_path / "file").read_text() == "mine"
