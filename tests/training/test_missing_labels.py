"""The contract on missing labels, for every sharing, weighting and aggregator."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from makers import a_third_now, make_samples, make_trainer
from multitide.balancing import AGGREGATORS, WEIGHTINGS, Fixed
from multitide.data._samples import Samples
from multitide.errors import MissingDependencyError
from multitide.sharing import SHARINGS, Hard
from multitide.training._callbacks import Callback
from multitide.training._settings import Training
from multitide.training._trainer import Trainer

ABSENT = "wear"  # of the second step
FULL, LACKING = torch.arange(0, 24), torch.arange(24, 48)
CASES: dict[str, dict[str, Any]] = {
    **{name: {"sharing": name} for name in SHARINGS if name != "none"},
    "hard with a branch": {"sharing": Hard(branch=1)},
    "hard with hidden units": {"sharing": Hard(head_units=5)},
    **{
        name: {"weighting": Fixed(weights={"load": 2.0}) if name == "fixed" else name}
        for name in WEIGHTINGS
    },
    **{
        f"{name} at {at}": {"aggregator": kind(at=at)}  # type: ignore[arg-type]
        for name, kind in AGGREGATORS.items()
        for at in ("parameters", "features")
    },
}
every_case = pytest.mark.parametrize("case", CASES)


def lacking() -> Samples:
    """Return samples with some missing labels, and with none of one task from row 24 on."""
    samples = make_samples(n=48)
    wear = np.where(np.arange(48) < 24, samples.y["load"].fillna(90) ** 2, np.nan)
    return samples.replace(y=samples.y.assign(wear=wear))


@dataclass
class Step:
    """The effect of a step without a task, after a step with it.

    Attributes
    ----------
    trainer : Trainer
        The trainer after the step.
    before : dict of str to Tensor
        The network's parameters before the step.
    memory : dict of str to dict
        The optimiser's state before the step.
    tie : dict of str to Tensor
        The gradient of the sharing's penalty, if there is one.
    combined : list of tuple
        What an aggregator received: the gradients and their tasks.
    """

    trainer: Trainer
    before: dict[str, Tensor]
    memory: dict[str, dict[str, Tensor]]
    tie: dict[str, Tensor]
    combined: list[tuple[Tensor, list[str]]] = field(default_factory=list)

    def gradients(self) -> dict[str, Tensor | None]:
        return {
            name: parameter.grad
            for name, parameter in self.trainer.network.named_parameters()
        }

    def own(self) -> dict[str, Tensor]:
        """Return the parameters of the absent task alone: in its head, and below it."""
        network = self.trainer.network
        at = network.names.index(ABSENT)
        mine = [*network.heads[at].parameters()]
        mine += (network.sharing.own_parameters() or [[]] * len(network.names))[at]
        ids = {id(parameter) for parameter in mine}
        return {name: p for name, p in network.named_parameters() if id(p) in ids}


def memory(trainer: Trainer) -> dict[str, dict[str, Tensor]]:
    state = trainer.optimizer.state
    found: dict[str, dict[str, Tensor]] = {}
    for name, parameter in trainer.network.named_parameters():
        if parameter in state:
            found[name] = {
                key: value.clone() for key, value in state[parameter].items()
            }
    return found


def ties(trainer: Trainer) -> dict[str, Tensor]:
    penalty = trainer.network.sharing.penalty()
    if penalty is None:
        return {}
    trainer.network.zero_grad()
    penalty.backward()  # type: ignore[no-untyped-call]
    return {
        n: p.grad.clone()
        for n, p in trainer.network.named_parameters()
        if p.grad is not None
    }


@cache
def stepped(case: str, head: float = 1.0) -> Step:
    """Take a step with all tasks, scale the head of `ABSENT` by `head`, and step without it."""
    samples = lacking()
    training = Training(clip_norm=None, weight_decay=0.1)
    try:
        trainer = make_trainer({"": samples}, training, **CASES[case])
    except MissingDependencyError as error:
        pytest.skip(str(error))
    network, measured = trainer.network, samples.y.notna().to_numpy()
    torch.manual_seed(1)
    network.train()
    trainer.step([FULL], measured[FULL].sum(axis=0))
    with torch.no_grad():
        for parameter in network.heads[network.names.index(ABSENT)].parameters():
            parameter.mul_(head)
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    step = Step(trainer, before, memory(trainer), ties(trainer))
    if trainer.aggregator is not None:
        combine = trainer.aggregator.combine

        def watched(jacobian: Tensor, present: list[str]) -> Tensor:
            step.combined.append((jacobian.detach().clone(), list(present)))
            return combine(jacobian, present)

        trainer.aggregator.combine = watched  # type: ignore[method-assign, assignment]
    trainer.step([LACKING], measured[LACKING].sum(axis=0))
    return step


@every_case
def test_a_missing_task_gives_exactly_no_gradient(case: str) -> None:
    step, other = (
        stepped(case),
        stepped(case, head=1e6),
    )  # the output of its head does not matter
    own = step.own()
    assert own
    for name, gradient in step.gradients().items():
        if (
            name in own
        ):  # except the gradient of the penalty, which does not depend on labels
            assert (
                gradient is None
                if name not in step.tie
                else torch.equal(gradient, step.tie[name])
            )
        else:
            same = other.gradients()[name]
            assert gradient is same is None or torch.equal(gradient, same)  # type: ignore[arg-type]
    others = [
        gradient
        for name, gradient in step.gradients().items()
        if name not in own and gradient is not None
    ]
    assert sum(bool(gradient.any()) for gradient in others) > len(others) / 2


@pytest.mark.parametrize(
    "case",
    [case for case, given in CASES.items() if "sharing" in given or case == "uniform"],
)
def test_the_plain_sum_is_over_the_labelled_rows_of_the_present_tasks(
    case: str,
) -> None:
    samples = lacking()
    trainer = make_trainer({"": samples}, **CASES[case])
    network = trainer.network.eval()  # no dropout: both ways are of the same function
    measured = samples.y.notna().to_numpy()
    losses, features = trainer.task_losses([LACKING], measured[LACKING].sum(axis=0))
    tie = ties(trainer)
    network.zero_grad()
    trainer.backward(losses, features)
    found = {
        n: p.grad - tie.get(n, 0)
        for n, p in network.named_parameters()
        if p.grad is not None
    }
    network.zero_grad()
    for i, target in enumerate(network.target_list[:2]):
        batch = trainer._streams[0].samples.gather(
            LACKING[torch.from_numpy(measured[LACKING, i])]
        )
        loss = (
            target.raw_loss(network(batch.x)[i], batch.codes[i]).mean()
            / target.trivial_loss
        )
        loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(
                found[name], parameter.grad, rtol=1e-4, atol=1e-5
            )
        else:  # nothing but the tie
            assert name not in found or found[name].abs().max() < 1e-6


@pytest.mark.parametrize(
    "case", [case for case, given in CASES.items() if "weighting" in given]
)
def test_a_weighting_receives_the_present_tasks_only(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer({"": lacking()}, **CASES[case])
    received: list[list[str]] = []
    combine = trainer.weighting.combine

    def watched(losses: Tensor, present: list[int]) -> Tensor:
        received.append([trainer.names[i] for i in present])
        return combine(losses, present)

    monkeypatch.setattr(trainer.weighting, "combine", watched)
    trainer.step([LACKING], lacking().y.notna().to_numpy()[LACKING].sum(axis=0))
    assert received == [["state", "load"]]


@pytest.mark.parametrize(
    "case", [case for case, given in CASES.items() if "aggregator" in given]
)
def test_an_aggregator_receives_the_gradients_of_the_present_tasks(case: str) -> None:
    ((jacobian, present),) = stepped(case).combined
    assert present == ["state", "load"]
    assert len(jacobian) == 2
    assert jacobian.any(dim=1).all()


@every_case
def test_the_head_of_a_missing_task_and_its_optimiser_state_do_not_change(
    case: str,
) -> None:
    step = stepped(case)
    after, now = memory(step.trainer), dict(step.trainer.network.named_parameters())
    for name in step.own():
        assert torch.equal(step.before[name], now[name]) == (
            name not in step.tie or not step.tie[name].any()
        )
        if name not in step.tie:
            assert step.memory[name]
            assert all(
                torch.equal(value, after[name][key])
                for key, value in step.memory[name].items()
            )
    assert not torch.equal(step.before["heads.0.0.weight"], now["heads.0.0.weight"])


@pytest.mark.parametrize("case", a_third_now(list(CASES)))
def test_gradients_are_finite_and_an_epoch_uses_each_row_once(case: str) -> None:
    class Watch(Callback):
        drawn: list[int] = []  # noqa: RUF012

        def on_step_begin(
            self, trainer: Trainer, rows: list[Tensor], n_labelled: np.ndarray
        ) -> None:
            self.drawn += rows[0].tolist()

        def on_step_end(self, trainer: Trainer) -> None:
            assert all(
                p.grad is None or p.grad.isfinite().all()
                for p in trainer.network.parameters()
            )

    stepped(case)  # skips what is not installed
    trainer = make_trainer({"": lacking()}, callbacks=[Watch()], **CASES[case])
    trainer.run_epoch()
    assert (
        sorted(Watch.drawn) == np.flatnonzero(lacking().y.notna().any(axis=1)).tolist()
    )
    assert all(np.isfinite(row["loss"]) for row in trainer.history)


@pytest.mark.parametrize("task", ["state", "load", ABSENT])
def test_without_sharing_a_network_never_sees_a_row_without_its_label(
    task: str,
) -> None:
    trainer = make_trainer({"": lacking()}, sharing="none", tasks=[task])
    labelled = np.flatnonzero(lacking().y[task].notna())
    assert trainer._streams[0].train.index.tolist() == labelled.tolist()
    drawn = trainer.mixer.draw()
    assert sorted(drawn.rows[0]) == labelled.tolist()
    assert drawn.n_labelled.min() > 0
