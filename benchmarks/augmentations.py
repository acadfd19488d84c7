"""Augmentations of the encoded training series, tried as candidates by ``defaults.py``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from multitide.training import Callback
from multitide.training._trainer import Trainer

SPREAD = 0.1  # of factors, in standard deviations of a channel, and of hidden values
SHARE_OF_WARPED = 0.3


def scaling(x: Tensor) -> Tensor:
    """Multiply each channel of each series by a factor."""
    return x * (1 + SPREAD * torch.randn(x.shape[0], x.shape[1], 1))


def jitter(x: Tensor) -> Tensor:
    """Add noise to every value."""
    return x + SPREAD * torch.randn_like(x)


def masking(x: Tensor) -> Tensor:
    """Replace values by the mean of their channel, which is 0."""
    return x * (torch.rand_like(x) > SPREAD)


def window_warp(x: Tensor) -> Tensor:
    """Play a window of the series at half or double speed, the same for the whole batch."""
    n_steps = x.shape[2]
    width = max(2, int(SHARE_OF_WARPED * n_steps))
    start = int(torch.randint(0, n_steps - width + 1, ()))
    speed = 0.5 if torch.rand(()) < 0.5 else 2.0
    window = x[:, :, start : start + width]
    warped = interpolate(window, size=max(1, round(width / speed)), mode="linear")
    whole = torch.cat([x[:, :, :start], warped, x[:, :, start + width :]], dim=2)
    return interpolate(whole, size=n_steps, mode="linear")


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "scaling": scaling,
    "jitter": jitter,
    "masking": masking,
    "window warp": window_warp,
}


class Augmented(Callback):
    """Alters the encoded series in training.

    Parameters
    ----------
    name : str
        Of the augmentation.
    """

    def __init__(self, name: str) -> None:
        self._augment = AUGMENTATIONS[name]

    def on_train_begin(self, trainer: Trainer) -> None:
        """Let the network augment what it encodes, except in validation."""

        def augmented(module: nn.Module, inputs: object, encoded: Tensor) -> Tensor:
            return self._augment(encoded) if module.training else encoded

        trainer.network.inputs.register_forward_hook(augmented)
