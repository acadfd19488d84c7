"""The estimator: scikit-learn's contract, missing labels, and the ways of training."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline

from makers import make_arrays, make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.balancing import AGGREGATORS
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.sharing import Hard
from multitide.tasks import Classification, Regression
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from multitide.training._trainer import Trainer
from refusals import refused


def test_it_learns_classes_and_numbers_with_missing_labels() -> None:
    X, y = make_arrays(n=200)
    estimator = small(max_epochs=30, lr=0.01).fit(X, y)
    test_X, test_y = make_arrays(n=100, seed=1, missing=0)
    figures = estimator.evaluate(test_X, test_y).set_index(["task", "metric"])
    assert figures.loc[("state", "accuracy"), "value"] > 0.9
    assert figures.loc[("load", "r2"), "value"] > 0.7
    assert estimator.score(test_X, test_y) > 0.5
    predicted = estimator.predict(test_X)
    assert list(predicted.columns) == ["state", "load"]
    assert set(predicted["state"]) <= {"high", "low"}
    assert 70 < predicted["load"].mean() < 130


def test_every_loss_starts_at_one() -> None:
    class FirstLosses(Callback):
        losses: dict[str, float] = {}  # noqa: RUF012

        def on_train_begin(self, trainer: Trainer) -> None:
            trainer._streams = [
                replace(stream, validation=stream.train) for stream in trainer._streams
            ]
            self.losses = trainer.validate().losses

    seen = FirstLosses()
    X, y = make_arrays()
    y["load"] *= 1e6
    small(max_epochs=1, validation=None).fit(X, y, callbacks=[seen])
    assert seen.losses == pytest.approx({"state": 1, "load": 1}, abs=1e-4)


def test_same_seed_same_bits_and_another_seed_others() -> None:
    samples = make_samples()
    first, again, other = (
        small(random_state=seed).fit(samples).predict(samples)["load"]
        for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_fitting_leaves_torchs_generator_and_the_data_alone() -> None:
    X, y = make_arrays()
    before_X, before_y = X.copy(), y.copy()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    small().fit(X, y)
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(X, before_X)
    pd.testing.assert_frame_equal(y, before_y)


def test_sharing_none_is_a_fit_a_task() -> None:
    samples = make_samples()
    apart = small(sharing="none", validation=None).fit(samples)
    together = (
        apart.predict_proba(samples)["state"].to_numpy(),
        apart.predict(samples)["load"].to_numpy(),
    )
    alone_state = small(tasks=["state"], validation=None).fit(samples)
    alone_load = small(tasks=["load"], validation=None).fit(samples)
    np.testing.assert_array_equal(
        together[0], alone_state.predict_proba(samples)["state"].to_numpy()
    )
    np.testing.assert_array_equal(
        together[1], alone_load.predict(samples)["load"].to_numpy()
    )


def test_keep_per_task_answers_each_task_by_its_own_best_epoch_and_stores_the_joint_set() -> (
    None
):
    samples = make_samples(n=60)
    estimator = small(keep="per_task", max_epochs=12, lr=0.02).fit(samples)
    rows = estimator.history_.query("side == 'validation'")
    validation = rows.pivot_table(index="epoch", columns="task", values="loss")
    assert estimator.best_epoch_ == validation.idxmin().to_dict()
    joint = small(keep="joint", max_epochs=12, lr=0.02).fit(samples)
    assert (
        joint.best_epoch_["state"]
        == joint.best_epoch_["load"]
        == validation.mean(axis=1).idxmin()
    )
    stored, expected = (
        estimator.model_.network_list[0].state_dict(),
        joint.model_.network_list[0].state_dict(),
    )
    assert all(torch.equal(stored[name], expected[name]) for name in expected)


def test_early_stopping_and_the_best_epoch_agree_with_the_history() -> None:
    estimator = small(max_epochs=40, lr=0.03, training=Training(patience=2)).fit(
        make_samples(n=60)
    )
    mean = (
        estimator.history_.query("side == 'validation'").groupby("epoch")["loss"].mean()
    )
    assert set(estimator.best_epoch_.values()) == {mean.idxmin()}
    assert len(mean) <= 40


def test_refit_repeats_the_chosen_number_of_epochs_on_all_rows() -> None:
    samples = make_samples(n=80)
    first, refitted = (
        small(max_epochs=6).fit(samples),
        small(max_epochs=6, training=Training(refit=True)).fit(samples),
    )
    assert refitted.best_epoch_ == first.best_epoch_
    pd.testing.assert_frame_equal(
        refitted.history_.drop(columns="seconds"),
        first.history_.drop(columns="seconds"),
    )
    assert (refitted.predict(samples)["load"] != first.predict(samples)["load"]).any()


def test_own_validation_samples_choose_the_epoch() -> None:
    train, validation = make_samples(seed=0), make_samples(n=30, seed=1)
    estimator = small().fit(train, validation=validation)
    labelled = validation.y.notna().sum().to_dict()
    assert {
        name: n["validation"] for name, n in estimator.n_labelled_.items()
    } == labelled
    from_arrays = small().fit(*make_arrays(), validation=make_arrays(n=30, seed=1))
    assert (
        from_arrays.predict(train)["load"] == estimator.predict(train)["load"]
    ).all()


def test_rows_without_any_label_are_never_drawn() -> None:
    X, y = make_arrays(missing=0)
    half = y.copy()
    half.iloc[48:] = None
    garbage = X.copy()
    garbage[48:] = 1e6
    clean = small(validation=None).fit(X[:48], y.iloc[:48])
    with_garbage = small(validation=None).fit(garbage, half)
    assert with_garbage.n_labelled_ == {"state": {"train": 48}, "load": {"train": 48}}
    assert clean.n_labelled_ == with_garbage.n_labelled_


def test_unequal_lengths_train_and_padding_does_not_matter() -> None:
    samples = make_samples(unequal=True)
    estimator = small().fit(samples)
    together = estimator.predict(samples)["load"].to_numpy()
    shortest = int(samples.lengths.argmin())
    alone = estimator.predict(samples[[shortest]])["load"].to_numpy()
    np.testing.assert_allclose(alone[0], together[shortest], rtol=1e-5)


@pytest.mark.slow
def test_static_inputs_are_learned_from() -> None:
    X, _ = make_arrays(n=200, missing=0)
    age = np.random.default_rng(3).normal(50, 20, size=200)
    static = pd.DataFrame({"age": age, "kind": np.where(age > 50, "old", "new")})
    static.loc[::7, "age"] = np.nan
    y = pd.DataFrame({"risk": age * 3})
    estimator = small(max_epochs=40, lr=0.02).fit(X, y, static=static)
    table = estimator.evaluate(Samples.from_arrays(X, y, static=static)).set_index(
        "metric"
    )
    assert table.loc["r2", "value"] > 0.5
    with pytest.raises(DataError, match="`static` must be given"):
        estimator.predict(X)


def test_predictions_do_not_depend_on_batch_mates() -> None:
    samples = make_samples()
    estimator = small().fit(samples)
    whole = estimator.predict(samples)["load"].to_numpy()
    one = np.array([estimator.predict(samples[[i]])["load"].iloc[0] for i in range(5)])
    np.testing.assert_allclose(one, whole[:5], rtol=1e-5)


def test_ctrl_c_keeps_the_best_so_far(caplog: pytest.LogCaptureFixture) -> None:
    class Interrupt(Callback):
        def on_epoch_begin(self, trainer: Trainer) -> None:
            if trainer.epoch == 3:
                raise KeyboardInterrupt

    estimator = small(max_epochs=10).fit(make_samples(), callbacks=[Interrupt()])
    assert estimator.history_["epoch"].max() == 2
    assert "interrupted in epoch 3" in caplog.text


class EndRefit(Callback):
    """Ends the second run, which is the refit, at the beginning of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.runs = epoch, 0

    def on_train_begin(self, trainer: Trainer) -> None:
        self.runs += 1

    def on_epoch_begin(self, trainer: Trainer) -> None:
        if self.runs == 2 and trainer.epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 4])
def test_ctrl_c_in_a_refit_keeps_what_the_first_run_has_learned(
    epoch: int, caplog: pytest.LogCaptureFixture
) -> None:
    samples = make_samples()
    params: dict[str, Any] = {
        "max_epochs": 6,
        "batch_size": 8,
        "lr": 0.02,
        "keep": "per_task",
        "random_state": 1,
    }
    first = small(**params).fit(samples)
    assert (
        min(first.best_epoch_.values()) < 4 < max(first.best_epoch_.values())
    )  # one must not stand alone
    estimator = small(training=Training(refit=True), **params).fit(
        samples, callbacks=[EndRefit(epoch)]
    )
    pd.testing.assert_frame_equal(estimator.predict(samples), first.predict(samples))
    assert "The refit did not end" in caplog.text


def test_callbacks_are_called_at_every_step_and_may_stop() -> None:
    class Count(Callback):
        def __init__(self) -> None:
            self.told: list[str] = []

        def on_train_begin(self, trainer: Trainer) -> None:
            self.told.append("begin")

        def on_step_end(self, trainer: Trainer) -> None:
            self.told.append("step")

        def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
            self.told.append(f"epoch of {len(rows)} rows")
            trainer.stop = trainer.epoch == 2

        def on_train_end(self, trainer: Trainer) -> None:
            self.told.append("end")

    count = Count()
    small(batch_size=50, max_epochs=9).fit(
        make_samples(n=100, missing=0), callbacks=[count]
    )
    assert count.told == ["begin", *(["step"] * 2 + ["epoch of 4 rows"]) * 2, "end"]


# -- scikit-learn ----------------------------------------------------------------------------------


def test_clone_and_nested_parameters() -> None:
    estimator = small(
        tasks=[Classification("state"), Regression("load", loss="mae")],
        training=Training(patience=3),
    )
    twin = clone(estimator)
    assert twin.get_params(deep=False) == estimator.get_params(deep=False)
    assert twin.backbone is not estimator.backbone
    named = MultiTaskEstimator().set_params(
        backbone__hidden_size=16, training__patience=None, lr=0.1
    )
    assert named.backbone == LSTMFCN(hidden_size=16)
    assert named.training == Training(patience=None)
    assert named.lr == 0.1


def test_at_most_fifteen_parameters() -> None:
    assert len(MultiTaskEstimator().get_params(deep=False)) <= 15


def test_train_test_split_and_cross_val_score_and_grid_search_and_pipeline() -> None:
    X, y = make_arrays(n=80)
    train_X, test_X, train_y, test_y = train_test_split(X, y, random_state=0)
    assert np.isfinite(small().fit(train_X, train_y).score(test_X, test_y))
    assert np.isfinite(cross_val_score(small(), X, y, cv=2)).all()
    search = GridSearchCV(
        small(max_epochs=1), {"backbone__hidden_size": [4, 8], "lr": [0.01]}, cv=2
    ).fit(X, y)
    assert search.best_params_["backbone__hidden_size"] in {4, 8}
    assert Pipeline([("model", small())]).fit(X, y).predict(X).shape == (80, 2)


def test_pickle_and_not_fitted() -> None:
    samples = make_samples()
    estimator = small().fit(samples)
    twin = pickle.loads(pickle.dumps(estimator))
    assert (twin.predict(samples)["load"] == estimator.predict(samples)["load"]).all()
    with pytest.raises(NotFittedError):
        small().predict(samples)
    with pytest.raises(NotFittedError):
        _ = clone(estimator).classes_


# -- wrong input -----------------------------------------------------------------------------------


def test_all_wrong_parameters_are_named_at_once() -> None:
    wrong = MultiTaskEstimator(
        backbone="lstm_fnc",
        max_epochs=0,
        lr=-1,
        keep="best",
        training=Training(clip_norm=0),
    )
    with pytest.raises(ParameterError) as caught:
        wrong.fit(*make_arrays())
    message = str(caught.value)
    for part in (
        "Did you mean 'lstm_fcn'?",
        "`max_epochs`",
        "`lr`",
        "`keep`",
        "`training.clip_norm`",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (np.where(X > 2, np.inf, X), y), "infinite values"),
        (lambda X, y: (X, y.iloc[:5]), "one row per sample; got 5 rows for 96"),
        (lambda X, y: (X, y.assign(state=None)), "state"),
        (lambda X, y: (X, y.assign(load=3.25)), "load"),
        (lambda X, y: (X[:, :, :4], y), "at least 9 time steps"),
        (lambda X, y: (X.transpose(0, 2, 1), y), r"X.transpose\(0, 2, 1\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*the other way round")
def test_wrong_data_is_refused_with_a_reason(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        small().fit(*change(*make_arrays()))


def test_other_channels_at_predict_time_are_refused() -> None:
    X, y = make_arrays()
    estimator = small().fit(X, y)
    with pytest.raises(DataError, match="must have the 3 channels"):
        estimator.predict(X[:, :2])
    with pytest.raises(DataError, match="at least one sample"):
        estimator.predict(Samples.from_arrays(X)[[]])


def test_series_too_short_for_the_backbone_are_refused_in_company_too() -> None:
    estimator = small(max_epochs=1).fit(make_samples(unequal=True))
    rng = np.random.default_rng(0)
    short, long = (rng.normal(size=(3, n)) for n in (8, 20))
    for given in ([short], [short, long]):
        with pytest.raises(
            DataError,
            match=r"at least 9 time steps for the backbone LSTMFCN; got 8\. Use longer",
        ):
            estimator.predict(given)
    with pytest.raises(
        DataError,
        match=r"backbone CNN1D; the shortest of 2 series has 8 .* a larger `padding`",
    ):
        small(backbone="cnn1d", tasks=["load"]).fit(
            [short, long], pd.DataFrame({"load": [0.5, 1.0]}), validation=None
        )


def test_validation_samples_without_any_label_are_refused() -> None:
    unlabelled = make_samples(seed=1)
    unlabelled = unlabelled.replace(y=unlabelled.y.assign(state=None, load=np.nan))
    with pytest.raises(
        DataError,
        match="`validation` must have a label of some task; got none in 96 rows",
    ):
        small().fit(make_samples(), validation=unlabelled)


def test_a_task_without_labels_on_the_validation_side_is_refused() -> None:
    X, y = make_arrays(missing=0)
    y.loc[50:, "load"] = None
    samples = Samples.from_arrays(X, y, time=np.arange(len(X)))
    with pytest.raises(DataError, match="'load'"):
        small(validation=Splitter(by="time", validation=0.2)).fit(samples)


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        (
            {"aggregator": "pcgrad", "weighting": "dwa"},
            ["`weighting`", "'uniform'", "aggregator"],
        ),
        ({"aggregator": "pcgrad", "sharing": "soft"}, ["`aggregator`", "None", "Soft"]),
        (
            {
                "aggregator": AGGREGATORS["pcgrad"](at="features"),
                "sharing": Hard(branch=1),
            },
            ["`aggregator.at`", "one of"],
        ),
        ({"aggregator": "pcgard"}, ["`aggregator`", "Did you mean 'pcgrad'?"]),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    params: dict[str, Any], parts: list[str]
) -> None:
    with refused(*parts, error=ParameterError):
        small(**params).fit(make_samples())


def test_with_one_task_an_aggregator_is_plain_training() -> None:
    samples = make_samples()
    plain = small(tasks=["load"]).fit(samples)
    bypassed = small(tasks=["load"], aggregator="mgda").fit(samples)
    assert (plain.predict(samples) == bypassed.predict(samples)).all(axis=None)


def test_cuda_without_a_gpu_is_refused_with_the_remedy() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ParameterError, match="Use 'auto'"):
        small(device="cuda").fit(make_samples())
