"""The ensemble: it averages its fits, keeps them, and continues after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save

import multitide as mt
from makers import make_samples, small
from multitide import MultiTaskEstimator, Splitter
from multitide._silence import collecting
from multitide.backbones import Trees
from multitide.data._samples import Samples
from multitide.encodings import Inputs
from multitide.ensemble import Ensemble, _train_members
from multitide.ensemble._held_out_file import HELD_OUT
from multitide.ensemble._plan import MemberFit
from multitide.ensemble._portfolio import best_members
from multitide.ensemble._train_members import Clock
from multitide.tasks import resolve_tasks
from multitide.training import Callback
from refusals import refused

LINEAR = {
    "backbone": "linear",
    "inputs": {"representation": {"name": "minirocket", "n_features": 84}},
}


def network(**params: object) -> MultiTaskEstimator:
    return small(max_epochs=2, **params)


def quick(members: object = None, **params: object) -> Ensemble:
    """Return an ensemble that fits in a moment, in this process."""
    defaults: dict[str, object] = {
        "n_seeds": 2,
        "n_jobs": 1,
        "random_state": 0,
        "verbose": 0,
    }
    return Ensemble(members or network(), **(defaults | params))


@pytest.fixture(scope="module")
def samples() -> Samples:
    return make_samples()


@pytest.fixture(scope="module")
def fitted(samples: Samples) -> Ensemble:
    return quick({"network": network(), "slower": network(lr=1e-4)}).fit(samples)


def test_it_predicts_the_weighted_mean_of_its_fits(
    fitted: Ensemble, samples: Samples
) -> None:
    decoded = fitted.decode(samples)
    for task in ("state", "load"):
        expected = 0.0
        for name, fits in fitted.members_.items():
            for estimator in fits:
                weight = fitted.weights_.loc[name, task] / len(fits)
                expected = expected + weight * estimator.decode(samples)[task].astype(
                    float
                )
        np.testing.assert_allclose(decoded[task], expected, rtol=1e-12)


def test_one_fit_predicts_as_the_estimator_alone(samples: Samples) -> None:
    alone = network().fit(samples)
    ensemble = quick(n_seeds=1).fit(samples)
    pd.testing.assert_frame_equal(ensemble.predict(samples), alone.predict(samples))


def test_probabilities_sum_to_one(fitted: Ensemble, samples: Samples) -> None:
    table = fitted.predict_proba(samples)["state"]
    np.testing.assert_allclose(table.sum(axis=1), 1)


def test_it_evaluates_and_scores_like_an_estimator(
    fitted: Ensemble, samples: Samples
) -> None:
    table = fitted.evaluate(samples)
    alone = fitted.members_["network"][0].evaluate(samples)
    assert list(table["metric"]) == list(alone["metric"])
    assert np.isfinite(fitted.score(samples))
    assert fitted.classes_ == {"state": ["high", "low"]}


def test_the_spread_is_zero_for_one_fit_and_positive_for_two(
    fitted: Ensemble, samples: Samples
) -> None:
    spread = fitted.predict_spread(samples)
    assert spread["load"].shape == (len(samples),)
    assert (spread["load"] > 0).any()
    alone = quick(n_seeds=1).fit(samples).predict_spread(samples)
    assert not alone["load"].any()


def test_contributions_have_weights_that_sum_to_one(fitted: Ensemble) -> None:
    table = fitted.contributions_
    members = table[table["member"] != "ensemble"]
    np.testing.assert_allclose(members.groupby("task")["weight"].sum(), 1)
    assert table["validation_loss"].notna().all()


def test_each_seed_holds_out_other_samples(fitted: Ensemble) -> None:
    seeds = {estimator.seed_ for estimator in fitted.members_["network"]}
    fingerprints = {
        tuple(estimator.n_labelled_["load"].items())
        for estimator in fitted.members_["network"]
    }
    assert seeds == {0, 1}
    assert len(fingerprints) == 2


def test_it_predicts_the_same_bits_after_loading(
    fitted: Ensemble, samples: Samples, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = Ensemble.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(samples), fitted.predict(samples))
    pd.testing.assert_frame_equal(loaded.weights_, fitted.weights_)
    pd.testing.assert_frame_equal(loaded.contributions_, fitted.contributions_)


def test_members_are_models_of_their_own(
    fitted: Ensemble, samples: Samples, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    folder = next((tmp_path / "model" / "members").iterdir())
    assert len(MultiTaskEstimator.load(folder).predict(samples)) == len(samples)


def test_finished_fits_are_not_trained_again(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = quick(n_seeds=2).fit(samples, folder=tmp_path)

    def no_training(*_: object) -> MultiTaskEstimator:
        raise AssertionError("a finished fit was trained again")

    monkeypatch.setattr(_train_members, "train_member", no_training)
    again = quick(n_seeds=2).fit(samples, folder=tmp_path)
    pd.testing.assert_frame_equal(again.predict(samples), first.predict(samples))
    with pytest.raises(AssertionError, match="trained again"):
        quick(network(lr=0.01)).fit(samples, folder=tmp_path)
    with pytest.raises(AssertionError, match="trained again"):
        quick().fit(samples[:80], folder=tmp_path)


def test_an_interrupted_fit_continues(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = _train_members.train_member
    n_calls = 0

    def interrupted(
        learner: MultiTaskEstimator,
        data: Sequence[object],
        callbacks: Sequence[Callback],
    ) -> MultiTaskEstimator:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 2:
            raise KeyboardInterrupt
        return train(learner, data, callbacks)

    monkeypatch.setattr(_train_members, "train_member", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick().fit(samples, folder=tmp_path)
    assert len(list(tmp_path.glob("[0-9]*"))) == 1
    continued = quick().fit(samples, folder=tmp_path)
    assert n_calls == 3
    pd.testing.assert_frame_equal(
        continued.predict(samples), quick().fit(samples).predict(samples)
    )


def test_a_budget_leaves_out_fits_for_which_no_time_is_left(samples: Samples) -> None:
    ensemble = quick({"a": network(), "b": network()}, n_seeds=3, budget=0.01).fit(
        samples
    )
    assert sum(len(fits) for fits in ensemble.members_.values()) < 6


@pytest.mark.slow
def test_trees_that_take_longer_than_the_budget_are_ended(samples: Samples) -> None:
    trees = small(backbone=Trees(kind="extra_trees", n_trees=10_000))
    members = {"network": network(), "trees": trees}
    ensemble = quick(members, n_seeds=3, n_jobs=2, budget=1).fit(samples)
    assert list(ensemble.members_) == ["network"]
    assert ensemble.weights_.loc["network"].eq(1).all()


@pytest.mark.slow
def test_the_only_fit_may_take_longer_than_the_budget(samples: Samples) -> None:
    ensemble = quick(network(), n_seeds=3, budget=0.01).fit(samples)
    assert len(ensemble.members_["network"]) == 1


def test_a_member_without_a_fit_is_expected_to_take_as_long_as_the_slowest() -> None:
    clock = Clock(seconds=10)
    fits = [MemberFit(name, 0, network(), []) for name in "abc"]
    started = clock.in_time(fits)
    assert next(started).member == "a"
    clock.record("a", 4.0)
    assert next(started).member == "b"
    clock.record("b", 12.0)
    assert list(started) == []


def test_a_class_that_a_fit_does_not_know_has_no_probability(
    fitted: Ensemble, samples: Samples
) -> None:
    labels = samples.y.copy()
    labels.loc[labels.index[:2], "state"] = "rare"
    ensemble = quick(n_seeds=3).fit(
        samples.replace(y=labels, series=np.repeat(np.arange(len(samples) // 2), 2))
    )
    table = ensemble.predict_proba(samples)["state"]
    np.testing.assert_allclose(table.sum(axis=1), 1)


@pytest.mark.slow
def test_a_linear_member_beside_a_network(samples: Samples) -> None:
    linear = MultiTaskEstimator(**LINEAR, device="cpu")
    ensemble = quick({"network": network(), "linear": linear}).fit(samples)
    assert list(ensemble.weights_.index) == ["network", "linear"]
    assert len(ensemble.predict(samples)) == len(samples)


def test_several_data_sets(samples: Samples) -> None:
    both = {"a": samples[:48], "b": samples[48:]}
    ensemble = quick().fit(both)
    assert list(ensemble.predict(both)) == ["a", "b"]
    assert set(ensemble.evaluate(both)["data"]) == {"a", "b"}


def test_without_a_validation_set_members_have_equal_weights(samples: Samples) -> None:
    ensemble = quick({"a": network(), "b": network()}, validation=None).fit(samples)
    assert (ensemble.weights_ == 0.5).all(axis=None)
    assert ensemble.contributions_["validation_loss"].isna().all()


def test_a_split_by_column_is_the_same_for_all_seeds(samples: Samples) -> None:
    ensemble = quick(validation=Splitter(by="random", random_state=7)).fit(samples)
    assert ensemble.weights_.shape == (1, 2)


def test_own_validation_samples(samples: Samples) -> None:
    ensemble = quick().fit(samples[:64], validation=samples[64:])
    for estimator in ensemble.members_["network"]:
        assert estimator.n_labelled_["load"]["validation"] > 0


@pytest.mark.parametrize(
    ("members", "parts"),
    [
        ({}, ("`members`", "{}")),
        ("network", ("`members`", "'network'")),
        ({"a": 3}, ("`members.a`", "3")),
        ({"": network()}, ("`members`", "''")),
        ({"a": network(lr=-1)}, ("`members.a`", "-1")),
        (
            {"a": network(tasks=["load"]), "b": network(tasks=["state"])},
            ("`tasks`", "'b'"),
        ),
    ],
)
def test_wrong_members_are_refused(
    members: object, parts: tuple[str, ...], samples: Samples
) -> None:
    with refused(*parts):
        Ensemble(members, verbose=0).fit(samples)


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        ({"n_seeds": 0}, ("`n_seeds`", "0")),
        ({"n_jobs": 0}, ("`n_jobs`", "0")),
        ({"budget": "soon"}, ("`budget`", "'soon'")),
        ({"validation": 2.0}, ("`validation`", "2.0")),
        ({"random_state": -1}, ("`random_state`", "-1")),
        ({"random_state": "x"}, ("`random_state`", "'x'")),
    ],
)
def test_wrong_parameters_are_refused(
    params: dict[str, object], parts: tuple[str, ...], samples: Samples
) -> None:
    with refused(*parts):
        quick(**params).fit(samples)


def test_it_is_public() -> None:
    assert mt.Ensemble is Ensemble


def test_the_best_members_are_those_that_can_be_fitted(samples: Samples) -> None:
    base = MultiTaskEstimator(max_epochs=2, device="cpu")
    assert list(best_members({"": samples}, base)) == [
        "boosting",
        "boosting, leaves of 20",
        "forest",
        "extra_trees",
        "rocket",
        "gru",
        "lstm_fcn",
    ]
    many = samples[np.arange(4_000) % len(samples)]
    assert list(best_members({"": many}, base))[-1] == "extra_trees"
    short = mt.Samples.from_arrays(
        np.random.default_rng(0).normal(size=(60, 2, 6)), samples.y[:60]
    )
    assert "rocket" not in best_members({"": short}, base)
    both = {"a": samples[:48], "b": samples[48:]}
    assert list(best_members(both, base)) == ["gru", "lstm_fcn"]


def test_networks_are_members_where_the_default_has_one(samples: Samples) -> None:
    networks = {"gru", "lstm_fcn"}
    assert not networks & set(best_members({"": samples}))
    many = samples[np.arange(4_000) % len(samples)]
    assert networks <= set(best_members({"": many}))
    assert networks <= set(best_members({"": samples}, MultiTaskEstimator(lr=0.01)))


def test_boosting_of_many_steps_comes_last(samples: Samples) -> None:
    steps = {}
    for step in range(1, 9):
        steps[f"next[+{step}]"] = np.arange(len(samples)) * 1.0 + step
    forecast = samples.replace(y=pd.DataFrame(steps))
    base = MultiTaskEstimator([mt.Forecast("next", horizon=8)], device="cpu")
    assert list(best_members({"": forecast}, base))[-2:] == [
        "boosting",
        "boosting, leaves of 20",
    ]


def test_extra_trees_are_no_member_for_quantiles(samples: Samples) -> None:
    base = MultiTaskEstimator([mt.Regression("load", loss="quantile")], device="cpu")
    assert list(best_members({"": samples}, base)) == [
        "boosting",
        "boosting, leaves of 20",
        "gru",
        "lstm_fcn",
    ]


def test_the_default_trees_depend_on_the_size_of_the_data(samples: Samples) -> None:
    few = best_members({"": samples})
    assert "boosting, leaves of 20" in few
    many = best_members({"": samples[np.arange(12_000) % len(samples)]})
    assert "boosting, leaves of 20" not in many
    assert trees_of(few["extra_trees"]).n_trees == 100
    assert not trees_of(few["extra_trees"]).steps
    assert trees_of(many["extra_trees"]).n_trees == 83
    assert trees_of(many["extra_trees"]).steps


def test_the_default_gru_reads_what_was_measured_where_much_is_missing(
    samples: Samples,
) -> None:
    values = samples.values.copy()
    values[::2] = np.nan
    base = MultiTaskEstimator(max_epochs=2)
    with_gaps = best_members({"": samples.replace(values=values)}, base)["gru"]
    assert isinstance(with_gaps.inputs, Inputs)
    assert with_gaps.inputs.observed
    assert not with_gaps.inputs.encodings
    whole = best_members({"": samples}, base)["gru"]
    assert isinstance(whole.inputs, Inputs)
    assert not whole.inputs.observed
    assert whole.inputs.encodings == ("difference", "piecewise_linear")


def test_declared_tasks_are_not_guessed_again(
    samples: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = resolve_tasks(None, samples.y)
    caplog.clear()
    with caplog.at_level("INFO"), collecting():
        members = best_members({"": samples}, None, tasks)
    assert "by its labels" not in caplog.text
    assert all(member.tasks == tasks for member in members.values())


def trees_of(member: MultiTaskEstimator) -> Trees:
    assert isinstance(member.backbone, Trees)
    return member.backbone


def test_the_folder_of_the_fits_must_be_ours(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with refused("`folder`", str(tmp_path)):
        quick().fit(samples, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_base_is_for_the_default_members_only(samples: Samples) -> None:
    with refused("`base`", "'best'"):
        quick(base=network()).fit(samples)


def boosting(refit: object = "auto") -> MultiTaskEstimator:
    spec = Trees(kind="boosting", n_trees=9, n_levels=0)
    return small(backbone=spec, training={"refit": refit})


def test_trees_are_grown_again_and_weighted_by_what_they_predicted_before(
    samples: Samples,
) -> None:
    """A refit has seen the validation samples; it must change predictions, and nothing else."""
    once = quick({"a": boosting(False), "b": network()}).fit(samples)
    again = quick({"a": boosting(), "b": network()}).fit(samples)
    columns = ["task", "member", "weight", "validation_loss"]
    pd.testing.assert_frame_equal(
        again.contributions_[columns], once.contributions_[columns]
    )
    assert (again.decode(samples)["load"] != once.decode(samples)["load"]).any()
    network_of = [
        each.members_["b"][0].decode(samples)["load"] for each in (once, again)
    ]
    np.testing.assert_array_equal(*network_of)
    rows = once.calibration_.reset_index(drop=True)
    pd.testing.assert_frame_equal(again.calibration_.reset_index(drop=True), rows)


def test_own_validation_samples_stay_unseen(samples: Samples) -> None:
    train, validation = samples[:64], samples[64:]
    given = {"validation": validation}
    auto = quick({"a": boosting()}, n_seeds=1).fit(train, **given)
    never = quick({"a": boosting(False)}, n_seeds=1).fit(train, **given)
    for task, values in auto.decode(samples).items():
        np.testing.assert_array_equal(values, never.decode(samples)[task])


def test_members_may_be_trained_again_as_a_whole(samples: Samples) -> None:
    once = quick(n_seeds=1).fit(samples)
    again = quick(network(training={"refit": True}), n_seeds=1).fit(samples)
    loss = "validation_loss"
    assert again.contributions_[loss].tolist() == once.contributions_[loss].tolist()
    assert (again.decode(samples)["load"] != once.decode(samples)["load"]).any()


def test_predictions_of_other_samples_are_not_taken_for_those_of_a_fit(
    samples: Samples, tmp_path: Path
) -> None:
    first = quick(n_seeds=1).fit(samples, folder=tmp_path)
    (path,) = tmp_path.glob(f"*/{HELD_OUT}")
    for damage in (b"", path.read_bytes()[:-8], save({"0//load": np.zeros(3)})):
        path.write_bytes(damage)
        again = quick(n_seeds=1).fit(samples, folder=tmp_path)  # trained again
        pd.testing.assert_frame_equal(again.contributions_, first.contributions_)


@pytest.mark.slow
def test_results_do_not_depend_on_which_fit_ends_first(
    fitted: Ensemble, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_order = _train_members._results

    def last_first(*arguments: object) -> object:
        return reversed(list(in_order(*arguments)))

    monkeypatch.setattr(_train_members, "_results", last_first)
    members = {"network": network(), "slower": network(lr=1e-4)}
    other = quick(members).fit(samples)
    pd.testing.assert_frame_equal(other.contributions_, fitted.contributions_)
    pd.testing.assert_frame_equal(other.predict(samples), fitted.predict(samples))


def test_predictions_have_the_order_of_the_tasks(
    fitted: Ensemble, samples: Samples
) -> None:
    expected = list(fitted.members_["network"][0].predict(samples))
    for only in ("network", "slower"):
        weights = {
            "network": {"state": 0.0, "load": 1.0},
            "slower": {"state": 1.0, "load": 0.0},
        }
        if only == "slower":
            weights = {"network": weights["slower"], "slower": weights["network"]}
        members = {}
        for name, member in fitted.result_.members.items():
            members[name] = replace(member, weights=weights[name])
        other = quick()._take_result(replace(fitted.result_, members=members))
        assert list(other.predict(samples)) == expected
