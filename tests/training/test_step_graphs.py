"""Recorded steps on the CPU: a recorder that repeats the work on the memory of the recording.

As in a CUDA graph, what the host gave to the recorded step stays as it was: the numbers of labels
and which tasks have any. What a graph does on a GPU is checked by benchmarks/gpu.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

import makers
from makers import make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import FC, FCN
from multitide.fitting import _phases as phases
from multitide.fitting import _use_graph
from multitide.fitting._recipe import make_recipe
from multitide.training import _precision
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from multitide.training._step_graphs import MOST_GRAPHS, WARM_UP, NotRecordable
from multitide.training._trainer import Trainer
from refusals import refused

T = TypeVar("T")


class Repeats:
    """A recorder that needs no GPU."""

    def __init__(self, waits: str = "", fails: str = "") -> None:
        self.waits = waits
        self.fails = fails
        self.n_recorded = 0
        self.n_replayed = 0

    def stream(self) -> AbstractContextManager[object]:
        return nullcontext()

    def watched(self, work: Callable[[], T]) -> tuple[T, str]:
        return work(), self.waits

    def record(self, work: Callable[[], T]) -> Callable[[], T]:
        if self.fails:
            raise NotRecordable(self.fails)
        self.n_recorded += 1

        def replay() -> T:
            self.n_replayed += 1
            return work()

        return replay


class Wrong(Repeats):
    """Replays more than it has recorded."""

    def record(self, work: Callable[[], T]) -> Callable[[], T]:
        def replay() -> T:
            for _ in range(3):
                work()
            return work()

        return replay


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    """Return a maker of trainers that use a recorder."""

    def make(recorder: Repeats, *args: Any, **params: Any) -> Trainer:
        monkeypatch.setattr(phases, "uses_graph", lambda *_: True)
        monkeypatch.setattr(phases, "CudaRecorder", lambda _: recorder)
        trainer = makers.make_trainer(*args, **params)
        monkeypatch.undo()
        return trainer

    return make


Maker = Callable[..., Trainer]


@pytest.mark.parametrize("weighting", ["uniform", "uncertainty", "dwa", "stch"])
@pytest.mark.parametrize("averaging", [None, 0.9])
def test_replayed_steps_give_the_same_training(
    recorded: Maker, weighting: str, averaging: float | None
) -> None:
    samples = {"": make_samples(missing=0.4)}
    training = Training(averaging=averaging)
    plain = makers.make_trainer(samples, training, weighting=weighting).run()
    recorder = Repeats()
    replayed = recorded(recorder, samples, training, weighting=weighting).run()
    assert replayed._graphs is not None
    assert 0 < replayed._graphs.n_graphs == recorder.n_recorded < recorder.n_replayed
    for before, after in zip(plain.history, replayed.history, strict=True):
        assert after["loss"] == pytest.approx(before["loss"], rel=1e-4)
        assert after["lr"] == before["lr"]
    state = replayed.evaluated.state_dict()
    for name, value in plain.evaluated.state_dict().items():
        # Batch norm cancels the bias before it: its gradient is rounding, which Adam enlarges.
        if "convolution.bias" not in name and "running_mean" not in name:
            torch.testing.assert_close(state[name], value, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_steps_in_bfloat16_are_recorded_once_the_precision_is_known(
    recorded: Maker, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_precision, "has_bf16", lambda _: True)
    samples, training = {"": make_samples(missing=0)}, Training(precision=precision)
    params: dict[str, Any] = {"batch_size": 8, "backbone": FC(hidden_size=8)}
    plain = makers.make_trainer(samples, training, **params).run()
    recorder = Repeats()
    replayed = recorded(recorder, samples, training, **params)
    monkeypatch.setattr(_precision, "has_bf16", lambda _: True)
    replayed.run()
    assert replayed.precision.in_bf16
    assert recorder.n_replayed > recorder.n_recorded > 0
    for before, after in zip(plain.history, replayed.history, strict=True):
        assert after["loss"] == pytest.approx(before["loss"], rel=1e-3)


def test_several_data_sets_and_thawing_layers_have_graphs_of_their_own(
    recorded: Maker,
) -> None:
    sets = {"a": make_samples(n=40, missing=0), "b": make_samples(n=24, missing=0)}
    recorder = Repeats()
    trainer = recorded(recorder, sets, batch_size=16)
    trainer.run()
    first = recorder.n_recorded
    assert first
    for parameter in trainer.network.sharing.parameters():
        parameter.requires_grad_(False)
    for _ in range(WARM_UP + 1):
        trainer.run_epoch()
    assert recorder.n_recorded > first


def test_a_step_of_a_new_kind_is_taken_in_the_ordinary_way_first(
    recorded: Maker,
) -> None:
    recorder = Repeats()
    trainer = recorded(recorder, {"": make_samples(n=32, missing=0)}, batch_size=16)
    rows, counts = [torch.arange(16)], np.array([16, 16])
    trainer.schedule.factor(0)
    trainer.set_learning_rate(0)
    for _ in range(WARM_UP):
        trainer.step(rows, counts)
    assert not recorder.n_recorded
    trainer.step(rows, counts)  # also in the ordinary way, to compare
    assert (recorder.n_recorded, recorder.n_replayed) == (1, 1)
    first = trainer.step(rows, counts)
    second = trainer.step(rows, counts)
    assert (recorder.n_recorded, recorder.n_replayed) == (1, 3)
    assert first is not second
    assert trainer.gradient_norm is not None


def test_the_number_of_graphs_is_limited(recorded: Maker) -> None:
    recorder = Repeats()
    trainer = recorded(recorder, {"": make_samples(n=96, missing=0)}, batch_size=16)
    trainer.set_learning_rate(0)
    for _ in range(WARM_UP + 1):
        for n in range(2, MOST_GRAPHS + 5):
            trainer.step([torch.arange(n)], np.array([n, n]))
    assert recorder.n_recorded == MOST_GRAPHS


@pytest.mark.parametrize(
    ("recorder", "reason"),
    [
        (Repeats(waits="Here."), "Here."),
        (Repeats(fails="Here."), "Here."),
        (Wrong(), "another result"),
    ],
)
def test_a_step_that_cannot_be_recorded_is_taken_in_the_ordinary_way(
    recorded: Maker, recorder: Repeats, reason: str
) -> None:
    samples = {"": make_samples(missing=0)}
    plain = makers.make_trainer(samples).run()
    trainer = recorded(recorder, samples).run()
    assert trainer._graphs is not None
    assert not trainer._graphs.n_graphs
    losses = [row["loss"] for row in plain.history]
    assert [row["loss"] for row in trainer.history] == pytest.approx(losses, rel=1e-4)
    asked = recorded(recorder, samples, Training(graph=True))
    with refused("`training.graph`", "True", "'auto'", reason):
        asked.run()


class ReadsLosses(Callback):
    def on_losses(self, trainer: Trainer, losses: object) -> None:
        pass


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({}, "on the CPU"),
        ({"backbone": "trees"}, "takes no steps"),
        ({"backbone": "linear"}, "takes no steps"),
    ],
)
def test_graph_true_is_refused_before_training(
    params: dict[str, Any], where: str
) -> None:
    estimator = small(training={"graph": True}, **params)
    with refused("`training.graph`", "True", where, "'auto'"):
        estimator.fit(make_samples())


@pytest.mark.parametrize(
    ("params", "callbacks", "where"),
    [
        ({"aggregator": "pcgrad"}, [], "PCGrad"),
        ({"weighting": "random"}, [], "Random"),
        ({"weighting": "famo"}, [], "FAMO"),
        ({"training": {"record_gradients": 5}}, [], "record_gradients"),
        ({}, [ReadsLosses()], "ReadsLosses"),
    ],
)
def test_auto_says_why_steps_are_not_recorded_on_a_gpu(
    params: dict[str, Any],
    callbacks: list[Callback],
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = make_recipe(small(**params).get_params(deep=False))
    monkeypatch.setattr(_use_graph, "resolve_device", lambda _: torch.device("cuda"))
    recipe.training.graph = "auto"
    assert not _use_graph.uses_graph(recipe, callbacks=callbacks)
    recipe.training.graph = True
    with refused("`training.graph`", "True", where):
        _use_graph.uses_graph(recipe, callbacks=callbacks)


def test_a_part_of_ones_own_is_recorded_on_request_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Mine(FCN):
        pass

    monkeypatch.setattr(_use_graph, "resolve_device", lambda _: torch.device("cuda"))
    for backbone, auto in ((FCN(), True), (Mine(), False)):
        for graph, expected in (("auto", auto), (True, True), (False, False)):
            recipe = make_recipe(
                small(backbone=backbone, training={"graph": graph}).get_params(False)
            )
            assert _use_graph.uses_graph(recipe) is expected


@pytest.mark.parametrize("value", ["yes", 1, None, "true"])
def test_other_values_are_refused(value: object) -> None:
    with refused("`training.graph`", repr(value), "auto"):
        MultiTaskEstimator(training={"graph": value}).fit(make_samples())
