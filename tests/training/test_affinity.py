"""Look-ahead affinity: the formula of the paper, and no effect on training."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from makers import a_third_now, make_samples, small
from multitide import AffinityRecorder, Samples
from multitide.backbones import BACKBONES, FCN
from multitide.errors import ParameterError
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer
from refusals import refused

TINY = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))


class ByHand(Callback):
    """The formula on copies of the network, without a functional call."""

    def __init__(self) -> None:
        self.rows: list[dict[tuple[str, str], float]] = []

    def on_step_begin(
        self, trainer: Trainer, rows: Sequence[Tensor], n_labelled: np.ndarray
    ) -> None:
        self.again = (
            copy.deepcopy(trainer.network),
            torch.get_rng_state(),
            rows,
            n_labelled,
        )

    def on_losses(self, trainer: Trainer, losses: Mapping[str, Tensor]) -> None:
        before, state, rows, n_labelled = self.again
        kept, after = trainer.network, torch.get_rng_state()
        self.rows.append({})
        lr = trainer.optimizer.param_groups[0]["lr"]
        for task, loss in losses.items():
            shared = kept.sharing.shared_parameters()
            gradients = torch.autograd.grad(
                loss, shared, retain_graph=True, materialize_grads=True
            )
            trainer.network = copy.deepcopy(before)
            with torch.no_grad():
                for p, g in zip(
                    trainer.network.sharing.shared_parameters(), gradients, strict=True
                ):
                    p -= lr * g
                torch.set_rng_state(state)
                then, _ = trainer.task_losses(rows, n_labelled)
            for other in losses:
                self.rows[-1][task, other] = 1 - float(then[other]) / float(
                    losses[other].detach()
                )
        trainer.network = kept
        torch.set_rng_state(after)


@pytest.mark.parametrize(
    "params",
    a_third_now(
        [{}, {"sharing": "soft+hard"}, {"sharing": "cross_stitch"}, {"backbone": TINY}]
    ),
)
def test_affinity_follows_the_paper_with_the_batch_and_dropout_of_the_step(
    params: dict[str, object],
) -> None:
    recorder, by_hand = AffinityRecorder(every=3), ByHand()
    small(**({"max_epochs": 2, "lr": 0.05} | params)).fit(
        make_samples(40), callbacks=[recorder, by_hand]
    )
    found = recorder.affinities
    assert sorted(set(found["step"])) == list(range(1, len(by_hand.rows) + 1, 3))
    for row in found.to_dict("records"):
        expected = by_hand.rows[row["step"] - 1][row["task"], row["other"]]
        assert row["affinity"] == pytest.approx(expected, abs=2e-6)
    assert found["affinity"].abs().max() > 1e-4


@pytest.mark.parametrize("name", a_third_now(list(BACKBONES)))
def test_a_step_of_length_zero_changes_no_loss(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dropout masks are those of the step, in every backbone."""
    still = lambda trainer: dict.fromkeys(map(id, parameters(trainer)), 0.0)  # noqa: E731
    monkeypatch.setattr("multitide.training._affinity._learning_rates", still)
    recorder = AffinityRecorder(every=2)
    fitted = small(backbone=name, max_epochs=1, lr=0.01).fit(
        make_samples(32), callbacks=[recorder]
    )
    assert (recorder.affinities["affinity"] == 0).all()
    shares = any(
        network.sharing.shared_parameters() for network in fitted.model_.network_list
    )
    assert len(recorder.affinities) if shares else recorder.affinities.empty


def parameters(trainer: Trainer) -> list[torch.nn.Parameter]:
    return list(trainer.network.parameters())


@pytest.mark.parametrize(
    "params",
    a_third_now(
        [
            {},
            {"weighting": "uncertainty"},
            {"aggregator": "pcgrad"},
            {"training": {"averaging": 0.9}},
        ]
    ),
)
def test_recording_does_not_change_training(params: dict[str, object]) -> None:
    samples = make_samples(40)
    plain = small(max_epochs=2, lr=0.01, **params).fit(samples)
    watched = small(max_epochs=2, lr=0.01, **params).fit(
        samples, callbacks=[AffinityRecorder(every=1)]
    )
    assert plain.history_["loss"].to_list() == watched.history_["loss"].to_list()
    states = plain.model_.state_dict(), watched.model_.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_tasks_without_labels_in_a_batch_are_left_out() -> None:
    samples = make_samples(48, missing=0.0)
    y = samples.y.copy()
    y.loc[24:, "load"] = np.nan
    y.loc[:23, "state"] = None
    recorder = AffinityRecorder(every=1)
    small(max_epochs=1, batch_size=4, validation=None).fit(
        samples.replace(y=y), callbacks=[recorder]
    )
    per_step = recorder.affinities.groupby("step")
    for _, rows in per_step:
        tasks = set(rows["task"])
        assert set(rows["other"]) == tasks
        assert len(rows) == len(tasks) ** 2
    assert len(recorder.mean_affinities(["state", "load"])) == 2


def test_tables_are_means_over_samples() -> None:
    recorder = AffinityRecorder(every=1)
    small(max_epochs=2, lr=0.01).fit(make_samples(), callbacks=[recorder])
    names = ["load", "state"]
    affinity, cosines = recorder.mean_affinities(names), recorder.mean_cosines(names)
    norms = recorder.mean_norms(names)
    for task in names:
        for other in names:
            rows = recorder.affinities.query("task == @task and other == @other")
            assert affinity.loc[task, other] == pytest.approx(rows["affinity"].mean())
    mean = recorder.cosines["cosine"].mean()
    np.testing.assert_allclose(cosines, [[1, mean], [mean, 1]])
    assert norms["load"] == pytest.approx(
        recorder.norms.query("task == 'load'")["norm"].mean()
    )


def test_related_tasks_help_each_other_and_opposed_ones_do_not() -> None:
    """Two tasks with the same label up to scale, and one with random labels."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=(160, 2, 1))
    X = (level + 0.2 * rng.normal(size=(160, 2, 12))).astype(np.float32)
    y = pd.DataFrame(
        {
            "a": level[:, 0, 0],
            "twin": 5 + 3 * level[:, 0, 0],
            "noise": rng.normal(size=160),
        }
    )
    recorder = AffinityRecorder(every=2)
    samples = Samples.from_arrays(X, y)
    small(backbone=TINY, max_epochs=6, lr=0.01, validation=None).fit(
        samples, callbacks=[recorder]
    )
    found = recorder.mean_affinities(["a", "twin", "noise"])
    assert found.loc["a", "twin"] > 3 * abs(found.loc["noise", "twin"])
    assert found.loc["twin", "a"] > 3 * abs(found.loc["noise", "a"])


def test_without_shared_parameters_nothing_is_recorded() -> None:
    recorder = AffinityRecorder()
    small(sharing="soft", max_epochs=1).fit(make_samples(), callbacks=[recorder])
    assert recorder.affinities.empty
    assert recorder.mean_affinities(["state"]).isna().all(axis=None)


def test_every_is_a_positive_int() -> None:
    with refused("`every`", 0, "positive int", error=ParameterError):
        AffinityRecorder(every=0)
