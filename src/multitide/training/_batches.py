"""Batches: samples on a device, gathered by index, and the order of rows within an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from multitide.data._blocks import is_mapped
from multitide.data._samples import Samples


@dataclass(frozen=True)
class Batch:
    """The data of one step.

    Attributes
    ----------
    x : Tensor, shape (batch, channels, time)
        Raw series; NaN for missing values and after a series' last time step.
    lengths : Tensor or None, shape (batch,)
        Number of valid time steps; None if all series are equally long.
    static : Tensor or None, shape (batch, n_static)
        Static inputs, encoded by `StaticLayer.encode`.
    codes : list of Tensor, each of shape (batch,)
        Labels of each task, encoded by its target.
    weights : list of Tensor or None, each of shape (batch,)
        How much each row counts for each task; None if all count alike.
    """

    x: Tensor
    lengths: Tensor | None
    static: Tensor | None
    codes: list[Tensor]
    weights: list[Tensor] | None = None


@dataclass
class Rows:
    """The samples of a training or validation set, and which labels they have.

    Attributes
    ----------
    index : ndarray of int, shape (n_rows,)
        Numbers of the samples.
    measured : ndarray of bool, shape (n_rows, n_tasks)
        Whether each sample has a label of each task.
    """

    index: np.ndarray
    measured: np.ndarray


class DeviceSamples:
    """Samples on a device as one long tensor, from which a batch is gathered by index.

    Overlapping windows are rows of a strided view, so that a million windows need only the memory
    of the table. A table that is mapped from a file stays there: a batch reads what it needs.

    Parameters
    ----------
    samples : Samples
        All samples; the training and the validation set are index arrays into them.
    codes : sequence of ndarray, each of shape (n_samples,)
        Encoded labels, one array per task.
    static : ndarray of float32, shape (n_samples, n_static), optional
        Encoded static inputs.
    device : torch.device
        Device of the tensors and of the batches.
    n_timepoints : int, optional
        Length of a gathered series. Default: that of the longest sample.
    weights : ndarray of float32, shape (n_samples, n_tasks), optional
        How much each sample counts for each task; all alike by default.
    """

    def __init__(
        self,
        samples: Samples,
        codes: Sequence[np.ndarray],
        static: np.ndarray | None,
        device: torch.device,
        n_timepoints: int | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.n_channels = samples.n_channels
        self.n_timepoints = n_timepoints or samples.n_timepoints
        self._series = _series_on(samples, self.n_timepoints, device)
        self._starts = torch.from_numpy(samples.starts).to(device)
        full = bool((samples.lengths == self.n_timepoints).all())
        if full:
            self._lengths = None
        else:
            self._lengths = torch.from_numpy(samples.lengths).to(device)
        self._steps = torch.arange(self.n_timepoints, device=device)
        if static is None:
            self._static = None
        else:
            self._static = torch.from_numpy(static).to(device)
        self._codes = _CodeTables(codes, device)
        if weights is None:
            self._weights = None
        else:
            self._weights = torch.from_numpy(weights).to(device)
        self.device = device

    def gather(self, rows: Tensor) -> Batch:
        """Return the batch of these sample numbers (int64, on the device)."""
        x = self._series.gather(self._starts.index_select(0, rows))
        lengths = None
        if self._lengths is not None:
            lengths = self._lengths[rows]
            x = x.masked_fill((self._steps >= lengths[:, None])[:, :, None], torch.nan)
        return Batch(
            x=x.transpose(1, 2).contiguous(),  # what follows is faster then
            lengths=lengths,
            static=None if self._static is None else self._static[rows],
            codes=self._codes.gather(rows),
            weights=self._weights_of(rows),
        )

    def _weights_of(self, rows: Tensor) -> list[Tensor] | None:
        if self._weights is None:
            return None
        return list(self._weights[rows].unbind(dim=1))


class _SeriesInMemory:
    """The table on the device.

    Every sample is followed by as many steps as the longest has. A short series at the end of the
    table needs padding for that; otherwise nothing is copied.
    """

    def __init__(
        self, samples: Samples, n_timepoints: int, device: torch.device
    ) -> None:
        values = np.ascontiguousarray(samples.values)
        end = int(samples.starts.max(initial=0)) + n_timepoints
        if end > len(values) or not values.flags.writeable:
            padding = np.full((n_timepoints, samples.n_channels), np.nan, values.dtype)
            values = np.concatenate([values, padding])
        self._rows = _rows_of(torch.from_numpy(values).to(device), n_timepoints)
        self._shape = (-1, n_timepoints, samples.n_channels)

    def gather(self, starts: Tensor) -> Tensor:
        """Return the steps from each start on, shape (batch, time, channels)."""
        return self._rows.index_select(0, starts).view(self._shape)


class _MappedSeries:
    """The table in a file that is mapped into memory, which may be larger than memory."""

    def __init__(
        self, samples: Samples, n_timepoints: int, device: torch.device
    ) -> None:
        self._table = _as_tensor(samples.values)
        self._last = len(self._table) - n_timepoints
        self._rows = _rows_of(self._table, n_timepoints) if self._last >= 0 else None
        self._shape = (-1, n_timepoints, samples.n_channels)
        self._device = device

    def gather(self, starts: Tensor) -> Tensor:
        """Return the steps from each start on; the table ends with NaN."""
        starts = starts.cpu()
        is_late = starts > self._last
        if self._rows is None or is_late.any():
            return self._one_by_one(starts).to(self._device)
        windows = self._rows.index_select(0, starts).view(self._shape)
        return windows.to(self._device)

    def _one_by_one(self, starts: Tensor) -> Tensor:
        _, n_timepoints, n_channels = self._shape
        windows = self._table.new_full(
            (len(starts), n_timepoints, n_channels), torch.nan
        )
        for window, start in zip(windows, starts.tolist(), strict=True):
            rows = self._table[start : start + n_timepoints]
            window[: len(rows)] = rows
        return windows


def _series_on(
    samples: Samples, n_timepoints: int, device: torch.device
) -> _SeriesInMemory | _MappedSeries:
    if is_mapped(samples.values):
        return _MappedSeries(samples, n_timepoints, device)
    return _SeriesInMemory(samples, n_timepoints, device)


def _rows_of(table: Tensor, n_timepoints: int) -> Tensor:
    """Return a view with a row of values per place at which a series may start."""
    n_channels = table.shape[1]
    shape = (len(table) - n_timepoints + 1, n_timepoints * n_channels)
    return table.as_strided(shape, (n_channels, 1))


def _as_tensor(values: np.ndarray) -> Tensor:
    """Return read-only values as a tensor that shares their memory."""
    with warnings.catch_warnings():
        # torch warns that it could be written to; nothing does.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(values)


class _CodeTables:
    """The labels of all tasks, with one table per type, so that many tasks are gathered at once."""

    def __init__(self, codes: Sequence[np.ndarray], device: torch.device) -> None:
        alike: dict[object, list[int]] = {}
        for i, code in enumerate(codes):
            alike.setdefault((code.dtype, code.shape[1:]), []).append(i)
        self._tables: list[tuple[list[int], Tensor]] = []
        for members in alike.values():
            table = np.stack([codes[i] for i in members], axis=1)
            self._tables.append((members, torch.from_numpy(table).to(device)))

    def gather(self, rows: Tensor) -> list[Tensor]:
        """Return the labels of these samples per task, in the order of the tasks."""
        by_task: dict[int, Tensor] = {}
        for members, table in self._tables:
            by_task |= dict(
                zip(members, table.index_select(0, rows).unbind(dim=1), strict=True)
            )
        return [by_task[i] for i in range(len(by_task))]


def deal(measured: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a random order of the rows that spreads each pattern of missing labels evenly.

    Rows with the same pattern come in random order. The j-th of m such rows is placed at
    (j + u) / m of the epoch, with u uniform in [0, 1). The labelled rows of each task are thus
    spread evenly over the batches; with complete labels, the order is a plain permutation.

    Parameters
    ----------
    measured : ndarray of bool, shape (n_rows, n_tasks)
        Whether each row has a label of each task.
    generator : numpy Generator
        Source of the random numbers.

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
    """Return the bounds of batches of nearly equal size, shape (n_batches + 1,)."""
    return np.linspace(0, n_rows, n_batches + 1).round().astype(int)


def number_of_batches(n_rows: int, batch_size: int) -> int:
    """Return the number of batches of at most `batch_size` rows, at least one."""
    return max(1, -(-n_rows // batch_size))
