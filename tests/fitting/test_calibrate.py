"""Calibration of fitted models: which rows it uses, what it keeps, and that it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from makers import SMALL, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import Trees
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import MultitideWarning
from multitide.tasks import Classification, MultiLabel, Regression, Task
from multitide.training._settings import Training
from refusals import refused

# Few trees with leaves of one row are far too sure of noisy labels.
SURE = Trees(kind="extra_trees", n_trees=3, min_samples_leaf=1)
TASKS: list[Task] = [
    Classification("two"),
    Classification("four"),
    MultiLabel("several/\0.labels", columns=["a", "b"]),
    Regression("number"),
]


def noisy(n: int = 700, seed: int = 0) -> Samples:
    """Return samples whose labels depend on the level of the series, with much noise."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    X = (level[:, None, None] + 0.1 * rng.normal(size=(n, 2, 14))).astype(np.float32)
    noise = 2 * rng.normal(size=(5, n))
    y = pd.DataFrame(
        {
            "two": np.where(level + noise[0] > 0, "yes", "no"),
            "four": np.digitize(level + noise[1], [-1, 0, 1]),
            "a": (level + noise[2] > 0).astype(int),
            "b": (level - noise[3] > 0.5).astype(int),
            "number": level + noise[4],
        }
    )
    for column in y:
        y[column] = y[column].mask(rng.random(n) < 0.2)
    return Samples.from_arrays(X, y)


def sure(**params: Any) -> MultiTaskEstimator:
    settings: dict[str, Any] = {"tasks": TASKS, "backbone": SURE, "verbose": 0}
    return small(**(settings | params))


@pytest.fixture(scope="module")
def samples() -> Samples:
    return noisy()


@pytest.fixture(scope="module")
def calibrated(samples: Samples) -> MultiTaskEstimator:
    rule = Splitter(by="random", validation=0.2, calibration=0.4)
    return sure(validation=rule).fit(samples)


@pytest.fixture(scope="module")
def plain(samples: Samples) -> MultiTaskEstimator:
    rule = Splitter(by="random", validation=0.2, calibration=0.4)
    return sure(validation=rule, training=Training(calibrate="none")).fit(samples)


def test_probabilities_of_all_kinds_are_calibrated(
    calibrated: MultiTaskEstimator, plain: MultiTaskEstimator
) -> None:
    table = calibrated.calibration_
    assert table["task"].tolist() == ["two", "four", *["several/\0.labels"] * 2]
    assert table["method"].tolist() == ["platt", "temperature", "platt", "platt"]
    assert table["label"].tolist() == ["", "", "a", "b"]
    assert set(table["rows"]) == {"calibration"}
    assert (table["calibrated_log_loss"] < table["log_loss"]).all()
    new = noisy(seed=1)
    before = plain.evaluate(new).set_index(["task", "metric"])["value"]
    after = calibrated.evaluate(new).set_index(["task", "metric"])["value"]
    for task in ("two", "four", "several/\0.labels"):
        for metric in ("log_loss", "brier", "ece"):
            assert after[task, metric] < before[task, metric]
    assert after["number", "rmse"] == before["number", "rmse"]
    assert after["four", "accuracy"] == before["four", "accuracy"]
    assert after["two", "roc_auc"] == pytest.approx(before["two", "roc_auc"])


def test_nothing_is_calibrated_on_request(plain: MultiTaskEstimator) -> None:
    assert plain.calibration_.empty
    assert list(plain.calibration_) == [
        "task",
        "label",
        "method",
        "rows",
        "n_labels",
        "log_loss",
        "calibrated_log_loss",
    ]


def test_calibration_survives_the_store(
    calibrated: MultiTaskEstimator, samples: Samples, tmp_path: Path
) -> None:
    loaded = MultiTaskEstimator.load(calibrated.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.calibration_, calibrated.calibration_)
    before, after = calibrated.decode(samples), loaded.decode(samples)
    for task, values in before.items():
        np.testing.assert_array_equal(values, after[task])
    assert loaded.model_ is not None
    again = MultiTaskEstimator.load(loaded.save(tmp_path / "again"))
    pd.testing.assert_frame_equal(again.calibration_, calibrated.calibration_)


def test_intervals_and_sets_have_their_level_and_survive_the_store(
    calibrated: MultiTaskEstimator, tmp_path: Path
) -> None:
    new = noisy(1500, seed=1)
    table = calibrated.predict_interval(new, level=0.8)
    sets = ["two_set", "four_set", "a_set", "b_set"]
    assert list(table) == [*sets, "number_low", "number_high"]
    coverage = calibrated.evaluate_interval(new, level=0.8).set_index("task")
    inside = new.y["number"].between(table["number_low"], table["number_high"])
    known = new.y["number"].notna()
    assert coverage.loc["number", "coverage"] == pytest.approx(inside[known].mean())
    # The calibration set has about 220 labels a task.
    assert (coverage["coverage"] > 0.8 - 2 * np.sqrt(0.16 / 220)).all()
    assert coverage.loc[["four", "number"], "coverage"].max() < 0.87
    loaded = MultiTaskEstimator.load(calibrated.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict_interval(new, level=0.8), table)


def test_a_level_without_enough_scores_is_refused(
    calibrated: MultiTaskEstimator, plain: MultiTaskEstimator, samples: Samples
) -> None:
    n = calibrated.n_labelled_["number"]["calibration"]
    with refused("`level`", f"{n} recordings", "0.999", "needs 999", "calibration"):
        calibrated.predict_interval(samples, level=0.999)
    with refused("`level`", "1.5"):
        calibrated.predict_interval(samples, level=1.5)
    for call in (plain.predict_interval, plain.evaluate_interval):
        with refused("`predict_interval`", "scores", "Fit it again"):
            call(samples)


def test_new_recordings_are_units_and_known_ones_are_not() -> None:
    """Held out by group, one recording of the calibration set counts as one."""
    series = np.repeat(np.arange(35), 20)
    samples = noisy().replace(series=series, time=np.arange(700))
    number = [Regression("number")]
    by_group = Splitter(by="group", validation=0.1, calibration=0.4)
    apart = sure(tasks=number, validation=by_group).fit(samples)
    assert apart.scores_["number"].fewest_units == 14
    by_chance = Splitter(by="random", validation=0.1, calibration=0.4)
    mixed = sure(tasks=number, validation=by_chance).fit(samples)
    n_labels = mixed.n_labelled_["number"]["calibration"]
    assert mixed.scores_["number"].fewest_units == n_labels
    runs = pd.DataFrame({"run": np.arange(700) // 100})
    column = Splitter(by="group", column="run", validation=0.2, calibration=0.4)
    of_runs = sure(tasks=number, validation=column).fit(samples.replace(extra=runs))
    assert of_runs.scores_["number"].fewest_units == 3


def test_only_intervals_on_request(samples: Samples) -> None:
    fitted = sure(training=Training(calibrate="intervals")).fit(samples)
    assert fitted.calibration_.empty
    assert len(fitted.scores_) == len(TASKS)


def test_counts_say_how_many_labels_the_sets_have(
    calibrated: MultiTaskEstimator, samples: Samples
) -> None:
    counts = calibrated.n_labelled_["two"]
    assert list(counts) == ["train", "validation", "calibration"]
    assert sum(counts.values()) == samples.y["two"].notna().sum()


def test_calibration_rows_neither_train_nor_choose(
    plain: MultiTaskEstimator, samples: Samples
) -> None:
    rule = Splitter(by="random", validation=0.2, calibration=0.4)
    kept, held = rule.hold_out_calibration(samples)
    train, validation = Splitter(by="random").hold_out(samples[kept], 0.2)
    seen = samples[kept]
    alone = sure(training=Training(calibrate="none")).fit(
        seen[train], validation=seen[validation]
    )
    for task, values in plain.decode(samples[held]).items():
        np.testing.assert_array_equal(values, alone.decode(samples[held])[task])


@pytest.mark.parametrize("refit", [False, True])
def test_the_validation_set_serves_if_there_is_no_calibration_set(
    samples: Samples, refit: bool
) -> None:
    """With a refit, the model from before it, which has not seen the validation set."""
    rule = Splitter(by="random", validation=0.4)
    fitted = sure(validation=rule, training=Training(refit=refit)).fit(samples)
    assert set(fitted.calibration_["rows"]) == {"validation"}
    _, held = rule.hold_out(samples, 0.4)
    stays = sure(validation=rule, training=Training(calibrate="none")).fit(samples)
    losses = stays.evaluate(samples[held]).set_index(["task", "metric"])["value"]
    table = fitted.calibration_.set_index("task")
    assert table.loc["four", "log_loss"] == pytest.approx(losses["four", "log_loss"])


def test_a_set_of_your_own_calibrates(samples: Samples) -> None:
    rule = Splitter(by="random", validation=0.2)
    train, held = Splitter(by="random").hold_out(samples, 0.4)
    own = sure(validation=rule).fit(samples[train], calibration=samples[held])
    assert set(own.calibration_["rows"]) == {"calibration"}
    n_labels = own.calibration_.set_index("task").loc["two", "n_labels"]
    assert n_labels == samples[held].y["two"].notna().sum()
    without = samples[held].y.drop(columns="two")
    with refused("`calibration`", "'two'"):
        sure().fit(samples[train], calibration=samples[held].replace(y=without))
    with refused("`calibration`", "'other'", "without a dict"):
        sure().fit(samples[train], calibration={"other": samples[held]})


def test_no_held_out_samples_calibrate_nothing(samples: Samples) -> None:
    assert sure(validation=None).fit(samples).calibration_.empty


WEIGHTED: list[Task] = [
    Classification("rare", class_weight="balanced"),
    Classification("three", class_weight={2: 8.0}),
    Classification("two", loss="focal"),
    Classification("four", label_smoothing=0.3),
]


def rare(n: int, seed: int = 0) -> Samples:
    """Samples of `noisy` with a rare class of two, and of three."""
    samples = noisy(n, seed)
    level = samples.values.reshape(n, 14, 2).mean(axis=(1, 2))
    noise = np.random.default_rng(seed + 9).normal(size=(2, n))
    y = samples.y.assign(
        rare=np.where(level + noise[0] > 1.8, "ill", "well"),
        three=np.digitize(level + noise[1], [0.5, 1.6]),
    )
    return samples.replace(y=y)


def test_what_weights_and_losses_bend_is_straightened(tmp_path: Path) -> None:
    """Classes are still predicted by the weights, and their loss is that of training."""
    given, new = rare(1400), rare(1400, seed=1)
    rule = Splitter(by="random", validation=0.1, calibration=0.5)
    settings = {"tasks": WEIGHTED, "backbone": SMALL, "max_epochs": 6, "lr": 0.01}
    bent = sure(validation=rule, training=Training(calibrate="none"), **settings).fit(
        given
    )
    fitted = sure(validation=rule, **settings).fit(given)
    methods = fitted.calibration_.set_index("task")["method"]
    assert methods[["rare", "three"]].tolist() == ["platt", "shifted temperature"]
    before = bent.evaluate(new).set_index(["task", "metric"])["value"]
    after = fitted.evaluate(new).set_index(["task", "metric"])["value"]
    for task in methods.index:
        assert after[task, "log_loss"] < before[task, "log_loss"]
        assert after[task, "ece"] < before[task, "ece"]
    assert before["rare", "ece"] > 2 * after["rare", "ece"]
    for task in ("rare", "three"):
        assert after[task, "loss"] == pytest.approx(before[task, "loss"], abs=0.1)
    recall = bent.class_tables(new)["rare"].loc["ill", "recall"]
    kept = fitted.class_tables(new)["rare"].loc["ill", "recall"]
    assert kept == pytest.approx(recall, abs=0.1)
    loaded = MultiTaskEstimator.load(fitted.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(new), fitted.predict(new))
    pd.testing.assert_frame_equal(loaded.evaluate(new), fitted.evaluate(new))
    likely = fitted.predict_proba(new)["three"].idxmax(axis=1)
    assert (likely != fitted.predict(new)["three"]).mean() > 0.02


def test_rows_of_weight_0_do_not_calibrate(samples: Samples) -> None:
    rule = Splitter(by="random", validation=0.2)
    train, held = rule.hold_out(samples, 0.4)
    given = samples[held]
    weights = pd.DataFrame({"number": (np.arange(len(given)) % 2).astype(float)})
    model = sure(validation=rule).fit(
        samples[train], calibration=given.replace(weights=weights)
    )
    n_labels = given.y["number"][1::2].notna().sum()
    assert model.scores_["number"].fewest_units == n_labels


def test_too_few_labels_are_refused_with_the_number_needed(samples: Samples) -> None:
    few = samples.y["two"].where(np.arange(len(samples)) < 30)
    given = samples.replace(y=samples.y.assign(two=few))
    rule = Splitter(by="random", calibration=0.1)
    with refused("`calibration`", "at least 10 labels", "'two'", "Raise it"):
        sure(validation=rule).fit(given)
    with refused("`calibration`", "at least 10 labels", "'two'", "Raise it"):
        rule.split(given)


@pytest.mark.parametrize(
    "params",
    [
        {"keep": "per_task"},
        pytest.param({"sharing": "none"}, marks=pytest.mark.slow),
        pytest.param({"backbone": "auto"}, marks=pytest.mark.slow),
    ],
    ids=["per_task", "none", "auto"],
)
def test_all_ways_to_combine_networks_are_calibrated_and_stored(
    samples: Samples, params: dict[str, Any], tmp_path: Path
) -> None:
    settings = {"backbone": SMALL, "max_epochs": 2} | params
    rule = Splitter(by="random", validation=0.2, calibration=0.6)
    samples = samples[:150]
    fitted = sure(**settings, validation=rule).fit(samples)
    assert (fitted.calibration_["rows"] == "calibration").all()
    loaded = MultiTaskEstimator.load(fitted.save(tmp_path / "model"))
    for task, values in fitted.decode(samples).items():
        np.testing.assert_array_equal(values, loaded.decode(samples)[task])
    pd.testing.assert_frame_equal(
        fitted.predict_interval(samples), loaded.predict_interval(samples)
    )


def test_several_data_sets_are_calibrated_together(
    samples: Samples, tmp_path: Path
) -> None:
    given = {"first": samples[:200], "second": noisy(200, seed=2)}
    rule = Splitter(by="random", validation=0.2, calibration=0.4)
    fitted = sure(backbone=SMALL, max_epochs=1, validation=rule).fit(given)
    n_labels = 0
    for each in given.values():
        _, held = rule.hold_out_calibration(each)
        n_labels += int(each[held].y["two"].notna().sum())
    assert fitted.n_labelled_["two"]["calibration"] == n_labels
    loaded = MultiTaskEstimator.load(fitted.save(tmp_path / "model"))
    for name, each in given.items():
        for task, values in fitted.decode({name: each})[name].items():
            np.testing.assert_array_equal(
                values, loaded.decode({name: each})[name][task]
            )


def sized(n_runs: int, seed: int) -> Samples:
    """Return runs of 1 to 12 samples, of which longer ones have a noisier label."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 13, n_runs)
    runs = np.repeat(np.arange(n_runs), sizes)
    level = rng.normal(size=len(runs))
    X = np.repeat(level[:, None, None], 4, axis=2).astype(np.float32)
    noise = (sizes[runs] / 6) ** 2 * rng.normal(size=len(runs))
    labels = pd.DataFrame({"number": level + noise})
    return Samples.from_arrays(X, labels, series=runs)


def test_recordings_whose_size_goes_with_their_errors_are_named() -> None:
    rule = Splitter(by="group", validation=0.2, calibration=0.4)
    model = sure(validation=rule, tasks=[Regression("number")], verbose=1)
    with pytest.warns(MultitideWarning, match="Longer recordings .* 'number'"):
        model.fit(sized(150, seed=0))
    (row,) = model.evaluate_interval(sized(60, seed=1), level=0.8).to_dict("records")
    assert row["size_linked"]
    assert row["by_recording"] - row["coverage"] > 0.02


def test_a_set_of_your_own_needs_labels_of_every_task(samples: Samples) -> None:
    train, held = Splitter(by="random").hold_out(samples, 0.4)
    for column in ("number", "b"):
        labels = samples[held].y
        few = labels.assign(**{column: labels[column].where(labels.index < 9)})
        with refused("`calibration`", "at least 10 labels", repr(column), "Give more"):
            sure().fit(samples[train], calibration=samples[held].replace(y=few))


def test_a_label_without_held_out_labels_takes_no_level_from_others(
    samples: Samples,
) -> None:
    """Its task has no intervals; those of other tasks stay."""
    train, held = Splitter(by="random").hold_out(samples, 0.4)
    given = samples[held].replace(y=samples[held].y.assign(b=np.nan))
    model = sure().fit(samples[train], validation=given)
    assert set(model.scores_) == {"two", "four", "number"}
    assert "number_low" in model.predict_interval(given)
