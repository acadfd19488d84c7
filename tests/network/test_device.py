"""Computations of a step stay on the device; meta tensors stand for those of an accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from makers import a_third_now, make_samples, make_trainer
from multitide.backbones import BACKBONES
from multitide.balancing import WEIGHTINGS
from multitide.data._samples import Samples
from multitide.encodings._difference import Difference
from multitide.encodings._inputs import Inputs
from multitide.encodings._piecewise_linear import PiecewiseLinear
from multitide.network._network import Network
from multitide.network._stacking import Losses
from multitide.sharing import SHARINGS, Hard
from multitide.tasks import Classification, Forecast, MultiLabel, Regression, Task
from multitide.training._settings import Training
from multitide.training._trainer import Trainer

TASKS: list[Task] = [
    Classification("state", class_weight="balanced", label_smoothing=0.1),
    Classification("kind", loss="focal"),
    Regression("load", loss="quantile"),
    Regression("wear", loss="huber"),
    MultiLabel("answers", columns=["hot", "wet"]),
    Forecast("next", horizon=2),
]
EVERYTHING = Inputs(
    clip=0.01,
    observed=True,
    elapsed=True,
    encodings=(
        Difference(channels=("1",)),
        PiecewiseLinear(n_bins=3, channels=("0", "2"), replace=True),
    ),
)
CASES: dict[str, dict[str, Any]] = {
    **{name: {"sharing": name} for name in SHARINGS if name != "none"},
    **{name: {"backbone": name} for name in BACKBONES if BACKBONES[name].is_trained},
    "hard with a branch": {"sharing": Hard(branch=1)},
    "all inputs": {"inputs": EVERYTHING},
}


def labelled(unequal: bool) -> Samples:
    samples, rng = make_samples(n=40, unequal=unequal), np.random.default_rng(0)
    more = {
        "kind": list("abcde") * 8,
        "wear": rng.normal(size=40),
        "hot": [0, 1] * 20,
        "wet": [1, 1, 0, 0] * 10,
    }
    more |= {f"next[+{step}]": rng.normal(size=40) for step in (1, 2)}
    static = pd.DataFrame({"age": rng.normal(size=40), "site": ["x", "y"] * 20})
    return samples.replace(y=samples.y.assign(**more), static=static)


class Whole(nn.Module):
    """Compute the losses of all tasks and their headline metrics of a batch."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None,
        static: Tensor | None,
        codes: list[Tensor],
    ) -> list[Tensor]:
        targets = self.network.target_list
        outputs = self.network.outputs(self.network.features(x, lengths, static))
        losses = Losses(targets).means(outputs, codes, [1] * len(targets))
        counted = Losses(targets).means(
            outputs, codes, [1] * len(targets), on_device=True
        )
        penalty = self.network.sharing.penalty()
        figures = [
            t.headline_rows(o, c)
            for t, o, c in zip(targets, outputs, codes, strict=True)
        ]
        decoded = [
            target(output) for target, output in zip(targets, outputs, strict=True)
        ]
        return [
            *losses.values(),
            *counted.values(),
            *figures,
            *decoded,
            *([] if penalty is None else [penalty]),
        ]


class OnDevice(TorchDispatchMode):
    """Refuses operations on tensors of the host, which would be copied to the device every step."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        tensors = [
            each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)
        ]
        assert all(each.device.type == "meta" for each in tensors), (
            f"{func} reads a tensor of the host"
        )
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("case", "unequal"), a_third_now(list(product(CASES, [False, True])))
)
def test_a_step_needs_nothing_of_the_host(case: str, unequal: bool) -> None:
    trainer = make_trainer({"": labelled(unequal)}, tasks=TASKS, **CASES[case])
    batch = trainer._streams[0].samples.gather(torch.arange(12))
    whole = Whole(trainer.network.train()).to("meta")
    x, lengths, static = (
        None if each is None else each.to("meta")
        for each in (batch.x, batch.lengths, batch.static)
    )
    codes = [code.to("meta") for code in batch.codes]
    with OnDevice():
        results = whole(x, lengths, static, codes)
    assert len(results) >= 4 * len(TASKS)


def on_meta(trainer: Trainer) -> Trainer:
    """Move what a trainer computes with to the meta device, except for the optimiser."""
    trainer.network.to("meta")
    trainer.weighting.to("meta")
    if trainer.average is not None:
        trainer.average.network.to("meta")
    trainer._parameters = list(trainer.network.parameters())
    trainer._losses = Losses(trainer.network.target_list)
    trainer._device = torch.device("meta")
    for stream in trainer._streams:
        samples = stream.samples
        for part in (samples, samples._codes):
            for name, value in vars(part).items():
                if isinstance(value, Tensor):
                    setattr(part, name, value.to("meta"))
        # `to` loses the strides of a view.
        shape = samples._series._rows.shape
        samples._series._rows = torch.empty(shape, device="meta")
        tables = [
            (members, table.to("meta")) for members, table in samples._codes._tables
        ]
        samples._codes._tables = tables
    trainer.optimizer.step = lambda: None  # type: ignore[method-assign]
    return trainer


RECORDED = [
    name
    for name, weighting in WEIGHTINGS.items()
    if not weighting.needs_host and name not in ("fixed", "search")
]


@pytest.mark.parametrize("weighting", a_third_now(RECORDED))
def test_a_whole_step_needs_nothing_of_the_host(weighting: str) -> None:
    training = Training(averaging=0.9)
    trainer = on_meta(
        make_trainer({"": labelled(False)}, training, tasks=TASKS, weighting=weighting)
    )
    rows = [torch.arange(12, device="meta")]
    present = np.array([12] * (len(TASKS) - 1) + [0])  # one task has no labels
    # The average begins with a copy.
    trainer.compute(rows, present)
    trainer.optimizer.zero_grad()
    with OnDevice():
        losses, norm = trainer.compute(rows, present)
    assert losses.shape == (len(TASKS),)
    assert norm is not None
    own = trainer.network.heads[-1].parameters()
    assert all(parameter.grad is None for parameter in own)
