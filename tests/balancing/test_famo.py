"""FAMO against its formulas in float64, against torch's Adam, and in the trainer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from makers import make_arrays, make_samples, small
from multitide.backbones import LSTMFCN
from multitide.balancing import FAMO, WEIGHTINGS
from multitide.balancing._famo import FAMOModule
from multitide.data._samples import Samples
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

NAMES = ["wear", "load", "fault"]
SETS = [[0, 1, 2], [0, 1, 2], [0, 2], [1, 2], [2], [0, 1, 2], [0, 1], [0, 1, 2], [1, 2]]


def make(**params: float) -> FAMOModule:
    module = FAMO(**params).build(NAMES).double()
    assert isinstance(module, FAMOModule)
    return module


def as_dict(values: np.ndarray, present: list[int]) -> dict[str, Tensor]:
    return {NAMES[i]: torch.tensor(values[i]) for i in present}


def weights_of(module: FAMOModule, losses: Mapping[str, Tensor]) -> np.ndarray:
    leaves = {name: loss.clone().requires_grad_() for name, loss in losses.items()}
    module(leaves).backward()
    return np.array(
        [float(leaf.grad) for leaf in leaves.values() if leaf.grad is not None]
    )


def draws(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        (before := rng.uniform(0.1, 2, 3), before * rng.uniform(0.7, 1.1, 3))
        for _ in range(n)
    ]


def test_weights_and_logits_follow_the_paper_with_missing_tasks() -> None:
    module = make(step_size=0.1, decay=0.02)
    w, m, v, t = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    for present, (before, after) in zip(SETS * 5, draws(45), strict=True):
        z = np.exp(w[present]) / np.exp(w[present]).sum()
        c = 1 / (z / before[present]).sum()
        np.testing.assert_allclose(
            weights_of(module, as_dict(before, present)),
            c * z / before[present],
            rtol=1e-10,
        )
        if len(present) > 1:
            jacobian = np.diag(z) - np.outer(z, z)
            g = (
                jacobian @ (np.log(before[present]) - np.log(after[present]))
                + 0.02 * w[present]
            )
            t[present] += 1
            m[present] = 0.9 * m[present] + 0.1 * g
            v[present] = 0.999 * v[present] + 0.001 * g**2
            m_hat, v_hat = (
                m[present] / (1 - 0.9 ** t[present]),
                v[present] / (1 - 0.999 ** t[present]),
            )
            w[present] -= 0.1 * m_hat / (np.sqrt(v_hat) + 1e-8)
        module.after_update(as_dict(before, present), as_dict(after, present))
        np.testing.assert_allclose(module.logits, w, rtol=1e-9, atol=1e-12)
    assert np.ptp(w) > 0.1


def test_on_complete_batches_it_is_torchs_adam_on_the_softmaxs_jacobian() -> None:
    module, logits = make(), torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.025, weight_decay=0.001)
    for before, after in draws(60):
        fall = torch.tensor(np.log(before) - np.log(after))
        (logits.grad,) = torch.autograd.grad(
            logits.softmax(0), logits, grad_outputs=fall
        )
        adam.step()
        module.after_update(as_dict(before, [0, 1, 2]), as_dict(after, [0, 1, 2]))
    torch.testing.assert_close(module.logits, logits.detach(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("present", [[0], [1], [0, 1], [1, 2]])
def test_the_state_of_a_missing_task_does_not_change(present: list[int]) -> None:
    module = make()
    for before, after in draws(5):
        module.after_update(as_dict(before, [0, 1, 2]), as_dict(after, [0, 1, 2]))
    was = {name: buffer.clone() for name, buffer in module.state_dict().items()}
    before, after = draws(1)[0]
    module.after_update(as_dict(before, present), as_dict(after, present))
    for name, buffer in module.state_dict().items():
        moved = (buffer != was[name]).tolist()
        assert moved == [i in present and len(present) > 1 for i in range(3)], name


def test_present_tasks_keep_their_weights_in_proportion() -> None:
    module = make()
    module.logits.copy_(torch.tensor([0.3, -0.2, 0.5]))
    before, _ = draws(1)[0]
    whole, some = (
        weights_of(module, as_dict(before, present)) for present in ([0, 1, 2], [0, 2])
    )
    assert whole.sum() == pytest.approx(1)
    np.testing.assert_allclose(some, whole[[0, 2]] / whole[[0, 2]].sum())


class Still(Callback):
    """Records the losses that the weighting receives, and the state after each step.

    If `still`, all steps have length zero.
    """

    def __init__(self, still: bool = True) -> None:
        self.still = still
        self.received, self.left = [], []

    def on_train_begin(self, trainer: Trainer) -> None:
        after_update = trainer.weighting.after_update
        if self.still:
            for group in trainer.optimizer.param_groups:
                group["base_lr"] = 0.0

        def record(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
            self.received.append((dict(before), dict(after)))
            after_update(before, after)

        trainer.weighting.after_update = record  # type: ignore[method-assign]

    def on_step_end(self, trainer: Trainer) -> None:
        norms = {
            name: b.clone()
            for name, b in trainer.network.named_buffers()
            if "running" in name
        }
        self.left.append((norms, torch.get_rng_state()))


def fit(weighting: str, callback: Still, several: bool = False) -> Still:
    torch.manual_seed(0)
    backbone = LSTMFCN(hidden_size=8, filters=(8, 8, 4), kernel_sizes=(5, 3, 3))
    samples = make_samples()
    given = {
        "one": samples,
        "other": Samples.from_arrays(
            *make_arrays(n_channels=5, n_timepoints=30, seed=1)
        ),
    }
    estimator = small(
        weighting=weighting, backbone=backbone, batch_size=8, max_epochs=1, lr=0.05
    )
    estimator.fit(given if several else samples, callbacks=[callback])
    return callback


@pytest.mark.parametrize("several", [False, True])
def test_the_second_pass_repeats_the_first_if_the_step_has_length_zero(
    several: bool,
) -> None:
    still = fit("famo", Still(), several)
    assert len(still.received) == len(still.left) > 5
    for before, after in still.received:
        assert list(before) == list(after)
        for name, loss in before.items():
            torch.testing.assert_close(after[name], loss, rtol=1e-6, atol=1e-7)
    moved = fit("famo", Still(still=False), several)
    assert any(
        after["load"] != before["load"]
        for before, after in moved.received
        if "load" in before
    )


def test_the_second_pass_changes_neither_batch_norm_nor_generators() -> None:
    plain, famo = fit("uniform", Still()), fit("famo", Still())
    assert plain.received == []
    for (norms, state), (others, other_state) in zip(
        plain.left, famo.left, strict=True
    ):
        assert norms
        assert all(torch.equal(norms[name], others[name]) for name in norms)
        assert torch.equal(state, other_state)


def test_no_other_weighting_needs_a_second_pass() -> None:
    others = [
        spec
        for name, spec in WEIGHTINGS.items()
        if name not in ("famo", "fixed", "search")
    ]
    assert not any(_needs(spec().build(NAMES)) for spec in others)
    assert not _needs(FAMO().build(["alone"]))


def _needs(module: torch.nn.Module) -> bool:
    return bool(module.needs_second_forward)
