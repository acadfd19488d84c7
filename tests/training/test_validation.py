"""The validation rows of the history hold the metrics of `evaluate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from makers import make_samples, small
from multitide.errors import MultitideWarning
from multitide.model._history import HISTORY, read_history, write_history
from multitide.sharing import SHARINGS
from multitide.tasks import Classification, Regression, Task


@pytest.mark.parametrize("sharing", SHARINGS)
def test_headline_metrics_are_those_of_evaluate(sharing: str) -> None:
    train, validation = make_samples(), make_samples(n=40, seed=1)
    model = small(
        sharing=sharing, max_epochs=2, lr=0.01, training={"calibrate": "none"}
    ).fit(train, validation=validation)
    table = model.evaluate(validation)
    headlines = table.groupby("task", sort=False).first()
    rows = model.history_[model.history_["side"] == "validation"].set_index(
        ["epoch", "task"]
    )
    for task, epoch in model.best_epoch_.items():
        row = rows.loc[(epoch, task)]
        assert row["metric"] == headlines.loc[task, "metric"]
        assert row["value"] == pytest.approx(headlines.loc[task, "value"], rel=1e-5)


@pytest.mark.parametrize(
    "tasks",
    [
        [Regression("load", loss="quantile", quantiles=(0.1, 0.3, 0.5, 0.9))],
        [Regression("load", loss="mae")],
        [Classification("state", class_weight="balanced")],
        [Classification("state", loss="focal", label_smoothing=0.1)],
    ],
    ids=lambda tasks: tasks[0].settings_key[1:4],
)
def test_the_headline_metric_of_every_loss_is_that_of_evaluate(
    tasks: list[Task],
) -> None:
    validation = make_samples(n=40, seed=1)
    model = small(
        tasks=tasks, max_epochs=3, lr=0.02, training={"calibrate": "none"}
    ).fit(make_samples(), validation=validation)
    rows = model.history_[model.history_["side"] == "validation"].set_index("epoch")
    (epoch,) = model.best_epoch_.values()
    assert rows.loc[epoch, "value"] == pytest.approx(
        model.evaluate(validation)["value"].iloc[0], rel=1e-5
    )


def test_stacked_tasks_have_headline_metrics_and_training_rows_have_none(
    tmp_path: Path,
) -> None:
    samples = make_samples()
    y = pd.DataFrame({f"load{i}": samples.y["load"] * 10**i for i in range(9)})
    model = small(max_epochs=1).fit(samples.replace(y=y))
    history = model.history_
    assert (
        history.loc[history["side"] == "train", ["metric", "value"]]
        .isna()
        .all(axis=None)
    )
    values = history.loc[history["side"] == "validation", "value"].to_numpy()
    np.testing.assert_allclose(values / values[0], 10.0 ** np.arange(9), rtol=1e-3)
    write_history(history, tmp_path / HISTORY)
    np.testing.assert_allclose(
        read_history(tmp_path / HISTORY)["value"].dropna(), values, rtol=1e-6
    )


def test_a_task_without_labels_in_the_validation_set_has_no_metric() -> None:
    validation = make_samples(n=40, seed=1)
    validation = validation.replace(y=validation.y.assign(load=np.nan))
    history = small(max_epochs=1).fit(make_samples(), validation=validation).history_
    assert history.loc[
        history["side"] == "validation", ["task", "metric"]
    ].to_numpy().tolist() == [["state", "accuracy"]]


def test_validation_losses_are_those_of_evaluate_if_sure_or_unseen() -> None:
    """A wrong certainty and a class that training has not seen cost the same on both sets."""
    train, validation = make_samples(), make_samples(n=40, seed=1)
    labels = validation.y.copy()
    labels.loc[3:6, "state"] = "unheard"
    validation = validation.replace(y=labels)
    with pytest.warns(MultitideWarning, match="unheard"):
        model = small(
            max_epochs=2, lr=0.5, sharing="none", training={"calibrate": "none"}
        ).fit(train, validation=validation)
        table = model.evaluate(validation)
    measured = table[table["metric"] == "loss"].set_index("task")
    assert measured.loc["state", "n_labelled"] == labels["state"].notna().sum()
    rows = model.history_[model.history_["side"] == "validation"]
    rows = rows.set_index(["epoch", "task"])
    for task, epoch in model.best_epoch_.items():
        expected = pytest.approx(measured.loc[task, "value"], rel=1e-4)
        assert rows.loc[(epoch, task), "loss"] == expected


def test_a_refit_does_not_train_on_classes_of_the_validation_set_alone() -> None:
    labels = make_samples(n=40, seed=1).y
    labels.loc[3:6, "state"] = "unheard"
    validation = make_samples(n=40, seed=1).replace(y=labels)
    with pytest.warns(MultitideWarning, match="unheard"):
        model = small(max_epochs=1, training={"calibrate": "none", "refit": True}).fit(
            make_samples(), validation=validation
        )
    assert "unheard" not in model.classes_["state"]
    assert np.isfinite(model.history_["loss"]).all()
