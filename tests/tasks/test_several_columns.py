"""Tasks with several columns of y, from a table to a report: multi-label and forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as sk

from makers import small
from multitide import (
    Classification,
    DataError,
    Forecast,
    MultiLabel,
    MultiTaskEstimator,
    ParameterError,
    Regression,
    Samples,
    Splitter,
    compare,
    describe_tasks,
    read_like,
    read_table,
)
from multitide.data._purging import touches
from multitide.data._split import Split
from multitide.representations import LinearHeads
from multitide.study.design._baselines import BASELINES, Boosting
from multitide.study.design._hidden_labels import keep_share
from multitide.tasks import labelled
from multitide.tasks._forecast import last_values
from refusals import refused

OBJECTS = MultiLabel("objects", columns=["person", "car"])
NEXT = Forecast("load", horizon=3)
TASKS = [NEXT, OBJECTS, Classification("wind")]


@pytest.fixture
def table() -> pd.DataFrame:
    """Two series of 150 hours, the first with a gap; labels missing in places."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"machine": np.repeat(["a", "b"], 150), "time": np.tile(np.arange(150), 2)}
    )
    frame.loc[60:149, "time"] += 5
    frame["load"] = np.sin(np.arange(300) / 4) * 10 + 50 + rng.normal(size=300)
    frame["noise"] = rng.normal(size=300)
    frame["person"] = np.where(frame["load"] > 52, "yes", "no")
    frame["car"] = pd.Series(frame["noise"] > 0.5).astype(object)
    frame["wind"] = np.where(frame["load"].diff() > 0, "up", "down")
    frame["load"] = frame["load"].mask(rng.random(300) < 0.1)
    for column in ("person", "car", "wind"):
        frame[column] = frame[column].mask(rng.random(300) < 0.3)
    return frame


def read(table: pd.DataFrame, tasks: Any = TASKS, **options: Any) -> Samples:
    return read_table(
        table, tasks=tasks, series="machine", time="time", window=12, **options
    )


def test_a_forecast_makes_its_labels_from_the_column_which_may_be_a_channel(
    table: pd.DataFrame,
) -> None:
    samples = read(table)
    assert list(samples.y) == [
        "load[+1]",
        "load[+2]",
        "load[+3]",
        "person",
        "car",
        "wind",
    ]
    assert samples.channels == ("load", "noise")  # its past is an input
    values = table["load"].to_numpy()
    segment = np.repeat(
        [0, 1, 2], [60, 90, 150]
    )  # no label lies across the gap or in the next series
    for i, (start, length) in enumerate(
        zip(samples.starts, samples.lengths, strict=True)
    ):
        end = start + length - 1
        for step in (1, 2, 3):
            there = end + step < 300 and segment[end + step] == segment[end]
            expected = values[end + step] if there else np.nan
            assert samples.y[f"load[+{step}]"].iloc[i] == pytest.approx(
                expected, nan_ok=True
            )
    kept = [pd.Series(values[s : s + 12]).ffill().iloc[-1] for s in samples.starts]
    np.testing.assert_allclose(samples.extra["load[last]"], kept)


def test_a_lead_moves_all_steps(table: pd.DataFrame) -> None:
    later, plain = (
        read(table, [Forecast("load", horizon=2, lead=lead)]) for lead in (3, 0)
    )
    assert list(later.y) == ["load[+4]", "load[+5]"]
    both = read(table, [Forecast("load", horizon=5)])
    pd.testing.assert_frame_equal(later.y, both.y[["load[+4]", "load[+5]"]])
    assert plain.finish is not None and (both.finish >= plain.finish).all()


def test_splits_by_time_are_purged_by_window_and_horizon(table: pd.DataFrame) -> None:
    samples = read(
        table[table["machine"] == "b"].drop(columns="machine").assign(machine="b")
    )
    split = Splitter(by="time", test=0.3, validation=0.2).split(samples)
    span = {
        side: (samples.starts[i], samples.starts[i] + 11 + 3)
        for side, i in vars(split).items()
    }
    assert not touches(*span["train"], *span["test"]).any()
    assert not touches(*span["train"], *span["validation"]).any()


def test_a_forecast_needs_a_window(table: pd.DataFrame) -> None:
    with pytest.raises(ParameterError, match=r"`window` .*'load'") as error:
        read_table(table, tasks=[NEXT], series="machine", time="time")
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("keep", ["joint", "per_task"])
def test_all_kinds_train_together_and_survive_saving(
    table: pd.DataFrame, tmp_path: Path, keep: str
) -> None:
    tasks = [*TASKS, Regression("level", loss="quantile")]
    samples = read(table.assign(level=table["noise"] * 100), tasks)
    estimator = small(tasks=tasks, keep=keep, max_epochs=2).fit(samples)
    predicted = estimator.predict(samples)
    assert list(predicted) == [
        "load[+1]",
        "load[+2]",
        "load[+3]",
        "person",
        "car",
        "wind",
        "level",
    ]
    assert set(predicted["person"]) <= {"no", "yes"} and set(predicted["car"]) <= {
        False,
        True,
    }
    probabilities = estimator.predict_proba(samples)
    assert {name: list(frame) for name, frame in probabilities.items()} == {
        "objects": ["person", "car"],
        "wind": ["down", "up"],
    }
    assert (
        (probabilities["objects"]["person"] > 0.5) == (predicted["person"] == "yes")
    ).all()
    quantiles = estimator.predict_quantiles(samples)["level"]
    assert list(quantiles) == [0.1, 0.5, 0.9]
    assert (quantiles.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert (quantiles[0.5] == predicted.iloc[:, -1]).all()
    found = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(found.predict(samples), predicted)
    pd.testing.assert_frame_equal(found.evaluate(samples), estimator.evaluate(samples))
    again = read_like(
        found.reading_, table.drop(columns=["person", "car", "wind"]), need_labels=False
    )
    pd.testing.assert_frame_equal(found.predict(again), predicted)
    assert again.y["person"].isna().all()


def test_figures_are_those_of_scikit_learn(table: pd.DataFrame) -> None:
    samples = read(table)
    estimator = small(tasks=TASKS, max_epochs=1).fit(samples)
    figures = estimator.evaluate(samples).set_index(["task", "metric"])["value"]
    predicted, p = (
        estimator.predict(samples),
        estimator.predict_proba(samples)["objects"],
    )
    truth, guess = (
        samples.y[NEXT.columns].to_numpy(),
        predicted[NEXT.columns].to_numpy(),
    )
    known = ~np.isnan(truth)
    assert figures["load", "rmse"] == pytest.approx(
        sk.root_mean_squared_error(truth[known], guess[known])
    )
    last = np.tile(samples.extra["load[last]"].to_numpy()[:, None], (1, 3))
    naive = sk.mean_squared_error(truth[known], last[known])
    assert figures["load", "persistence_rmse"] == pytest.approx(np.sqrt(naive))
    assert figures["load", "skill"] == pytest.approx(
        1 - sk.mean_squared_error(truth[known], guess[known]) / naive
    )
    scores: dict[str, list[float]] = {
        "f1_macro": [],
        "roc_auc": [],
        "average_precision": [],
    }
    wrong = []
    for column, yes in (("person", "yes"), ("car", True)):
        rows = samples.y[column].notna()
        so = samples.y[column][rows] == yes
        scores["f1_macro"].append(sk.f1_score(so, predicted[column][rows] == yes))
        scores["roc_auc"].append(sk.roc_auc_score(so, p[column][rows]))
        scores["average_precision"].append(
            sk.average_precision_score(so, p[column][rows])
        )
        wrong.append((samples.y[column] != predicted[column]).where(rows))
    for name, values in scores.items():
        assert figures["objects", name] == pytest.approx(np.mean(values))
    wrongs = pd.concat(wrong, axis=1).astype(float)
    assert figures["objects", "hamming_loss"] == pytest.approx(
        np.nanmean(wrongs.to_numpy())
    )
    some = wrongs.notna().any(axis=1)
    assert figures["objects", "exact_match"] == pytest.approx(
        (wrongs[some].fillna(0).sum(axis=1) == 0).mean()
    )


def test_figures_of_quantiles_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    levels = (0.05, 0.5, 0.8)
    y = pd.DataFrame(
        {"load": np.where(rng.random(80) < 0.3, np.nan, rng.normal(7, 3, 80))}
    )
    target = Regression("load", loss="quantile", quantiles=levels).fit_target(y)
    decoded = np.sort(rng.normal(7, 3, (80, 3)), axis=1)
    known = y["load"].notna().to_numpy()
    truth, guess = y["load"][known], decoded[known]
    figures = target.metrics(y, decoded).set_index("metric")["value"]
    pinball = [
        sk.mean_pinball_loss(truth, guess[:, i], alpha=level)
        for i, level in enumerate(levels)
    ]
    assert figures["pinball"] == pytest.approx(np.mean(pinball))
    inside = [
        low <= label <= high for label, (low, _, high) in zip(truth, guess, strict=True)
    ]
    assert 0 < figures["coverage"] < 1 and figures["coverage"] == pytest.approx(
        np.mean(inside)
    )
    assert figures["width"] == pytest.approx(np.mean(guess[:, 2] - guess[:, 0]))
    assert figures["mae"] == pytest.approx(sk.mean_absolute_error(truth, guess[:, 1]))


def shuffled(n: int) -> Split:
    rows = np.random.default_rng(0).permutation(n)
    return Split(*(np.sort(side) for side in np.split(rows, [n // 2, 3 * n // 4])))


ODD = {
    "a forecast": NEXT,
    "several answers": OBJECTS,
    "quantiles": Regression("noise", loss="quantile"),
}


@pytest.mark.parametrize("task", ODD.values(), ids=list(ODD))
def test_linear_heads_refuse_tasks_that_they_cannot_predict(
    table: pd.DataFrame, task: Any
) -> None:
    samples = read(table, [task], channels=["load"])
    wanted = ("`tasks`", "linear heads", f"got '{task.name}'")
    with refused(*wanted, error=ParameterError):
        LinearHeads([task]).fit(
            samples.gather(slice(None)).reshape(len(samples), -1), samples.y
        )
    with refused(*wanted, error=ParameterError):
        small(tasks=[task], backbone="linear").fit(samples)
    split, target = shuffled(len(samples)), task.fit_target(samples.y[task.columns])
    with refused(*wanted, error=ParameterError):
        BASELINES["linear"]().answer(samples, split, target)


@pytest.mark.parametrize("task", ODD.values(), ids=list(ODD))
def test_boosting_is_a_baseline_of_every_kind_of_task(
    table: pd.DataFrame, task: Any
) -> None:
    samples = read(table, [task], channels=["load"])
    split, target = shuffled(len(samples)), task.fit_target(samples.y[task.columns])
    constant = target.constant(len(split.test))
    decoded, facts = Boosting(max_iter=5).answer(samples, split, target)
    assert decoded.shape == constant.shape
    assert 1 <= facts["n_trees"] <= 5
    labels = samples.y.iloc[split.test][task.columns].reset_index(drop=True)
    of_constant = np.nanmean(target.row_losses(labels, constant))
    assert np.nanmean(target.row_losses(labels, decoded)) < 1.2 * of_constant


def test_conditions_refuse_tasks_without_linear_heads_before_any_training(
    table: pd.DataFrame,
) -> None:
    samples = read(table)
    wanted = ("`tasks`", "`conditions`", "'load' (forecast), 'objects' (multi_label)")
    with refused(*wanted, error=ParameterError):
        compare(
            samples,
            TASKS,
            split=shuffled(len(samples)),
            estimator=small(),
            conditions=True,
            n_jobs=1,
            verbose=0,
        )


@pytest.mark.parametrize(
    "task",
    [Classification("wind", loss="focal"), Classification("wind", label_smoothing=0.2)],
)
def test_linear_heads_minimise_the_cross_entropy_whatever_the_loss_of_the_task(
    table: pd.DataFrame, task: Any
) -> None:
    samples = read(table, [task], channels=["load"])
    vectors = np.nan_to_num(samples.gather(slice(None)).reshape(len(samples), -1))
    heads, plain = (
        LinearHeads([t], strengths=[0.1]).fit(vectors, samples.y)
        for t in (task, Classification("wind"))
    )
    pd.testing.assert_frame_equal(
        heads.predict_proba(vectors)["wind"], plain.predict_proba(vectors)["wind"]
    )


def test_labels_of_several_columns_count_per_task_and_are_hidden_per_column(
    table: pd.DataFrame,
) -> None:
    y = read(table).y
    y.loc[y.index[:100], "person"] = (
        None  # the first column alone knows less than the task
    )
    samples = read(table).replace(y=y)
    split = shuffled(len(samples))
    counts = split.counts(labelled(TASKS, y))
    for task in TASKS:
        assert (
            counts.loc[task.name, "train"]
            == y.iloc[split.train][task.columns].notna().any(axis=1).sum()
        )
    assert counts.loc["objects", "train"] > y.iloc[split.train]["person"].notna().sum()
    few, more = (keep_share(samples, TASKS, split, share) for share in (0.02, 0.3))
    for hidden in (few, more):
        for side in (split.train, split.validation):
            for column in OBJECTS.columns:
                assert hidden.iloc[side][column].nunique() == 2
    assert (few.notna() <= more.notna()).all(axis=None)
    n_kept = labelled([OBJECTS], more).iloc[split.train].notna().sum().item()
    assert n_kept == pytest.approx(0.3 * counts.loc["objects", "train"], abs=4)


def test_a_forecast_on_arrays_finds_the_last_value_in_the_channel_of_its_name() -> None:
    X = np.arange(24, dtype=float).reshape(4, 2, 3)
    X[1, 1, 2] = np.nan
    y = pd.DataFrame({"load[+1]": [6.0, 12.0, 18.0, 24.0]})
    task = Forecast("load")
    assert last_values(Samples.from_arrays(X, y), task) is None
    last = last_values(Samples.from_arrays(X, y, channels=["noise", "load"]), task)
    assert last is not None
    assert last.tolist() == [5, 10, 17, 23]


def test_values_other_than_two_are_refused() -> None:
    y = pd.DataFrame({"person": ["yes", "no", None], "car": ["y", "n", "maybe"]})
    with refused(
        "`objects`: `car`", "two values", "'y', 'n', 'maybe'", error=DataError
    ):
        OBJECTS.fit_target(y)
    target = OBJECTS.fit_target(y.replace("maybe", None))
    with refused("`objects`: `car`", "'n' or 'y'", "'maybe'", error=DataError):
        target.encode(y)


def test_the_value_that_means_yes_can_be_named() -> None:
    y = pd.DataFrame(
        {"person": ["da", "fort", None, "da"], "car": ["fort", "da", "fort", None]}
    )
    target = MultiLabel("objects", columns=["person", "car"], yes="da").fit_target(y)
    np.testing.assert_array_equal(
        target.truth(y), [[1, 0], [0, 1], [np.nan, 0], [1, np.nan]]
    )


@pytest.mark.parametrize(
    ("task", "parts"),
    [
        (
            MultiLabel("objects"),
            ["`objects.columns`", "at least two different columns"],
        ),
        (
            MultiLabel("objects", columns=["a", "a"]),
            ["`objects.columns`", "at least two"],
        ),
        (
            Forecast("load", horizon=0),
            ["`load.horizon`", "greater than or equal to 1", "0"],
        ),
        (
            Regression("load", quantiles=(0.9, 0.5)),
            ["`load.quantiles`", "ascending", "0.5"],
        ),
        (
            Classification("wind", label_smoothing=1.0),
            [".label_smoothing`", "less than 1", "1"],
        ),
    ],
)
def test_wrong_parameters_are_refused(task: Any, parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        task.check(task.name)


def test_tasks_do_not_share_columns(table: pd.DataFrame) -> None:
    samples = read(table)
    with refused(
        "`tasks`", "columns of `y`", "'person' in two tasks", error=ParameterError
    ):
        describe_tasks(
            [OBJECTS, MultiLabel("others", columns=["person", "wind"])], samples.y
        )


def test_tasks_are_described(table: pd.DataFrame) -> None:
    found = describe_tasks(TASKS, read(table).y).set_index("task")
    assert found.loc["objects", "values"].startswith("person: no (")
    assert "; car: False (" in found.loc["objects", "values"]
    assert found.loc["load", "kind"] == "forecast"


@pytest.mark.slow
def test_a_study_measures_them_next_to_the_last_value(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    from multitide import write_study_report

    samples = read(table)
    arms = {"together": "hard", "last": "persistence", "constant": "constant"}
    split = Splitter(by="random", test=0.3, validation=0.2)
    with pytest.warns(match="share rows"):
        found = compare(
            samples,
            TASKS,
            arms=arms,
            estimator=small(max_epochs=1),
            split=split,
            n_seeds=1,
            n_jobs=1,
            verbose=1,
        )
    assert set(found.gains["task"]) == {"load", "objects", "wind"}
    assert found.evidence.fit("last", "load", 0, 0).facts["n_last"] > 0
    assert found.gains_in("exact_match")["task"].unique().tolist() == ["objects"]
    page = write_study_report(found, found.save(tmp_path / "study"), samples=samples)
    assert "Error by step" in page.read_text()


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_very_small_and_very_large_forecasts_neither_vanish_nor_overflow(
    size: float,
) -> None:
    values = size * np.random.default_rng(0).normal(size=(60, 3))
    labels = pd.DataFrame(values, columns=pd.Index(NEXT.columns))
    target = NEXT.fit_target(labels)
    codes = target.encode(labels)
    assert codes.std() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(
        target(torch.from_numpy(codes)).numpy(), values, rtol=1e-5, atol=1e-6 * size
    )
