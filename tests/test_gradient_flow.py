"""Gradient flow and gradient health: right norms, and one warning where one is due."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from makers import make_arrays, make_samples, small
from multitide import GradientFlow, gradient_flow
from multitide._gradient_flow import TOTAL
from multitide.backbones import LSTM, RNN
from multitide.errors import DataError, ParameterError
from multitide.plot._gradients import flow_by_step
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer
from refusals import refused


@pytest.mark.parametrize("fitted", [True, False])
def test_norms_are_those_of_a_pass_back_by_hand(fitted: bool) -> None:
    samples = make_samples(missing=0)
    estimator = small(
        backbone=LSTM(hidden_size=4, num_layers=1),
        inputs={"scale": "none"},
        max_epochs=2,
        lr=0.05,
    )
    if fitted:
        estimator.fit(samples)
    flow = gradient_flow(estimator, samples)
    assert list(flow.by_step) == list(flow.by_layer) == ["state", "load", TOTAL]
    assert len(flow.by_step) == samples.n_timepoints
    assert (flow.by_step > 0).all(axis=None)
    assert (
        flow.by_step[TOTAL] <= flow.by_step["state"] + flow.by_step["load"] + 1e-9
    ).all()
    if not fitted:
        return
    network = estimator.model_.network_list[0].eval()
    x = torch.from_numpy(
        np.ascontiguousarray(samples.gather(slice(None)))
    ).requires_grad_()
    target = network.target_list[1]
    loss = target.mean_loss(
        network(x)[1], torch.from_numpy(target.encode(samples.y[["load"]]))
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    np.testing.assert_allclose(flow.by_step["load"], x.grad.norm(dim=(0, 1)), rtol=1e-4)
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            assert flow.by_layer.loc[name, "load"] == pytest.approx(
                float(parameter.grad.norm()), rel=1e-4, abs=1e-9
            )


def test_a_plain_rnn_forgets_where_an_lstm_does_not_and_it_can_be_drawn() -> None:
    samples = make_samples(missing=0.3, unequal=True)
    flow: GradientFlow = gradient_flow(
        small(backbone=RNN(num_layers=1, bidirectional=False)), samples
    )
    ends = flow.by_step[TOTAL]
    assert ends.iloc[0] < ends.iloc[12]
    ax = flow_by_step(flow, Figure().subplots())
    assert len(ax.lines) == 3
    assert ax.get_yscale() == "log"


def test_labels_may_be_given_next_to_samples() -> None:
    samples = make_samples()
    beside = gradient_flow(
        small(),
        samples.replace(y=samples.y.iloc[::-1].reset_index(drop=True)),
        samples.y,
    )
    pd.testing.assert_frame_equal(
        beside.by_step, gradient_flow(small(), samples).by_step
    )


def test_what_the_flow_is_not_defined_for_is_refused() -> None:
    samples = make_samples()
    several = small(max_epochs=1).fit({"a": samples, "b": make_samples(seed=1)})
    with refused("`estimator`", "one data set", "got 2, a, b", error=DataError):
        gradient_flow(several, samples)
    with refused("3 channels", error=DataError):
        gradient_flow(
            small(max_epochs=1).fit(samples), make_arrays(n_channels=2)[0], samples.y
        )
    with refused("`inputs.representation`", "none", error=ParameterError):
        gradient_flow(
            small(backbone="fc", inputs={"representation": "minirocket"}), samples
        )


class Scaled(Callback):
    """Scales the gradient of the backbone, as a network does in which it vanishes or explodes."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def on_train_begin(self, trainer: Trainer) -> None:
        for parameter in trainer.network.sharing.parameters():
            parameter.register_hook(lambda gradient: gradient * self.factor)


@pytest.mark.parametrize(
    ("factor", "word"), [(1.0, None), (1e-12, "vanish"), (1e9, "explode")]
)
def test_training_says_once_where_gradients_vanish_or_explode(
    factor: float, word: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="multitide"):
        small(max_epochs=3, lr=0.01).fit(make_samples(), callbacks=[Scaled(factor)])
    said = [message for message in caplog.messages if "gradient" in message]
    assert len(said) == (0 if word is None else 1)
    assert word is None or word in said[0]
