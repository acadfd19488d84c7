"""Stacked tasks equal single ones: outputs, losses, gradients, absent tasks, stored models."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
import torch

from makers import make_arrays, small
from multitide import Callback, MultiTaskEstimator
from multitide.data._samples import Samples
from multitide.network._stacking import STACK_FROM, Losses
from multitide.tasks import Classification, Forecast, MultiLabel, Regression, Task
from multitide.training._trainer import Trainer

N_TASKS = 3 * STACK_FROM + 2  # of each kind more than are computed one by one
LOSSES = get_args(get_type_hints(Regression)["loss"])


def many_labels(n: int = 64, missing: float = 0.4) -> pd.DataFrame:
    """Numbers, two classes and three classes by turns, and a lonely task of four classes."""
    rng = np.random.default_rng(0)
    y: dict[str, Any] = {}
    for i in range(N_TASKS):
        kind = i % 3
        labels = (
            rng.normal(i, 1 + i, n)
            if kind == 0
            else rng.integers(0, 1 + kind, n).astype(float)
        )
        y[f"t{i}"] = np.where(rng.random(n) < missing, np.nan, labels)
    y["lonely"] = rng.choice(list("abcd"), n)
    return pd.DataFrame(y)


def many_tasks(y: pd.DataFrame, **regression: Any) -> list[Task]:
    return [
        Regression(name, **regression)
        if name != "lonely" and int(name[1:]) % 3 == 0
        else Classification(name)
        for name in y
    ]


def many_samples() -> Samples:
    return Samples.from_arrays(make_arrays(n=64)[0], many_labels())


@pytest.mark.parametrize(
    "regression",
    [{"loss": loss} for loss in LOSSES] + [{"loss": "huber", "delta": 0.3}],
)
def test_losses_and_gradients_are_those_of_the_tasks_one_by_one(
    regression: dict[str, Any],
) -> None:
    y = many_labels()
    targets = [task.fit_target(y[[task.name]]) for task in many_tasks(y, **regression)]
    torch.manual_seed(0)
    outputs = [
        torch.randn(len(y), target.n_outputs, requires_grad=True) for target in targets
    ]
    codes = [
        torch.from_numpy(target.encode(y[[target.task.name]])) for target in targets
    ]
    for code in codes[:3]:
        code[:] = (
            -1 if code.dtype == torch.int64 else torch.nan
        )  # three tasks without a label
    counts = [
        int(target.measured(code).sum())
        for target, code in zip(targets, codes, strict=True)
    ]
    losses = Losses(targets)
    assert sum(len(stack.members) for stack in losses._stacks) >= STACK_FROM
    means = losses.means(outputs, codes, counts)
    assert list(means) == list(range(3, len(targets)))
    torch.stack(list(means.values())).sum().backward()
    for i, (target, output, code) in enumerate(
        zip(targets, outputs, codes, strict=True)
    ):
        twin = output.detach().clone().requires_grad_()
        alone = target.mean_loss(twin, code)
        if i in means:
            torch.testing.assert_close(means[i], alone)
            alone.backward()  # type: ignore[no-untyped-call]
            torch.testing.assert_close(output.grad, twin.grad)
        else:
            assert output.grad is None or not output.grad.any()
    expected = [
        t.row_loss(o, c).double().sum()
        for t, o, c in zip(targets, outputs, codes, strict=True)
    ]
    torch.testing.assert_close(losses.sums(outputs, codes), torch.stack(expected))


@pytest.mark.parametrize("task", [Regression("t0"), Classification("t2")])
def test_a_batch_without_missing_labels_has_the_same_loss_unmasked(task: Task) -> None:
    y = many_labels(missing=0.0)[[task.name]]
    target = task.fit_target(y)
    codes = torch.from_numpy(target.encode(y))
    output = torch.randn(len(y), target.n_outputs, requires_grad=True)
    complete = Losses([target]).means([output], [codes], [len(y)])[0]
    masked = target.row_loss(output, codes).sum() / len(y)
    assert torch.equal(complete, masked)
    (gradient,) = torch.autograd.grad(complete, output)
    assert torch.equal(gradient, torch.autograd.grad(masked, output)[0])


def test_tasks_with_other_settings_are_not_taken_for_alike() -> None:
    y = many_labels()[["t0", "t1", "t3"]]
    keys: list[Any] = [
        Regression("t0", loss="mae").fit_target(y[["t0"]]).loss_key,
        Regression("t0", loss="huber").fit_target(y[["t0"]]).loss_key,
        Regression("t0", loss="huber", delta=2.0).fit_target(y[["t0"]]).loss_key,
        Classification("t1").fit_target(y[["t1"]]).loss_key,
    ]
    other = [
        {"loss": "focal"},
        {"loss": "focal", "gamma": 1.0},
        {"label_smoothing": 0.1},
    ]
    keys += [
        Classification("t1", **settings).fit_target(y[["t1"]]).loss_key
        for settings in other
    ]
    levels = [(0.1, 0.5, 0.9), (0.2, 0.5, 0.8), (0.1, 0.3, 0.5, 0.9)]
    keys += [
        Regression("t0", loss="quantile", quantiles=q).fit_target(y[["t0"]]).loss_key
        for q in levels
    ]
    assert len(set(keys)) == 10
    assert (
        Regression("t3", loss="mae", lead=2).fit_target(y[["t3"]]).loss_key == keys[0]
    )
    assert (
        Classification("t1", class_weight="balanced").fit_target(y[["t1"]]).loss_key
        is None
    )
    place = {field.name for field in fields(Task)}
    assert len(Regression("t0").settings_key) == 1 + len(
        [f for f in fields(Regression) if f.name not in place]
    )


@pytest.mark.parametrize("settings", [{"loss": "focal"}, {"label_smoothing": 0.2}])
def test_losses_of_classes_are_those_of_the_tasks_one_by_one(
    settings: dict[str, Any],
) -> None:
    y = many_labels()
    names = [name for name in y if name != "lonely" and int(name[1:]) % 3 == 2]
    check_alike([Classification(name, **settings) for name in names], y)


def check_alike(tasks: list[Task], y: pd.DataFrame) -> None:
    """Check that these tasks are computed together, to the losses that each has by itself."""
    targets = [task.fit_target(y[task.columns]) for task in tasks]
    torch.manual_seed(0)
    outputs = [torch.randn(len(y), target.n_outputs) for target in targets]
    codes = [
        torch.from_numpy(target.encode(y[target.task.columns])) for target in targets
    ]
    losses = Losses(targets)
    assert [len(stack.members) for stack in losses._stacks] == [len(tasks)]
    means = losses.means(
        outputs,
        codes,
        [int(t.measured(c).sum()) for t, c in zip(targets, codes, strict=True)],
    )
    for i, (target, output, code) in enumerate(
        zip(targets, outputs, codes, strict=True)
    ):
        torch.testing.assert_close(means[i], target.mean_loss(output, code))


def test_tasks_of_several_columns_are_computed_one_by_one() -> None:
    y = many_labels()
    numbers = pd.DataFrame(
        {f"f{i}[+{h}]": y["t0"] + i * h for i in range(STACK_FROM) for h in (1, 2)}
    )
    y = pd.concat([y, numbers], axis=1)
    tasks: list[Task] = [Forecast(f"f{i}", horizon=2) for i in range(STACK_FROM)]
    tasks += [
        MultiLabel(f"m{i}", columns=[f"t{3 * i + 1}", f"t{3 * i + 4}"])
        for i in range(STACK_FROM)
    ]
    targets = [task.fit_target(y[task.columns]) for task in tasks]
    outputs = [torch.randn(len(y), target.n_outputs) for target in targets]
    codes = [
        torch.from_numpy(target.encode(y[target.task.columns])) for target in targets
    ]
    losses = Losses(targets)
    assert not losses._stacks
    expected = [
        t.row_loss(o, c).double().sum()
        for t, o, c in zip(targets, outputs, codes, strict=True)
    ]
    torch.testing.assert_close(losses.sums(outputs, codes), torch.stack(expected))
    assert torch.stack(expected).isfinite().all()


class Heads(Callback):
    """Each head's weights after every step, and how many labels each task had in it."""

    def __init__(self) -> None:
        self.weights: list[list[torch.Tensor]] = []
        self.counts: list[np.ndarray] = []

    def on_step_begin(
        self, trainer: Trainer, rows: torch.Tensor, n_labelled: np.ndarray
    ) -> None:
        self.counts.append(n_labelled)

    def on_step_end(self, trainer: Trainer) -> None:
        heads = trainer.network.heads
        self.weights.append(
            [
                torch.cat([p.detach().flatten() for p in head.parameters()])
                for head in heads
            ]
        )


def test_training_is_that_of_the_heads_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples, settings = (
        many_samples(),
        {"max_epochs": 2, "batch_size": 8, "lr": 0.01, "sharing": "hard"},
    )
    together = small(**settings).fit(samples)
    monkeypatch.setattr("multitide.network._network.STACK_FROM", 1000)
    monkeypatch.setattr("multitide.network._stacking.STACK_FROM", 1000)
    apart = small(**settings).fit(samples)
    np.testing.assert_allclose(
        together.history_["loss"], apart.history_["loss"], rtol=1e-3
    )
    numbers = [
        name for name in samples.y if name != "lonely" and int(name[1:]) % 3 == 0
    ]
    a, b = together.predict(samples)[numbers], apart.predict(samples)[numbers]
    assert (a - b).abs().max().max() < 1e-2
    assert together.model_.state_dict().keys() == apart.model_.state_dict().keys()


def test_the_head_of_a_task_without_labels_in_a_batch_does_not_move() -> None:
    heads = Heads()
    small(max_epochs=2, batch_size=4, lr=0.05).fit(many_samples(), callbacks=[heads])
    absent = 0
    for (before, after), counts in zip(
        pairwise(heads.weights), heads.counts[1:], strict=True
    ):
        for i, n in enumerate(counts):
            assert torch.equal(before[i], after[i]) == (n == 0)
            absent += not n
    assert absent > 5


def test_stored_models_hold_each_head_by_itself(tmp_path: Any) -> None:
    samples = many_samples()
    estimator = small(max_epochs=1).fit(samples)
    estimator.save(tmp_path / "model")
    assert (
        MultiTaskEstimator.load(tmp_path / "model").predict(samples)
        == estimator.predict(samples)
    ).all(axis=None)
    assert any(
        name.endswith("heads.12.0.weight") for name in estimator.model_.state_dict()
    )


def test_clipped_sums_of_stacked_tasks_are_those_of_each() -> None:
    """With outputs that are sure, missing labels and a class that training has not seen."""
    rng = np.random.default_rng(0)
    targets, outputs, codes = [], [], []
    for number in range(9):
        task = Classification(f"state{number}")
        labels = pd.DataFrame({task.name: rng.choice(["a", "b", "c"], 60)})
        targets.append(task.fit_target(labels))
        outputs.append(torch.randn(40, 3) * 30)
        codes.append(torch.from_numpy(rng.integers(-2, 3, 40)))
    expected = []
    for target, output, code in zip(targets, outputs, codes, strict=True):
        losses = target.clipped_loss(output, code) / target.trivial_loss
        expected.append(losses[target.labelled(code)].double().sum())
    sums = Losses(targets).sums(outputs, codes, clipped=True)
    torch.testing.assert_close(sums, torch.stack(expected))
    assert not torch.allclose(sums, Losses(targets).sums(outputs, codes))
