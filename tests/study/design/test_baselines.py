"""Baselines learn from training rows, choose on validation rows, and answer in the user's units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from fakes import RANDOM, make_study_samples
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.representations import LinearHeads, TS2Vec, represent
from multitide.study.design._baselines import (
    BASELINES,
    Baseline,
    Boosting,
    Constant,
    LinearBaseline,
)
from multitide.study.design._window_features import window_features
from multitide.tasks import Classification, Regression, Target, Task

FEW = Boosting(max_iter=30)


def made(task: Task, n: int = 300) -> tuple[Samples, Split, Target]:
    samples = make_study_samples(n)
    split = RANDOM.split(samples)
    return samples, split, task.fit_target(samples.y.iloc[split.train][task.columns])


def loss(samples: Samples, split: Split, target: Target, decoded: np.ndarray) -> float:
    labels = samples.y.iloc[split.test][target.task.columns].reset_index(drop=True)
    return float(np.nanmean(target.row_losses(labels, decoded)))


@pytest.mark.parametrize(
    "task",
    [Classification("state"), Regression("load"), Regression("load", loss="mae")],
)
def test_the_constant_costs_about_the_trivial_loss_and_boosting_far_less(
    task: Task,
) -> None:
    samples, split, target = made(task)
    constant, _ = Constant().answer(samples, split, target)
    boosted, facts = FEW.answer(samples, split, target)
    assert loss(samples, split, target, constant) == pytest.approx(1, abs=0.2)
    assert loss(samples, split, target, boosted) < 0.5
    assert 1 <= facts["n_trees"] <= 30
    assert boosted.shape == constant.shape


def test_boosting_sees_labelled_training_rows_only_and_stops_where_validation_is_best() -> (
    None
):
    samples, split, target = made(Regression("load"))
    decoded, facts = FEW.answer(samples, split, target)
    load = samples.y["load"].to_numpy(dtype=float)
    rows = split.train[~np.isnan(load[split.train])]
    features = window_features(samples)
    model = HistGradientBoostingRegressor(
        max_iter=30, early_stopping=False, random_state=0
    )
    model.fit(features[rows], load[rows])
    held_out = split.validation[~np.isnan(load[split.validation])]
    errors = [
        ((stage - load[held_out]) ** 2).mean()
        for stage in model.staged_predict(features[held_out])
    ]
    best = int(np.argmin(errors))
    assert facts["n_trees"] == best + 1
    np.testing.assert_array_equal(
        decoded, list(model.staged_predict(features[split.test]))[best]
    )


@pytest.mark.parametrize("name", BASELINES)
def test_labels_of_the_test_set_change_nothing(name: str) -> None:
    samples, split, target = made(Regression("load"))
    hidden = samples.y.copy()
    hidden.loc[split.test, "load"] = -1e6
    baseline = FEW if name == "boosting" else BASELINES[name]()
    answers = [
        baseline.answer(s, split, target)[0]
        for s in (samples, samples.replace(y=hidden))
    ]
    np.testing.assert_array_equal(*answers)


def test_without_validation_labels_all_trees_answer() -> None:
    samples, split, target = made(Regression("load"))
    _, facts = FEW.answer(
        samples, replace(split, validation=split.validation[:0]), target
    )
    assert facts["n_trees"] == 30


def test_class_weights_reach_boosting() -> None:
    plain, weighted = (
        Classification("state"),
        Classification("state", class_weight={"high": 20.0}),
    )
    shares = []
    for task in (plain, weighted):
        samples, split, target = made(task)
        noise = (
            np.random.default_rng(0)
            .normal(size=samples.values.shape)
            .astype(np.float32)
        )
        shares.append(
            FEW.answer(samples.replace(values=noise), split, target)[0][:, 0].mean()
        )
    assert shares[1] > shares[0] + 0.2


def test_blank_text_is_no_label() -> None:
    samples, split, _ = made(Classification("state"))
    blank = samples.replace(y=samples.y.fillna(" "))
    target = Classification("state").fit_target(blank.y.iloc[split.train])
    expected = Classification("state").fit_target(samples.y.iloc[split.train])
    np.testing.assert_array_equal(
        FEW.answer(blank, split, target)[0], FEW.answer(samples, split, expected)[0]
    )


def test_channels_without_any_value_do_no_harm() -> None:
    samples, split, target = made(Regression("load"))
    values = np.column_stack(
        [samples.values, np.full(len(samples.values), np.nan, dtype=np.float32)]
    )
    wider = samples.replace(values=values, channels=(*samples.channels, "dead"))
    assert loss(samples, split, target, FEW.answer(wider, split, target)[0]) < 0.5


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_a_part_that_answers_every_kind_of_task(name: str) -> None:
    baseline = BASELINES[name]()
    assert isinstance(baseline, Baseline)
    baseline.check()
    for task in (Classification("state"), Regression("load", loss="huber")):
        samples, split, target = made(task, n=60)
        decoded, facts = baseline.answer(samples, split, target)
        assert len(decoded) == len(split.test)
        assert isinstance(target.to_frame(decoded), pd.DataFrame)
        assert all(isinstance(value, (int, float)) for value in facts.values())


@pytest.mark.parametrize("task", [Classification("state"), Regression("load")])
def test_linear_heads_on_a_representation_learn_from_the_training_set_only(
    task: Task,
) -> None:
    samples, split, target = made(task, n=120)
    baseline = LinearBaseline(TS2Vec(n_features=8, hidden_size=8, depth=2, n_steps=3))
    decoded, facts = baseline.answer(samples, split, target)
    assert facts == {"n_features": 8}
    encoder = baseline.representation.fit(samples[split.train])  # type: ignore[union-attr]
    train, valid, test = (
        represent(samples[rows], encoder)
        for rows in (split.train, split.validation, split.test)
    )
    labelled = train.y[task.name].notna().to_numpy()
    heads = LinearHeads([task]).fit(
        train.values[labelled], train.y[labelled], validation=(valid.values, valid.y)
    )
    np.testing.assert_allclose(
        decoded, heads.decode(test.values)[task.name], rtol=1e-3, atol=1e-4
    )
    values = samples.values.copy()
    steps = samples.starts[split.test[1:], None] + np.arange(samples.n_timepoints)
    values[steps] = 1e6  # all test series but the first
    again, _ = baseline.answer(samples.replace(values=values), split, target)
    np.testing.assert_array_equal(again[0], decoded[0])
