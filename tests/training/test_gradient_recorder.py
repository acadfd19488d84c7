"""The recorder of gradients: its values, its steps, and no effect on training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from makers import a_third_now, make_samples, small
from multitide import GradientRecorder
from multitide.errors import ParameterError
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer
from refusals import refused


class ByHand(Callback):
    """Each task's gradient at the shared parameters, from its own backward pass, in float64."""

    def __init__(self) -> None:
        self.rows: list[dict[str, np.ndarray]] = []

    def on_losses(self, trainer: Trainer, losses: dict[str, torch.Tensor]) -> None:  # type: ignore[override]
        shared = trainer.network.sharing.shared_parameters()
        self.rows.append({})
        for task, loss in losses.items():
            found = torch.autograd.grad(
                loss, shared, retain_graph=True, materialize_grads=True
            )
            self.rows[-1][task] = (
                torch.cat([g.flatten() for g in found]).double().numpy()
            )


@pytest.mark.parametrize("sharing", ["hard", "soft+hard", "cross_stitch"])
def test_norms_and_cosines_are_those_of_the_steps_gradients(sharing: str) -> None:
    recorder, by_hand = GradientRecorder(every=3), ByHand()
    small(sharing=sharing, max_epochs=2, lr=0.01).fit(
        make_samples(), callbacks=[recorder, by_hand]
    )
    norms, cosines = recorder.norms, recorder.cosines
    assert sorted(set(norms["step"])) == list(range(1, len(by_hand.rows) + 1, 3))
    for _, task, step, norm in norms[["run", "task", "step", "norm"]].itertuples(
        index=False
    ):
        assert norm == pytest.approx(
            np.linalg.norm(by_hand.rows[step - 1][task]), rel=1e-4, abs=1e-9
        )
    assert (cosines[["task", "other"]] == ["state", "load"]).all(axis=None)
    for step, cosine in cosines[["step", "cosine"]].itertuples(index=False):
        a, b = by_hand.rows[step - 1].values()
        size = np.linalg.norm(a) * np.linalg.norm(b)
        assert (
            np.isnan(cosine)
            if not size
            else cosine == pytest.approx(a @ b / size, abs=1e-4)
        )
    assert cosines["cosine"].notna().any()


@pytest.mark.parametrize(
    "params",
    a_third_now(
        [
            {},
            {"weighting": "uncertainty"},
            {"aggregator": "pcgrad"},
            {"sharing": "soft"},
        ]
    ),
)
def test_recording_does_not_change_training(params: dict[str, str]) -> None:
    samples = make_samples()
    plain = small(max_epochs=2, lr=0.01, **params).fit(samples)
    watched = small(max_epochs=2, lr=0.01, **params).fit(
        samples, callbacks=[GradientRecorder(every=1)]
    )
    assert (plain.predict(samples) == watched.predict(samples)).all(axis=None)
    assert plain.history_["loss"].to_list() == watched.history_["loss"].to_list()


def test_the_history_holds_each_epochs_means() -> None:
    recorder = GradientRecorder(every=1)
    history = (
        small(max_epochs=2, lr=0.01).fit(make_samples(), callbacks=[recorder]).history_
    )
    train = history[history["side"] == "train"].set_index(["epoch", "task"])
    means = recorder.norms.groupby(["epoch", "task"])["norm"].mean()
    for key, mean in means.items():
        assert train.loc[key, "gradient_norm"] == pytest.approx(mean)
    cosines = recorder.cosines.groupby("epoch")["cosine"].mean()
    for epoch in (1, 2):
        assert train.loc[(epoch, "load"), "cosine(state)"] == pytest.approx(
            cosines[epoch]
        )
        assert train.loc[(epoch, "state"), "cosine(load)"] == pytest.approx(
            cosines[epoch]
        )
    assert history.loc[history["side"] == "validation", "gradient_norm"].isna().all()


def test_runs_are_counted_and_without_shared_parameters_nothing_is_recorded() -> None:
    recorder = GradientRecorder(every=1000)
    for sharing in ("hard", "soft"):
        small(sharing=sharing, max_epochs=1).fit(make_samples(), callbacks=[recorder])
    assert recorder.norms["run"].unique().tolist() == [1]
    assert len(recorder.norms) == 2


def test_every_is_a_positive_int() -> None:
    with refused("`every`", 0, "positive int", error=ParameterError):
        GradientRecorder(every=0)


def test_the_setting_records_the_same_without_an_effect_on_training() -> None:
    samples, recorder = make_samples(), GradientRecorder(every=2)
    plain = small(max_epochs=2, lr=0.01).fit(samples, callbacks=[recorder])
    asked = small(max_epochs=2, lr=0.01, training={"record_gradients": 2}).fit(samples)
    columns = [
        "epoch",
        "task",
        "side",
        "loss",
        "gradient_norm",
        "cosine(state)",
        "cosine(load)",
    ]
    pd.testing.assert_frame_equal(asked.history_[columns], plain.history_[columns])
    with refused("`training.record_gradients`", 0, "greater than or equal to 1"):
        small(training={"record_gradients": 0}).fit(samples)
