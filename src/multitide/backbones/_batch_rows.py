"""How many series are processed at once without training, by the memory that they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

MOST_ROWS = 1024
# Entries of the largest tensor between two layers: 64 MiB of float32. A few of them exist at the
# same time, and a prediction must fit into a gibibyte.
MOST_VALUES = 2**24


def batch_rows(modules: Iterable[nn.Module], n_channels: int, n_timepoints: int) -> int:
    """Return the number of series in a batch, at least 1 and at most `MOST_ROWS`.

    Parameters
    ----------
    modules : iterable of Module
        ``network.modules()``; its convolutions and recurrent layers give the number of channels of
        the tensors between layers.
    n_channels, n_timepoints : int
        Channels and steps of the raw series.
    """
    width = max([n_channels, *_widths(modules)])
    return max(1, min(MOST_ROWS, MOST_VALUES // (width * max(1, n_timepoints))))


def _widths(modules: Iterable[nn.Module]) -> Iterator[int]:
    for module in modules:
        if isinstance(module, nn.Conv1d):
            yield from (module.in_channels, module.out_channels)
        elif isinstance(module, nn.RNNBase):
            yield from (module.input_size, module.hidden_size)
