"""Pre-training, fine-tuning, transfer and freezing: what is transferred and what stays frozen."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from makers import a_third_now, make_arrays, make_samples, small
from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from multitide.training._trainer import Trainer


class States(Callback):
    """Remembers the network's state at the beginning and at the end of every run."""

    def __init__(self) -> None:
        self.begin: list[dict[str, torch.Tensor]] = []
        self.end: list[dict[str, torch.Tensor]] = []
        self.tasks: list[set[str]] = []

    def on_train_begin(self, trainer: Trainer) -> None:
        self.begin.append(
            {k: v.clone() for k, v in trainer.network.state_dict().items()}
        )

    def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        self.tasks.append(
            {row["task"] for row in rows if row["side"] == "train" and row["loss"] > 0}
        )

    def on_train_end(self, trainer: Trainer) -> None:
        self.end.append({k: v.clone() for k, v in trainer.network.state_dict().items()})


def moved(states: States, run: int = -1) -> set[str]:
    return {
        name
        for name, value in states.begin[run].items()
        if not torch.equal(value, states.end[run][name])
    }


@pytest.mark.parametrize(
    "sharing", a_third_now(["hard", "soft", "soft+hard", "cross_stitch"])
)
def test_a_frozen_backbone_does_not_move_nor_do_its_batch_norm_statistics(
    sharing: str,
) -> None:
    states = States()
    training = Training(freeze="backbone", weight_decay=0.1)
    small(sharing=sharing, training=training, lr=0.01).fit(
        make_samples(), callbacks=[states]
    )
    names = moved(states)
    assert names
    assert all(name.startswith("heads.") for name in names)


@pytest.mark.parametrize(
    "sharing", a_third_now(["hard", "soft", "soft+hard", "cross_stitch"])
)
def test_all_but_the_last_blocks_stay(sharing: str) -> None:
    states = States()
    small(sharing=sharing, training=Training(freeze=1), lr=0.01).fit(
        make_samples(), callbacks=[states]
    )
    names = moved(states)
    last = "upper" if sharing == "soft+hard" else "conv3"
    assert all(
        name.startswith("heads.") or last in name or "mix.3" in name for name in names
    )
    assert any(last in name and "running_mean" in name for name in names)
    assert any(last in name and "convolution.weight" in name for name in names)


def test_gradual_thawing_goes_from_the_top_at_lower_and_lower_rates() -> None:
    class Watch(Callback):
        seen: list[set[str]] = []  # noqa: RUF012
        rates: dict[str, float] = {}  # noqa: RUF012

        def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
            parameters = trainer.network.sharing.named_parameters(prefix="s")
            self.seen.append(
                {name.split(".")[3] for name, p in parameters if p.requires_grad}
            )
            names = {id(p): name for name, p in trainer.network.named_parameters()}
            for group in trainer.optimizer.param_groups:
                for parameter in group["params"]:
                    self.rates[names[id(parameter)]] = group["base_lr"]

    watch = Watch()
    training = Training(freeze="gradual", patience=None)
    small(max_epochs=20, training=training, lr=0.01).fit(
        make_samples(n=40), callbacks=[watch]
    )
    thawed = [sorted(free) for free in watch.seen]
    assert thawed[:2] == [[], []]
    assert thawed[2:4] == [["conv3"]] * 2
    assert thawed[4:6] == [["conv2", "conv3"]] * 2
    assert thawed[8] == ["conv1", "conv2", "conv3", "lstm"]
    rates = {
        block: rate
        for name, rate in watch.rates.items()
        for block in ("conv3", "conv2", "lstm")
        if block in name
    }
    assert rates["conv3"] == pytest.approx(0.01 / 2.6)
    assert rates["conv2"] == pytest.approx(0.01 / 2.6**2)
    assert rates["lstm"] == pytest.approx(0.01 / 2.6**4)


def test_pre_training_learns_only_its_tasks_and_fine_tuning_keeps_their_heads() -> None:
    states = States()
    estimator = small(
        max_epochs=3, training=Training(pretrain=("load",), freeze="nothing"), lr=0.01
    )
    estimator.fit(make_samples(), callbacks=[states])
    assert states.tasks[:3] == [{"load"}] * 3
    assert states.tasks[3:] == [{"state", "load"}] * 3
    assert not any(name.startswith("heads.0") for name in moved(states, 0))
    assert any(name.startswith("heads.1") for name in moved(states, 0))
    assert states.begin[1]["heads.1.0.weight"].any()
    assert not states.begin[1]["heads.0.0.weight"].any()
    assert set(estimator.pretrain_history_["task"]) == {"load"}
    assert estimator.history_["epoch"].max() == 3


def test_the_depth_is_chosen_on_validation_when_there_are_enough_labels(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"):
        estimator = small(
            max_epochs=2, validation=0.5, training=Training(pretrain=("load",))
        )
        estimator.fit(make_samples(n=200))
        assert "has the lowest validation loss" in caplog.text
        caplog.clear()
        small(max_epochs=2, training=Training(pretrain=("load",))).fit(
            make_samples(n=40)
        )
        assert "Training heads only" in caplog.text


def test_transfer_carries_the_backbone_and_its_scales_over_and_starts_new_heads(
    tmp_path: Path,
) -> None:
    source = small(max_epochs=3, lr=0.01).fit(make_samples())
    states = States()
    X, y = make_arrays(seed=5)
    new = Samples.from_arrays(X * 3, y[["load"]].rename(columns={"load": "other"}))
    folder = source.save(tmp_path / "source")
    estimator = small(training=Training(freeze="backbone"), max_epochs=2).fit(
        new, start=folder, callbacks=[states]
    )
    given = source.model_.network_list[0].state_dict()
    carried = {name for name in given if name.startswith(("sharing.", "inputs."))}
    assert carried
    assert all(torch.equal(states.begin[0][name], given[name]) for name in carried)
    assert not states.begin[0]["heads.0.0.weight"].any()
    in_config = small(
        training=Training(freeze="backbone", start=str(folder)), max_epochs=2
    ).fit(new)
    assert (in_config.predict(new) == estimator.predict(new)).all(axis=None)
    assert (
        small(training=Training(freeze="backbone"), max_epochs=2)
        .fit(new, start=source)
        .predict(new)
        == estimator.predict(new)
    ).all(axis=None)


def test_other_channels_and_other_classes_are_handled_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = small(max_epochs=1).fit(make_samples())
    X, _ = make_arrays(n=60, n_channels=5, seed=3)
    kinds = np.array(["a", "b", "c", "d"])[np.arange(60) % 4]
    new = Samples.from_arrays(X, make_arrays(n=60, seed=3)[1].assign(state=kinds))
    states = States()
    with caplog.at_level(logging.INFO, logger="multitide"):
        estimator = small(training=Training(freeze="backbone")).fit(
            new, start=source, callbacks=[states]
        )
    assert "differ in shape or data set and start new" in caplog.text
    assert "the channels differ" in caplog.text
    assert estimator.classes_["state"] == ["a", "b", "c", "d"]
    names = moved(states)
    assert any(
        "conv1.convolution.weight" in name for name in names
    )  # new, and so left to learn
    assert not any("conv2" in name or "conv3" in name for name in names)


def test_refit_after_pre_training() -> None:
    training = Training(pretrain=("load",), freeze=1, refit=True)
    estimator = small(training=training, max_epochs=3).fit(make_samples())
    assert np.isfinite(estimator.history_["loss"]).all()
    assert estimator.history_["side"].nunique() == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"training": Training(pretrain=("laod",))}, "Did you mean 'load'"),
        (
            {"training": Training(pretrain=("load",)), "sharing": "none"},
            "which shares nothing",
        ),
        ({"training": Training(freeze=4)}, "must be less than the backbone's 4 blocks"),
        ({"training": Training(freeze="head")}, "`training.freeze"),  # type: ignore[arg-type]
    ],
)
def test_wrong_wishes_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        small(**params).fit(make_samples())


def test_a_model_of_another_kind_is_refused() -> None:
    source = small(backbone="gru", max_epochs=1).fit(make_samples())
    with pytest.raises(DataError, match="must be a model with the same backbone"):
        small().fit(make_samples(), start=source)
