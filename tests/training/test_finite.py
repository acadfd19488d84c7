"""Training that diverges keeps the good epochs before it; without one it is an error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from makers import make_samples, small
from multitide.training._callbacks import Callback
from multitide.training._finite import check_losses
from multitide.training._trainer import Trainer
from refusals import refused


class Breaking(Callback):
    """Breaks training in an epoch: a weight before or after its last step."""

    def __init__(self, epoch: int, value: float, last_step: bool = False) -> None:
        self._epoch, self._value, self._last_step = epoch, value, last_step
        self._n_steps = 0

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self._n_steps = 0
        if trainer.epoch == self._epoch and not self._last_step:
            self._break(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        self._n_steps += 1
        if trainer.epoch == self._epoch and self._last_step:
            self._break(trainer)

    def _break(self, trainer: Trainer) -> None:
        with torch.no_grad():
            next(trainer.network.parameters()).fill_(self._value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("validation", [0.2, None])
@pytest.mark.parametrize("last_step", [False, True])
def test_the_good_epochs_before_are_kept(
    value: float,
    validation: float | None,
    last_step: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    samples, broken = make_samples(), Breaking(3, value, last_step)
    model = small(max_epochs=4, validation=validation).fit(samples, callbacks=[broken])
    assert set(model.best_epoch_.values()) <= {1, 2}
    assert "stopped in epoch 3" in caplog.text
    assert "`lr`" in caplog.text
    assert np.isfinite(model.predict(samples)["load"]).all()
    for name, weight in model.model_.named_parameters():
        assert torch.isfinite(weight).all(), name


def test_weights_that_break_in_the_last_step_of_all_are_not_kept() -> None:
    samples, broken = make_samples(), Breaking(2, float("nan"), last_step=True)
    model = small(max_epochs=2, validation=None).fit(samples, callbacks=[broken])
    assert set(model.best_epoch_.values()) == {1}
    assert np.isfinite(model.predict(samples)["load"]).all()


@pytest.mark.parametrize("last_step", [False, True])
def test_without_a_good_epoch_it_is_an_error(last_step: bool) -> None:
    with refused("must be finite", "epoch 1", "`lr`"):
        small().fit(make_samples(), callbacks=[Breaking(1, float("nan"), last_step)])


def test_the_first_broken_step_is_named() -> None:
    losses = np.array([[1.0, 2.0], [1.0, np.inf], [np.nan, 1.0]])
    with refused("step 2 of epoch 7", "not finite: ['b']", "inf"):
        check_losses(losses, ["a", "b"], 7)


def test_a_refit_that_diverges_leaves_the_first_run() -> None:
    class InRefit(Callback):
        """Breaks the second training."""

        n_runs = 0

        def on_train_begin(self, trainer: Trainer) -> None:
            self.n_runs += 1

        def on_step_begin(self, trainer: Trainer, *_: object) -> None:
            if self.n_runs == 2:
                with torch.no_grad():
                    next(trainer.network.parameters()).fill_(float("nan"))

    samples = make_samples()
    refit = small(max_epochs=2, training={"refit": True})
    found = refit.fit(samples, callbacks=[InRefit()])
    expected = small(max_epochs=2).fit(samples)
    assert (found.predict(samples) == expected.predict(samples)).all(axis=None)
