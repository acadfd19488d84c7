"""Several data sets in one fit: own and shared layers; one data set is a special case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from makers import a_third_now, make_arrays, make_samples, make_trainer, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import BACKBONES
from multitide.balancing import AGGREGATORS
from multitide.data._samples import Samples
from multitide.encodings._inputs import Inputs
from multitide.errors import DataError, ParameterError
from multitide.model._store import _record_hash
from multitide.sharing import SHARINGS, Hard, NoSharing, Sharing
from multitide.sharing._across import PerDomain
from multitide.tasks import MultiLabel, Regression
from multitide.training._batches import Rows
from multitide.training._callbacks import Callback
from multitide.training._mixing import Mixer, shares
from multitide.training._settings import Training
from multitide.training._trainer import Trainer
from refusals import refused

CPU = torch.device("cpu")
CONDITIONINGS = ("none", "one_hot", "film")


def plant(n: int = 60, seed: int = 3, unequal: bool = False) -> Samples:
    """Return 5 channels of 30 steps with the tasks `state`, as in `make_samples`, and `speed`."""
    X, y = make_arrays(n, n_channels=5, n_timepoints=30, seed=seed)
    y = y.rename(columns={"load": "speed"})
    lengths = (
        np.random.default_rng(seed).integers(15, 31, size=n)
        if unequal
        else np.full(n, 30)
    )
    static = pd.DataFrame({"age": np.linspace(0, 1, n)})
    series = [x[:, :length] for x, length in zip(X, lengths, strict=True)]
    return Samples.from_arrays(series, y, static=static, channels=list("pqrst"))


def two(**params: Any) -> Trainer:
    return make_trainer({"rig": make_samples(), "plant": plant()}, **params)


def counts(trainer: Trainer, rows: list[torch.Tensor]) -> np.ndarray:
    """Return the labelled rows of each task, of samples that are all rows of their data sets."""
    measured = [np.zeros((len(stream.train.index), 0)) for stream in trainer._streams]
    for i, stream in enumerate(trainer._streams):
        measured[i] = np.zeros(
            (int(stream.train.index.max()) + 1, len(trainer.names)), dtype=int
        )
        measured[i][stream.train.index] = stream.train.measured
    return np.sum(
        [m[r.numpy()].sum(axis=0) for m, r in zip(measured, rows, strict=True)], axis=0
    )


def same_bits(a: MultiTaskEstimator, b: MultiTaskEstimator) -> bool:
    first, second = a.model_.state_dict(), b.model_.state_dict()
    return list(first) == list(second) and all(
        torch.equal(first[name], second[name]) for name in first
    )


# -- one is the case of one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sharing", ["hard", "none", Hard(conditioning="film", width=7)]
)
def test_a_dict_of_one_data_set_is_the_plain_fit(sharing: Any) -> None:
    samples = make_samples()
    plain, named = (
        small(max_epochs=2, sharing=sharing).fit(given)
        for given in (samples, {"rig": samples})
    )
    assert same_bits(plain, named)
    pd.testing.assert_frame_equal(
        plain.predict(samples), named.predict({"rig": samples})["rig"]
    )
    pd.testing.assert_frame_equal(plain.predict(samples), named.predict(samples))
    pd.testing.assert_frame_equal(
        plain.history_.drop(columns="seconds"), named.history_.drop(columns="seconds")
    )


def test_without_sharing_each_data_set_is_a_fit_of_its_own() -> None:
    rig, other = make_samples()[:50], plant()
    rig = rig.replace(y=rig.y[["load"]])
    both = small(sharing="none").fit({"rig": rig, "plant": other})
    alone = small().fit(rig)
    pd.testing.assert_frame_equal(both.predict({"rig": rig})["rig"], alone.predict(rig))
    assert both.best_epoch_["load"] == alone.best_epoch_["load"]


# -- what a step sees ------------------------------------------------------------------------------


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_an_absent_data_set_sends_no_gradient_and_its_own_layers_do_not_move(
    conditioning: str,
) -> None:
    trainer = two(sharing=Hard(conditioning=conditioning))  # type: ignore[arg-type]
    trainer.network.train()
    present = [torch.arange(8), torch.arange(8)]
    trainer.step(present, counts(trainer, present))  # AdamW has momentum for both now
    own = [
        module.each[1]
        for module in trainer.network.modules()
        if isinstance(module, PerDomain)
    ]
    before = [
        {name: t.clone() for name, t in module.state_dict().items()} for module in own
    ]
    rows = [torch.arange(8, 24), torch.arange(0)]
    trainer.step(rows, counts(trainer, rows))
    assert (
        sum(1 for module in own for _ in module.parameters()) >= 8
    )  # projections and batch norms
    assert all(p.grad is None for module in own for p in module.parameters())
    for module, state in zip(own, before, strict=True):
        assert all(
            torch.equal(state[name], t) for name, t in module.state_dict().items()
        )
    speed = trainer.network.heads[trainer.names.index("speed")]
    assert all(p.grad is None for p in speed.parameters())


def test_the_loss_of_a_shared_task_is_the_mean_over_its_labelled_rows_of_both_data_sets() -> (
    None
):
    trainer = two()
    network = trainer.network.eval()
    rows = [torch.arange(20), torch.arange(30)]
    losses, _ = trainer.task_losses(rows, counts(trainer, rows))
    by_row = []
    for i, (stream, numbers) in enumerate(zip(trainer._streams, rows, strict=True)):
        batch = stream.samples.gather(numbers)
        at = trainer.names.index("state")
        output = network(batch.x, batch.lengths, batch.static, i)[at]
        target = network.target_list[at]
        by_row.append(
            target.row_loss(output, batch.codes[at])[target.measured(batch.codes[at])]
        )
    assert min(len(part) for part in by_row) > 5
    assert losses["state"].item() == pytest.approx(
        torch.cat(by_row).mean().item(), rel=1e-6
    )


def test_every_data_set_has_batch_norms_of_its_own_and_one_body() -> None:
    trainer = two()
    names = [name for name, _ in trainer.network.sharing.named_parameters()]
    assert {name.split(".each.")[1][0] for name in names if ".each." in name} == {
        "0",
        "1",
    }
    assert all(".norm.each." in name for name in names if "norm" in name)
    trainer.network.train()
    rows = [torch.arange(8), torch.arange(0)]
    trainer.step(rows, counts(trainer, rows))
    seen = {
        name: t.item()
        for name, t in trainer.network.state_dict().items()
        if name.endswith("batches_tracked")
    }
    assert {".each.0." in name: value for name, value in seen.items()} == {
        True: 1,
        False: 0,
    }


@pytest.mark.parametrize("at", ["parameters", "features"])
def test_a_plain_sum_of_gradients_is_the_plain_loss(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, summed = two(), two(aggregator=AGGREGATORS["pcgrad"](at=at))  # type: ignore[arg-type]
    assert summed.aggregator is not None
    monkeypatch.setattr(
        summed.aggregator, "combine", lambda jacobian, present: jacobian.sum(dim=0)
    )
    rows = [torch.arange(16), torch.arange(16)]
    for trainer in (plain, summed):
        trainer.network.eval()
        losses, features = trainer.task_losses(rows, counts(trainer, rows))
        trainer.backward(losses, features)
    for a, b in zip(
        plain.network.parameters(), summed.network.parameters(), strict=True
    ):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)


def test_nothing_is_read_from_the_device_within_an_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = two(sharing=Hard(conditioning="film"))
    step = trainer.step

    def forbid(*_: object, **__: object) -> None:
        raise AssertionError("the step read a tensor on the host")

    def guarded(*args: Any) -> torch.Tensor:
        with monkeypatch.context() as patch:
            for name in (
                "item",
                "tolist",
                "numpy",
                "cpu",
                "__bool__",
                "__float__",
                "__int__",
                "nonzero",
            ):
                patch.setattr(torch.Tensor, name, forbid)
            return step(*args)

    monkeypatch.setattr(trainer, "step", guarded)
    trainer.run_epoch()
    assert {row["task"] for row in trainer.history} == {"state", "load", "speed"}


# -- mixing ----------------------------------------------------------------------------------------


def rows_of(n: int) -> Rows:
    return Rows(np.arange(n), np.ones((n, 1), dtype=bool))


def test_shares_are_by_size_equal_or_between() -> None:
    np.testing.assert_allclose(shares([90, 10, 0], "size", 2.0), [0.9, 0.1, 0])
    np.testing.assert_allclose(shares([90, 10, 0], "equal", 2.0), [0.5, 0.5, 0])
    np.testing.assert_allclose(shares([90, 10, 0], "temperature", 2.0), [0.75, 0.25, 0])
    np.testing.assert_allclose(shares([90, 10], "temperature", 1.0), [0.9, 0.1])


@pytest.mark.parametrize("order", ["label_aware", "shuffle"])
def test_by_size_an_epoch_draws_every_row_of_every_data_set_once(order: str) -> None:
    mixer = Mixer([rows_of(100), rows_of(31)], 16, "size", 2.0, order, seed=0)
    for _ in range(3):
        drawn = mixer.draw()
        assert [sorted(rows) for rows in drawn.rows] == [
            list(range(100)),
            list(range(31)),
        ]
        sizes = np.diff(drawn.bounds, axis=1)
        assert sizes.sum(axis=0).max() <= 16 + 1
        assert sizes.max(axis=1).tolist() == [12, 4]
        assert sizes.min(axis=1).tolist() == [11, 3]
        assert (drawn.n_labelled[:, 0] == sizes.sum(axis=0)).all()


def test_equal_shares_draw_each_row_once_before_any_comes_again() -> None:
    mixer = Mixer([rows_of(100), rows_of(20)], 12, "equal", 2.0, "shuffle", seed=0)
    drawn = [mixer.draw() for _ in range(5)]
    assert [len(rows) for rows in drawn[0].rows] == [60, 60]
    large, small_ = (np.concatenate([each.rows[i] for each in drawn]) for i in (0, 1))
    assert all(sorted(part) == list(range(100)) for part in large.reshape(3, 100))
    assert all(sorted(part) == list(range(20)) for part in small_.reshape(15, 20))


@pytest.mark.parametrize(
    ("sizes", "batch_size"),
    [([1, 1], 1), ([3, 1], 2), ([200, 1], 8), ([5, 0], 2), ([2, 2], 64)],
)
@pytest.mark.parametrize("mixing", ["size", "equal", "temperature"])
def test_no_step_is_empty(sizes: list[int], batch_size: int, mixing: str) -> None:
    drawn = Mixer(
        [rows_of(n) for n in sizes], batch_size, mixing, 2.0, "shuffle", seed=0
    ).draw()
    assert (np.diff(drawn.bounds, axis=1).sum(axis=0) > 0).all()
    assert [len(rows) > 0 for rows in drawn.rows] == [n > 0 for n in sizes]


# -- the whole way ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name in BACKBONES if BACKBONES[name].is_trained]
)
@pytest.mark.slow
def test_every_backbone_learns_data_sets_of_different_shape(name: str) -> None:
    given = {"rig": make_samples(n=40), "plant": plant(40, unequal=name != "lstm_fcn")}
    estimator = small(backbone=name, max_epochs=1).fit(given)
    assert {data: list(frame) for data, frame in estimator.predict(given).items()} == {
        "rig": ["state", "load"],
        "plant": ["state", "speed"],
    }


@pytest.mark.parametrize(
    "sharing",
    [
        Hard(),
        Hard(conditioning="one_hot", width=4),
        Hard(conditioning="film"),
        Hard(conditioning="film", branch=1, head_units=4),
        NoSharing(),
    ],
    ids=str,
)
@pytest.mark.slow
def test_save_then_load_predicts_the_same_bits(
    sharing: Sharing, tmp_path: Path
) -> None:
    given = {"rig": make_samples(), "plant": plant(unequal=True)}
    params: dict[str, Any] = {
        "max_epochs": 2,
        "keep": "per_task",
        "training": Training(mixing="equal", refit=True),
    }
    estimator = small(sharing=sharing, **params).fit(given)
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    assert same_bits(estimator, loaded)
    for name, frame in loaded.predict(given).items():
        pd.testing.assert_frame_equal(frame, estimator.predict(given)[name])
    assert (
        loaded.channels_
        == estimator.channels_
        == {"rig": ("0", "1", "2"), "plant": tuple("pqrst")}
    )


def test_predictions_of_a_data_set_need_no_other_and_no_batch_mate() -> None:
    given = {"rig": make_samples(unequal=True), "plant": plant(unequal=True)}
    estimator = small(max_epochs=2, sharing=Hard(conditioning="one_hot")).fit(given)
    both = estimator.predict_proba(given)
    for name, samples in given.items():
        alone = estimator.predict_proba({name: samples})[name]["state"]
        pd.testing.assert_frame_equal(alone, both[name]["state"])
        one = estimator.predict_proba({name: samples[[7]]})[name]["state"]
        np.testing.assert_allclose(
            one.to_numpy(), alone.iloc[[7]].to_numpy(), atol=1e-5
        )


def test_it_learns_and_measures_each_data_set() -> None:
    given = {"rig": make_samples(n=120), "plant": plant(n=120)}
    estimator = small(
        max_epochs=12, lr=0.02, batch_size=24, training=Training(mixing="temperature")
    ).fit(given)
    table = estimator.evaluate(given)
    assert list(table.columns[:2]) == ["data", "task"]
    losses = table[table["metric"] == "loss"].set_index(["data", "task"])["value"]
    assert set(losses.index) == {
        ("rig", "state"),
        ("rig", "load"),
        ("plant", "state"),
        ("plant", "speed"),
    }
    assert losses.max() < 0.8
    assert estimator.score(given) > 0.2
    assert (
        estimator.n_labelled_["state"]["train"]
        > estimator.n_labelled_["speed"]["train"]
    )


def test_data_sets_of_the_same_channels_are_not_projected() -> None:
    estimator = small(max_epochs=1).fit(
        {"a": make_samples(seed=1), "b": make_samples(seed=2)}
    )
    assert not any("projection" in name for name in estimator.model_.state_dict())


def test_own_validation_samples_choose_the_epoch() -> None:
    given = {"rig": make_samples(), "plant": plant()}
    estimator = small(max_epochs=1).fit(
        given, validation={"rig": make_samples(n=30, seed=9)}
    )
    assert (
        estimator.n_labelled_["load"]["validation"]
        == make_samples(n=30, seed=9).y["load"].notna().sum()
    )
    assert 0 < estimator.n_labelled_["speed"]["validation"] < 20


@pytest.mark.parametrize("name", a_third_now(["pcgrad", "upgrad"]))
@pytest.mark.parametrize("at", ["parameters", "features"])
def test_aggregators_meet_where_the_data_sets_do(name: str, at: str) -> None:
    aggregator = AGGREGATORS[name](at=at)  # type: ignore[arg-type]
    estimator = small(max_epochs=2, aggregator=aggregator).fit(
        {"rig": make_samples(), "plant": plant()}
    )
    assert np.isfinite(estimator.history_["loss"]).all()


def test_a_task_of_one_data_set_is_learned_first() -> None:
    given = {"rig": make_samples(), "plant": plant()}
    training = Training(pretrain=("load",), freeze="nothing")
    estimator = small(max_epochs=1, training=training).fit(given)
    assert set(estimator.pretrain_history_["task"]) == {"load"}
    assert set(estimator.history_["task"]) == {"state", "load", "speed"}


def test_a_data_set_that_was_not_learned_first_learns_its_own_layers_in_a_frozen_backbone() -> (
    None
):
    given = {"rig": make_samples(), "plant": plant()}
    params: dict[str, Any] = {"max_epochs": 2, "lr": 0.01}
    training = Training(pretrain=("load",), freeze="backbone")
    begin: dict[str, torch.Tensor] = {}

    class Begin(Callback):
        def on_train_begin(self, trainer: Trainer) -> None:
            begin.update(
                {
                    name: tensor.clone()
                    for name, tensor in trainer.network.state_dict().items()
                }
            )

    estimator = small(training=training, **params).fit(given, callbacks=[Begin()])
    now = estimator.model_.network_list[0].state_dict()
    moved = {
        name for name, tensor in begin.items() if not torch.equal(tensor, now[name])
    }
    body = {name for name in moved if name.startswith("sharing.")}
    assert body
    assert all(".norm.each.1." in name for name in body)
    assert {name.rsplit(".", 1)[1] for name in body} >= {
        "weight",
        "bias",
        "running_mean",
        "running_var",
    }


def test_what_data_sets_have_for_themselves_comes_along_by_name() -> None:
    given = {"rig": make_samples(), "plant": plant()}
    start = small(max_epochs=2, lr=0.01).fit(given)
    turned = {"plant": given["plant"], "new": make_samples(seed=4), "rig": given["rig"]}
    training = Training(freeze="backbone")
    estimator = small(training=training, max_epochs=1).fit(turned, start=start)
    old, new = (
        each.model_.network_list[0].sharing.state_dict() for each in (start, estimator)
    )
    norm = "backbone.blocks.conv2.norm.each.{}.running_mean"
    assert torch.equal(new[norm.format(0)], old[norm.format(1)])
    assert torch.equal(new[norm.format(2)], old[norm.format(0)])
    assert not torch.equal(new[norm.format(1)], old[norm.format(0)])


def test_a_model_of_one_data_set_is_where_several_start() -> None:
    given = {"rig": make_samples(), "plant": plant()}
    start = small().fit(make_samples(seed=5))
    estimator = small(training=Training(freeze="nothing"), max_epochs=1, lr=1e-9).fit(
        given, start=start
    )
    name = "networks.0.sharing.backbone.blocks.conv2.convolution.weight"
    torch.testing.assert_close(
        estimator.model_.state_dict()[name], start.model_.state_dict()[name]
    )


def test_a_model_from_before_there_were_several_data_sets_still_loads(
    tmp_path: Path,
) -> None:
    samples = plant()
    estimator = small(max_epochs=1).fit(samples)
    path = estimator.save(tmp_path / "model") / "model.json"
    record = json.loads(path.read_text())
    (data,) = record.pop("data")
    record |= {
        key: value for key, value in data.items() if key not in ("name", "tasks")
    }
    for network in record["networks"]:
        del network["data"]
        (network["static"],) = network["static"]
    path.write_text(json.dumps(record | {"sha256": _record_hash(record)}))
    loaded = MultiTaskEstimator.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(samples), estimator.predict(samples))


@pytest.mark.slow
def test_the_page_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    page = (
        Path(__file__).parents[2] / "docs" / "guide" / "several-data-sets-in-one-fit.md"
    ).read_text()
    exec(page.split("```python\n")[1].split("```")[0], {})
    assert capsys.readouterr().out.startswith("['fault', 'wear']")


# -- wrong input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name, sharing in SHARINGS.items() if not sharing.learns_several]
)
def test_sharing_that_compares_the_same_series_is_refused(name: str) -> None:
    with pytest.raises(
        ParameterError,
        match=r"`sharing` must be one of 'hard', 'none' with several data sets",
    ):
        small(sharing=name).fit({"rig": make_samples(), "plant": plant()})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"backbone": "linear"},
            "`backbone` must not be 'linear' with several data sets",
        ),
        (
            {"backbone": "trees"},
            "`backbone` must not be 'trees' with several data sets",
        ),
        (
            {"backbone": "fc", "inputs": Inputs(representation="minirocket")},
            "`inputs.representation` must be none",
        ),
    ],
)
def test_what_reads_one_data_set_only_is_refused(
    params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        small(**params).fit({"rig": make_samples(), "plant": plant()})


def with_labels(samples: Samples, **columns: Any) -> Samples:
    return samples.replace(y=samples.y.assign(**columns))


@pytest.mark.parametrize(
    ("given", "params", "message"),
    [
        ({}, {}, "must have a name, a text, for every data set"),
        ({3: make_samples()}, {}, "must have a name, a text, for every data set"),
        (
            {"a": make_samples(), "b": plant()},
            {"tasks": ["state", "sped"]},
            "'sped'. Did you mean 'speed'",
        ),
        (
            {"a": make_samples(), "b": with_labels(plant(), load=["x", "y"] * 30)},
            {},
            "'load' is a regression in 'a', a classification in 'b'. Declare its kind",
        ),
        (
            {"a": make_samples(), "b": plant()},
            {"tasks": ["load"]},
            r"\['b'\] have none of \['load'\]",
        ),
        (
            {
                "a": make_samples(),
                "b": Samples.from_arrays(*make_arrays(n_timepoints=6)),
            },
            {},
            "In the data set 'b': `X` must have at least 9 time steps",
        ),
    ],
)
def test_wrong_data_sets_are_refused(
    given: Any, params: dict[str, Any], message: str
) -> None:
    with pytest.raises((ParameterError, DataError), match=message):
        small(**params).fit(given)


def test_a_declared_kind_settles_what_labels_say_differently() -> None:
    rig = with_labels(
        make_samples(), load=make_samples().y["load"].round() % 7
    )  # whole numbers: classes, by the look
    given = {"rig": rig, "plant": with_labels(plant(), load=np.linspace(0.5, 6, 60))}
    with pytest.raises(
        ParameterError,
        match="'load' is a classification in 'rig', a regression in 'plant'",
    ):
        small().fit(given)
    assert (
        small(tasks=[Regression("load")], max_epochs=1).fit(given).tasks_[0].kind
        == "regression"
    )


def test_a_data_set_with_some_columns_of_a_task_is_refused() -> None:
    answers = {"hot": [0, 1] * 48, "wet": [1, 1, 0, 0] * 24}
    rig = with_labels(make_samples(), **answers)
    half = with_labels(make_samples(seed=1), hot=answers["hot"])
    tasks = [MultiLabel("weather", columns=["hot", "wet"]), "load"]
    with refused(
        "`tasks`", "'b'", "'weather'", "['wet']", "empty col", error=ParameterError
    ):
        small(tasks=tasks).fit({"a": rig, "b": half})
    blank = with_labels(half, wet=np.nan)
    estimator = small(tasks=tasks, max_epochs=1).fit(
        {"a": rig, "b": blank, "c": make_samples(seed=2)}
    )
    assert {
        name: list(frame)
        for name, frame in estimator.predict({"b": blank, "c": make_samples()}).items()
    } == {
        "b": ["hot", "wet", "load"],
        "c": ["load"],
    }


def test_labels_next_to_data_sets_and_unknown_names_are_refused() -> None:
    given = {"rig": make_samples(), "plant": plant()}
    with refused("`y`", "several data sets", error=DataError):
        small().fit(given, make_samples().y)
    with pytest.raises(
        ParameterError,
        match=r"`validation` must be .* got 'plnt'. Did you mean 'plant'",
    ):
        small().fit(given, validation={"plnt": plant()})
    estimator = small(max_epochs=1).fit(given)
    with pytest.raises(
        ParameterError,
        match=r"`X` must be a dict of data sets of the fit, .*; got no dict",
    ):
        estimator.predict(make_samples())
    with pytest.raises(ParameterError, match=r"got 'rg'\. Did you mean 'rig'"):
        estimator.predict({"rg": make_samples()})
    with pytest.raises(DataError, match="must have the 5 channels"):
        estimator.predict({"plant": make_samples()})
    with pytest.raises(ParameterError, match="which has no name; got 'rig'"):
        small(max_epochs=1).fit(make_samples()).predict({"rig": make_samples()})


def test_a_problem_says_which_data_set_has_it() -> None:
    other = plant()
    few = with_labels(
        other, speed=other.y["speed"].where(other.y["speed"].notna().cumsum() <= 2)
    )
    with pytest.raises(
        DataError,
        match="In the data set 'plant': `split` by random must leave labels of every task",
    ):
        small(tasks=["state", Regression("speed")]).fit(
            {"rig": make_samples(), "plant": few}
        )
