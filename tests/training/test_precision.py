"""Steps that multiply in bfloat16: what they round, what they leave alone, and who decides."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import multitide as mt
from makers import SMALL, a_third_now, make_arrays, make_samples, make_trainer, small
from multitide.backbones import FC, FCN, InceptionTime
from multitide.backbones._backbone import BackboneModule
from multitide.data._samples import Samples
from multitide.fitting import _use_bf16
from multitide.training import _precision
from multitide.training._precision import CHECKED
from multitide.training._settings import Training
from multitide.training._trainer import Trainer
from refusals import refused

FC_NET = FC(hidden_size=8)
FCN_NET = FCN(filters=(8, 8, 4), kernel_sizes=(5, 4, 3))
SAMPLES = make_samples(64)


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies bfloat16 itself."""
    monkeypatch.setattr(_precision, "has_bf16", lambda _: True)
    monkeypatch.setattr(_use_bf16, "has_bf16", lambda _: True)


@pytest.fixture
def not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_precision, "has_bf16", lambda _: False)
    monkeypatch.setattr(_use_bf16, "has_bf16", lambda _: False)


def trained(precision: Any, samples: Samples = SAMPLES, **params: Any) -> Trainer:
    params = {"backbone": FCN_NET, "batch_size": 8} | params
    return make_trainer({"": samples}, Training(precision=precision), **params).run()


def check_same_bits(trainer: Trainer, other: Trainer) -> None:
    expected = other.network.state_dict()
    for name, tensor in trainer.network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def first_losses(trainer: Trainer, n_steps: int = 2) -> Tensor:
    rows = torch.arange(32)
    trainer.network.train()
    trainer.set_learning_rate(0)
    counts = np.array([32, 32])
    return torch.stack([trainer.step([rows], counts) for _ in range(n_steps)])


# -- bf16 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "backbone",
    [FCN_NET, FC_NET, SMALL, "cnn1d", InceptionTime(n_filters=4, n_blocks=1)],
)
@pytest.mark.parametrize("unequal", [False, True])
def test_rounded_steps_have_nearly_the_same_losses(
    backbone: Any, unequal: bool
) -> None:
    samples = make_samples(32, missing=0, unequal=unequal)
    losses = {}
    for precision in ("float32", "bf16"):
        trainer = make_trainer(
            {"": samples}, Training(precision=precision), backbone=backbone
        )
        losses[precision] = first_losses(trainer)
        for parameter in trainer.network.parameters():
            assert parameter.dtype == torch.float32
            assert parameter.grad is None or parameter.grad.dtype == torch.float32
    torch.testing.assert_close(losses["bf16"], losses["float32"], rtol=3e-2, atol=3e-2)
    assert not torch.equal(losses["bf16"], losses["float32"])


def test_only_the_backbone_multiplies_in_bfloat16() -> None:
    seen: dict[str, torch.dtype] = {}
    trainer = make_trainer(
        {"": make_samples(16, missing=0)}, Training(precision="bf16"), backbone=FCN_NET
    )

    def note(name: str) -> Any:
        def hook(module: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
            seen[name] = output.dtype

        return hook

    network = trainer.network
    block = network.sharing.get_submodule("backbone.blocks.conv1.convolution")
    for name, module in (
        ("input", network.inputs),
        ("convolution", block),
        ("head", network.heads[0]),
    ):
        module.register_forward_hook(note(name))
    trainer.step([torch.arange(16)], np.array([16, 16]))
    assert seen["input"] == seen["head"] == torch.float32
    assert seen["convolution"] == torch.bfloat16
    trainer.evaluated(torch.randn(4, 3, 20))
    assert seen["convolution"] == torch.float32


@pytest.mark.parametrize("unequal", [False, True])
def test_large_offsets_do_not_cost_digits(unequal: bool) -> None:
    """Scaling is done in float32: a channel of 1e6 with a deviation of 1 stays readable."""
    X, y = make_arrays(64, missing=0)
    far = 100 * X + np.float32(1e5), y.assign(load=1e6 + y["load"])
    losses = []
    for values, labels in ((X, y), far):
        series = list(values)
        if unequal:
            series = [each[:, : 14 + i % 6] for i, each in enumerate(series)]
        samples = Samples.from_arrays(series, labels)
        trainer = make_trainer(
            {"": samples}, Training(precision="bf16"), backbone=FCN_NET
        )
        losses.append(first_losses(trainer))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-2, atol=1e-2)


def test_the_model_is_float32_and_predicts_the_same_when_loaded(tmp_path: Path) -> None:
    fitted = small(backbone=FCN_NET, training={"precision": "bf16"}).fit(SAMPLES)
    for tensor in fitted.model_.state_dict().values():
        assert tensor.dtype != torch.bfloat16
    predicted = fitted.predict(SAMPLES)
    loaded = mt.load(fitted.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(SAMPLES), predicted, check_exact=True)
    assert loaded.get_params()["training"].precision == "bf16"


@pytest.mark.parametrize(
    "params",
    a_third_now(
        [
            {"aggregator": {"name": "pcgrad", "at": "features"}},
            {"aggregator": "pcgrad"},
            {"aggregator": "upgrad"},
            {"sharing": "soft"},
            {"sharing": "none"},
            {"sharing": "cross_stitch"},
            {"weighting": "famo"},
            {"weighting": "uncertainty"},
            {"weighting": "dwa"},
            {"sharing": {"name": "hard", "head_units": 4}},
            {"keep": "per_task"},
        ]
    ),
)
def test_it_works_with_other_parts(params: dict[str, Any]) -> None:
    settings = {"precision": "bf16", "averaging": 0.9}
    fitted = small(backbone=FCN_NET, training=settings, max_epochs=1, **params).fit(
        SAMPLES
    )
    assert np.isfinite(fitted.predict(SAMPLES)["load"]).all()


@pytest.mark.parametrize(
    "training",
    a_third_now(
        [
            {"pretrain": ("load",), "freeze": "gradual"},
            {"finish": "per_task"},
            {"refit": True},
            {"record_gradients": 2},
        ]
    ),
)
def test_it_works_in_every_phase(training: dict[str, Any]) -> None:
    fitted = small(
        backbone=FC_NET, training={"precision": "bf16"} | training, max_epochs=2
    ).fit(SAMPLES)
    assert np.isfinite(fitted.predict(SAMPLES)["load"]).all()


def test_several_data_sets_train_in_it() -> None:
    sets = {"a": make_samples(40, missing=0), "b": make_samples(24, unequal=True)}
    trainer = make_trainer(sets, Training(precision="bf16"), backbone=FCN_NET).run()
    assert math.isfinite(trainer.history[-1]["loss"])


@pytest.mark.slow
def test_every_kind_of_task_trains_in_it() -> None:
    X, y = make_arrays(60, missing=0)
    y = y.assign(hours=X[:, 0].mean(axis=1) + 20, left=(y.index % 3 > 0) * 1.0)
    y = y.assign(a=X[:, 0, 0] > 0, b=X[:, 1, 0] > 0)
    y = y.assign(**{"next[+1]": X[:, 0, -1], "next[+2]": X[:, 1, -1]})
    tasks = [
        "state",
        mt.Regression("load", loss="quantile", quantiles=(0.1, 0.5, 0.9)),
        mt.Survival("stay", time="hours", event="left", n_bins=3),
        mt.MultiLabel("both", columns=["a", "b"]),
        mt.Forecast("next", horizon=2),
    ]
    samples = Samples.from_arrays(X, y)
    losses = {}
    for precision in ("float32", "bf16"):
        fitted = small(
            backbone=FCN_NET, training={"precision": precision}, tasks=tasks
        ).fit(samples)
        losses[precision] = fitted.history_["loss"]
        assert set(fitted.history_["task"]) == {"state", "load", "stay", "both", "next"}
    np.testing.assert_allclose(losses["bf16"], losses["float32"], rtol=0.05)


@pytest.mark.slow
def test_whole_trainings_are_as_good() -> None:
    samples = make_samples(240, missing=0)
    best: dict[str, list[float]] = {"float32": [], "bf16": []}
    for seed in range(5):
        for precision, losses in best.items():
            fitted = small(
                backbone=FCN_NET,
                training={"precision": precision},
                max_epochs=12,
                batch_size=16,
                lr=0.01,
                random_state=seed,
            ).fit(samples)
            history = fitted.history_.query("side == 'validation'")
            losses.append(history.groupby("epoch")["loss"].mean().min())
    apart = np.subtract(best["bf16"], best["float32"])
    assert abs(apart.mean()) < 0.02
    assert np.mean(best["bf16"]) < 0.5


# -- where it is refused, and what is said ---------------------------------------------------------


@pytest.mark.parametrize(
    ("backbone", "where"),
    [
        ("trees", "takes no steps"),
        ("linear", "takes no steps"),
        ("gru", "stay float32"),
        ("lstm", "stay float32"),
    ],
)
def test_it_is_refused_where_nothing_would_be_rounded(
    backbone: str, where: str
) -> None:
    with refused("`training.precision`", "'bf16'", "'auto'", where):
        small(backbone=backbone, training={"precision": "bf16"}).fit(SAMPLES)


def test_auto_is_float32_where_nothing_would_be_rounded(native: None) -> None:
    plain = trained("float32", backbone="gru", max_epochs=1)
    auto = trained("auto", backbone="gru", max_epochs=1)
    assert auto.precision.in_bf16 is False
    check_same_bits(auto, plain)


@pytest.mark.parametrize("value", ["fp16", "bfloat16", None, True])
def test_other_values_are_refused(value: object) -> None:
    with refused("`training.precision`", repr(value), "bf16"):
        small(training={"precision": value}).fit(SAMPLES)


def test_a_slow_processor_is_told_once(
    not_native: None, caplog: pytest.LogCaptureFixture
) -> None:
    training = {"precision": "bf16", "refit": True}
    small(backbone=FC_NET, sharing="none", training=training).fit(SAMPLES)
    said = [record for record in caplog.records if "bfloat16" in record.message]
    assert len(said) == 1
    assert said[0].levelno == logging.WARNING


def test_a_fast_processor_is_not_warned(
    native: None, caplog: pytest.LogCaptureFixture
) -> None:
    small(backbone=FC_NET, training={"precision": "bf16"}, max_epochs=1).fit(SAMPLES)
    assert "bfloat16" not in caplog.text


# -- auto ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("not_native")
def test_auto_has_the_bits_of_float32_on_another_processor() -> None:
    check_same_bits(trained("auto"), trained("float32"))


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("weighting", ["uniform", "famo"])
def test_auto_takes_it_after_the_first_steps(
    weighting: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    dropout = FCN(filters=(8, 8, 4), kernel_sizes=(5, 4, 3), conv_dropout=0.3)
    same = {"weighting": weighting, "backbone": dropout, "max_epochs": 1}
    n_steps = CHECKED[-1] - 1  # all of them are float32
    few = SAMPLES[: 8 * n_steps]
    check_same_bits(trained("auto", few, **same), trained("float32", few, **same))
    assert "Training in" not in caplog.text
    auto = trained("auto", **same | {"max_epochs": 2})
    assert auto.precision.in_bf16
    assert "Training in bfloat16" in caplog.text
    state = trained("float32", **same | {"max_epochs": 2}).network.state_dict()
    differ = [
        not torch.equal(tensor, state[name])
        for name, tensor in auto.network.named_parameters()
    ]
    assert any(differ)


@pytest.mark.usefixtures("native")
def test_one_process_that_disagrees_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "in_any_process", lambda *_: True)
    assert trained("auto", backbone=FC_NET).precision.in_bf16 is False


class Cancels(BackboneModule):
    """Subtracts nearly equal numbers, of which bfloat16 has no digits that differ."""

    n_features = 4

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(n_channels, self.n_features)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.linear(x[:, :, 0] + 1e4) - self.linear(
            torch.full_like(x[:, :, 0], 1e4)
        )


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(("scale", "fits"), [("standard", True), ("none", False)])
def test_auto_falls_back_where_inputs_are_not_scaled(scale: str, fits: bool) -> None:
    X, y = make_arrays(64)
    samples = Samples.from_arrays(X + 1000, y)
    auto = trained("auto", samples, inputs={"scale": scale})
    assert auto.precision.in_bf16 is fits


class Unknown(Cancels):
    """A layer that torch has only for float32."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h = self.linear(x[:, :, 0])
        if h.dtype != torch.float32:
            raise RuntimeError("not implemented for 'BFloat16'\nmore of it")
        return h


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("module", "why"),
    [(Cancels, "bfloat16, step 2 has"), (Unknown, "not implemented for 'BFloat16')")],
)
def test_auto_falls_back_where_steps_disagree(
    module: type[Cancels],
    why: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(FC, "build", lambda self, n, _: module(n))
    plain = trained("float32", backbone=FC_NET)
    auto = trained("auto", backbone=FC_NET)
    assert auto.precision.in_bf16 is False
    assert "Training in float32" in caplog.text
    assert why in caplog.text
    check_same_bits(auto, plain)
