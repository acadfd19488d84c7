"""Layers that ignore the steps after the end of each series.

With them, the features of a series do not depend on its padding or on the other series of a batch.
Every layer takes ``lengths`` (batch,), the number of valid steps of each series, or None if all
steps are valid. None is the fast path, with the cost of the plain torch layer. Invalid steps may
hold any value, even infinity: they are replaced, never multiplied by zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def valid_steps(lengths: Tensor, n_timepoints: int) -> Tensor:
    """Return which steps are valid, a bool tensor of shape (batch, 1, time)."""
    return (torch.arange(n_timepoints, device=lengths.device) < lengths[:, None])[
        :, None
    ]


def zero_invalid(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return `x`, (batch, channels, time), with zeros after the end of each series."""
    if lengths is None:
        return x
    return torch.where(valid_steps(lengths, x.shape[2]), x, 0.0)


def mean_over_time(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean of each channel over the valid steps, (batch, channels)."""
    if lengths is None:
        return x.mean(dim=2)
    # In bfloat16 a length would be rounded.
    n_steps = lengths.clamp(min=1)[:, None].float()
    return zero_invalid(x, lengths).sum(dim=2) / n_steps


def last_step(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the values at the last valid step of each series, (batch, channels)."""
    if lengths is None:
        return x[:, :, -1]
    last = (lengths - 1).clamp(min=0)[:, None, None]
    return x.gather(2, last.expand(-1, x.shape[1], 1)).squeeze(2)


def reverse_valid(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return `x`, (batch, channels, time), with the valid steps of each series reversed.

    Invalid steps stay in place.
    """
    if lengths is None:
        return x.flip(2)
    steps = torch.arange(x.shape[2], device=x.device)
    source = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return x.gather(2, source[:, None].expand_as(x))


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation (Ioffe and Szegedy 2015) with the statistics of valid steps only.

    A batch with a single value has no variance. It is normalised by the running statistics, which
    stay unchanged; torch raises an error instead.
    """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise each channel: (batch, channels, time) -> (batch, channels, time)."""
        if self.training and x.shape[0] * x.shape[2] > 1:
            if lengths is None:
                return super().forward(x)
            return self._normalise_valid(x, lengths)
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )

    def _normalise_valid(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = valid_steps(lengths, x.shape[2])
        count = lengths.clamp(max=x.shape[2]).sum().clamp(min=1)
        values = torch.where(valid, x, 0.0).to(self.weight.dtype)
        mean = values.sum(dim=(0, 2)) / count
        deviation = torch.where(valid, values - mean[:, None], 0.0)
        variance = deviation.square().sum(dim=(0, 2)) / count
        self._update_running(mean, variance * count / (count - 1).clamp(min=1))
        gain = self.weight * torch.rsqrt(variance + self.eps)
        return (deviation * gain[:, None] + self.bias[:, None]).to(x.dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics from those of this batch, as torch does."""
        # Always tracked here.
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked.add_(1)


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018): scale channels depending on their means; no biases.

    Parameters
    ----------
    n_channels : int
        Number of channels.
    reduction : int
        The hidden layer has n_channels // reduction units, but at least one.
    """

    def __init__(self, n_channels: int, reduction: int) -> None:
        super().__init__()
        n_hidden = max(1, n_channels // reduction)
        self.squeeze = nn.Linear(n_channels, n_hidden, bias=False)
        self.excite = nn.Linear(n_hidden, n_channels, bias=False)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Multiply each channel by a number in (0, 1); the shape stays (batch, channels, time)."""
        hidden = torch.relu(self.squeeze(mean_over_time(x, lengths)))
        scale = torch.sigmoid(self.excite(hidden))
        return x * scale[:, :, None]
