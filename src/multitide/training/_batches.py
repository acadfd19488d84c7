"""Batches: samples on a device, gathered by index, and the order in which an epoch draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from multitide.data._samples import Samples


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    Attributes
    ----------
    x : Tensor, shape (batch, channels, time)
        Raw series; NaN where nobody measured and after a series' last step.
    lengths : Tensor or None, shape (batch,)
        Number of valid steps; None where all series are equally long.
    static : Tensor or None, shape (batch, n_static)
        Static inputs as `StaticLayer.encode` gives them.
    codes : list of Tensor, each of shape (batch,)
        Labels of each task as its target encodes them.
    """

    x: Tensor
    lengths: Tensor | None
    static: Tensor | None
    codes: list[Tensor]


@dataclass
class Rows:
    """Which samples a side uses, and which of them have which label.

    Attributes
    ----------
    index : ndarray of int, shape (n_rows,)
        Numbers of the samples.
    measured : ndarray of bool, shape (n_rows, n_tasks)
        Which of them has a label of which task.
    """

    index: np.ndarray
    measured: np.ndarray


class DeviceSamples:
    """Samples held on a device as one long tensor, from which any batch is one gather.

    Overlapping windows are rows of a strided view, so a million of them take the memory of the
    table.

    Parameters
    ----------
    samples : Samples
        All samples; training and validation are index arrays into them.
    codes : sequence of ndarray, each of shape (n_samples,)
        Encoded labels, one array a task.
    static : ndarray of float32, shape (n_samples, n_static), optional
        Encoded static inputs.
    device : torch.device
        Where the tensors live and batches are gathered.
    n_timepoints : int, optional
        Steps of a gathered series; that of the longest sample when not given.
    """

    def __init__(
        self,
        samples: Samples,
        codes: Sequence[np.ndarray],
        static: np.ndarray | None,
        device: torch.device,
        n_timepoints: int | None = None,
    ) -> None:
        self.n_channels, self.n_timepoints = (
            samples.n_channels,
            n_timepoints or samples.n_timepoints,
        )
        # Room behind the last row, so that a short series at the end of the table has a whole row
        # of the view too.
        room = np.full((self.n_timepoints, self.n_channels), np.nan, dtype=np.float32)
        table = torch.from_numpy(np.concatenate([samples.values, room])).to(device)
        self._rows = table.as_strided(
            (len(table) - self.n_timepoints + 1, self.n_timepoints * self.n_channels),
            (self.n_channels, 1),
        )
        self._starts = torch.from_numpy(samples.starts).to(device)
        full = bool((samples.lengths == self.n_timepoints).all())
        self._lengths = None if full else torch.from_numpy(samples.lengths).to(device)
        self._steps = torch.arange(self.n_timepoints, device=device)
        self._static = None if static is None else torch.from_numpy(static).to(device)
        self._codes = _CodeTables(codes, device)
        self.device = device

    def gather(self, rows: Tensor) -> Batch:
        """Return the batch of these sample numbers (int64 on the device)."""
        x = self._rows.index_select(0, self._starts[rows]).view(
            -1, self.n_timepoints, self.n_channels
        )
        lengths = None
        if self._lengths is not None:
            lengths = self._lengths[rows]
            x = x.masked_fill((self._steps >= lengths[:, None])[:, :, None], torch.nan)
        return Batch(
            x=x.transpose(1, 2),
            lengths=lengths,
            static=None if self._static is None else self._static[rows],
            codes=self._codes.gather(rows),
        )


class _CodeTables:
    """The labels of all tasks, those of one type side by side, so that a hundred tasks are gathered at once."""

    def __init__(self, codes: Sequence[np.ndarray], device: torch.device) -> None:
        alike: dict[object, list[int]] = {}
        for i, code in enumerate(codes):
            alike.setdefault((code.dtype, code.shape[1:]), []).append(i)
        self._tables = [
            (members, torch.from_numpy(np.stack([codes[i] for i in members], axis=1)).to(device))
            for members in alike.values()
        ]

    def gather(self, rows: Tensor) -> list[Tensor]:
        """Return each task's labels of these samples, in the order of the tasks."""
        found: dict[int, Tensor] = {}
        for members, table in self._tables:
            found |= dict(zip(members, table[rows].unbind(dim=1), strict=True))
        return [found[i] for i in range(len(found))]


def deal(measured: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return an order of the rows in which each pattern of labels is spread evenly; nothing is drawn twice.

    One permutation is dealt: within a pattern of measured labels the rows come in random order, and
    the j-th of m gets the place (j + u) / m of the epoch, u uniform in [0, 1). So each task's
    labelled rows are spread evenly over the batches, and with complete labels the order is a plain
    permutation.

    Parameters
    ----------
    measured : ndarray of bool, shape (n_rows, n_tasks)
        Which row has a label of which task.
    generator : numpy Generator
        Where the random numbers come from.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        A permutation of the rows.
    """
    order = generator.permutation(len(measured))
    _, pattern = np.unique(measured[order], axis=0, return_inverse=True)
    pattern = pattern.reshape(-1)
    if pattern.max(initial=0) == 0:
        return order
    by_pattern = np.argsort(pattern, kind="stable")
    sizes = np.bincount(pattern)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = (rank + generator.random(len(order))) / np.repeat(sizes, sizes)
    return order[by_pattern[np.argsort(place, kind="stable")]]


def cut(n_rows: int, n_batches: int) -> np.ndarray:
    """Return the bounds of batches of nearly equal size, shape (n_batches + 1,): no last batch of a single row."""
    return np.linspace(0, n_rows, n_batches + 1).round().astype(int)


def number_of_batches(n_rows: int, batch_size: int) -> int:
    """Return how many batches of at most `batch_size` rows it takes, at least one."""
    return max(1, -(-n_rows // batch_size))
