"""The callback logs what the history holds, for the real MLflow to read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import multitide as mt
from makers import make_samples, small
from multitide.errors import ParameterError, StoreError
from multitide.training._callbacks import Callback
from refusals import refused

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of files, which is there at once."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return str(tmp_path / "mlruns")


def runs_of(store: str, experiment: str = "multitide") -> list[Any]:
    """Return the runs of an experiment, the oldest first."""
    client = mlflow.MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id], order_by=["start_time"])


def values_of(store: str, run: Any, name: str) -> dict[int, float]:
    """Return a metric of a run by epoch, which has one value each."""
    history = mlflow.MlflowClient(store).get_metric_history(run.info.run_id, name)
    values = {metric.step: metric.value for metric in history}
    assert len(values) == len(history)
    return values


def check_history(history: pd.DataFrame, store: str, run: Any) -> None:
    for (side, task), rows in history.groupby(["side", "task"]):
        for column in ("loss", "weight"):
            written = dict(zip(rows["epoch"], rows[column], strict=True))
            name = f"{side}/{column}/{task}"
            assert values_of(store, run, name) == pytest.approx(written)
    rates = dict(zip(rows["epoch"], rows["lr"], strict=True))
    assert values_of(store, run, "lr") == pytest.approx(rates)
    held_out = history[history["side"] == "validation"]
    of_state = held_out[held_out["task"] == "state"]
    written = dict(zip(of_state["epoch"], of_state["value"], strict=True))
    name = "validation/accuracy/state"
    assert values_of(store, run, name) == pytest.approx(written)
    assert run.info.status == "FINISHED"


def test_each_fit_is_a_run_with_its_history(store: str) -> None:
    callback = mt.MLflow(store)
    fitted = small(max_epochs=2).fit(make_samples(), callbacks=[callback])
    again = small(max_epochs=1).fit(make_samples(), callbacks=[callback])
    first, second = runs_of(store)
    check_history(fitted.history_, store, first)
    check_history(again.history_, store, second)


class Kill(Callback):
    """Ends a fit in its third epoch, which MLflow has and the checkpoint has not."""

    def on_epoch_end(self, trainer: Any, rows: list[dict[str, Any]]) -> None:
        if trainer.epoch == 3:
            raise KeyError("killed")


def test_a_resumed_fit_continues_its_run(store: str, tmp_path: Path) -> None:
    samples = make_samples()
    options: dict[str, Any] = {
        "max_epochs": 4,
        "training": mt.Training(checkpoint_minutes=0),
    }
    place = tmp_path / "checkpoint"
    callbacks = [mt.MLflow(store), Kill()]
    with pytest.raises(KeyError):
        small(**options).fit(samples, callbacks=callbacks, checkpoint=place)
    callbacks = [mt.MLflow(store)]
    fitted = small(**options).fit(samples, callbacks=callbacks, checkpoint=place)
    (run,) = runs_of(store)
    check_history(fitted.history_, store, run)


def test_names_that_mlflow_refuses_stay_apart(store: str) -> None:
    samples = make_samples()
    labels = samples.y.rename(columns={"state": "../a%", "load": "../a("})
    samples = samples.replace(y=labels)
    tasks = [mt.Classification("../a%"), mt.Regression("../a(")]
    small(tasks=tasks, max_epochs=1).fit(samples, callbacks=[mt.MLflow(store, "other")])
    (run,) = runs_of(store, "other")
    names = {"train/loss/___a_", "train/loss/___a__"}
    assert names <= set(run.data.metrics)


def test_a_store_that_is_lost_does_not_end_the_training(
    store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lose(*arguments: Any, **options: Any) -> None:
        raise mlflow.MlflowException("http://me:secret@host has left")

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", lose)
    with caplog.at_level(logging.WARNING, "multitide"):
        fitted = small(max_epochs=2).fit(make_samples(), callbacks=[mt.MLflow(store)])
    assert len(fitted.history_) == 8
    (message,) = caplog.messages
    assert "http://me:...@host has left" in message


def test_a_store_that_is_not_there_is_said_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with refused("`tracking_uri`", "str", error=ParameterError):
        mt.MLflow(5)  # type: ignore[arg-type]
    callback = mt.MLflow("http://me:secret@127.0.0.1:9")
    with refused("`tracking_uri`", "127.0.0.1:9", "reach", error=StoreError) as raised:
        small(max_epochs=1).fit(make_samples(), callbacks=[callback])
    assert "secret" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SQLAlchemy's, of MLflow
def test_a_database_is_created(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/mlflow.db"
    fitted = small(max_epochs=1).fit(make_samples(), callbacks=[mt.MLflow(store)])
    (run,) = runs_of(store)
    check_history(fitted.history_, store, run)
