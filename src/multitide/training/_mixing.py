"""Mixing: which rows of which data set each step of an epoch sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from multitide.training._batches import (
    DeviceSamples,
    Rows,
    cut,
    deal,
    number_of_batches,
)


@dataclass(frozen=True)
class DeviceData:
    """A data set on the device that trains.

    Attributes
    ----------
    samples : DeviceSamples
        Training and validation samples.
    train, validation : Rows
        The two sets; without a validation set, the last epoch is kept.
    weights : ndarray or None, shape (n_samples, n_tasks)
        How much each sample counts for each task; None if all count alike.
    """

    samples: DeviceSamples
    train: Rows
    validation: Rows | None = None
    weights: np.ndarray | None = None

    def totals(self, rows: Rows) -> np.ndarray:
        """Return how much the labelled rows of a set count together, by task, (n_tasks,)."""
        return totals(rows, self.weights)


class MixerState(NamedTuple):
    """What the next epochs of a mixer follow from.

    Attributes
    ----------
    generator : mapping
        The state of NumPy's generator, as plain values.
    left : list of ndarray of int
        For each data set, the rows of its pass that are not drawn yet.
    """

    generator: Mapping[str, Any]
    left: list[np.ndarray]


@dataclass(frozen=True)
class Drawn:
    """The rows of an epoch, step by step.

    Attributes
    ----------
    rows : list of ndarray of int
        For each data set, the indices of its samples, in the order in which they are drawn.
    bounds : ndarray of int, shape (n_data_sets, n_steps + 1)
        Where in `rows` each step begins and ends.
    n_labelled : ndarray of int, shape (n_steps, n_tasks)
        Number of labelled rows per step and task.
    """

    rows: list[np.ndarray]
    bounds: np.ndarray
    n_labelled: np.ndarray


def totals(rows: Rows, weights: np.ndarray | None) -> np.ndarray:
    """Return the number of labelled rows per task, or the sum of their weights, (n_tasks,)."""
    counted: np.ndarray = rows.measured
    if weights is not None:
        counted = np.where(rows.measured, weights[rows.index], 0.0)
    sums: np.ndarray = counted.sum(axis=0, dtype=np.float64)
    return sums


def shares(
    sizes: Sequence[int] | np.ndarray, mixing: str, temperature: float
) -> np.ndarray:
    """Return the fraction of every batch that each data set gets, shape (n_data_sets,).

    Parameters
    ----------
    sizes : sequence of int
        Number of training rows of each data set; one without any gets no share.
    mixing : {"size", "equal", "temperature"}
        Proportional to the number of rows, equal, or proportional to the number of rows to the
        power of 1 / `temperature` [1]_.
    temperature : float
        From 1, which is the same as "size", to infinity, which is the same as "equal".

    References
    ----------
    .. [1] Arivazhagan et al., "Massively multilingual neural machine translation in the wild:
      findings and challenges",
       2019. https://arxiv.org/abs/1907.05019
    """
    n_rows = np.asarray(sizes, dtype=np.float64)
    power = {"size": 1.0, "equal": 0.0, "temperature": 1 / temperature}[mixing]
    weights = np.where(n_rows > 0, n_rows**power, 0.0)
    return np.asarray(weights / weights.sum())


class Mixer:
    """Draws epochs, in whose steps each data set has a constant share.

    An epoch has as many rows as all data sets together. A data set is drawn in passes: each row
    once, in a new order, before any row comes again. With ``mixing="size"`` a pass takes one epoch.
    Otherwise the pass of a data set with a small share continues in the next epoch, and a data set
    with a large share begins a new pass within the epoch.

    Parameters
    ----------
    rows : sequence of Rows
        The training rows of each data set.
    batch_size : int
        Rows per step, of all data sets together.
    mixing, temperature
        See :func:`shares`.
    order : {"label_aware", "shuffle"}
        How a pass is ordered; see :class:`~multitide.training._settings.Training`.
    seed : int
        Seed of all orders.
    """

    def __init__(
        self,
        rows: Sequence[Rows],
        batch_size: int,
        mixing: str,
        temperature: float,
        order: str,
        seed: int,
    ) -> None:
        self._rows = list(rows)
        self._order = order
        self._generator = np.random.default_rng(seed)
        self._left = [np.array([], dtype=np.int64) for _ in rows]
        sizes = np.array([len(each.index) for each in rows])
        wanted = np.rint(sizes.sum() * shares(sizes, mixing, temperature)).astype(int)
        self._n_drawn = wanted.clip(min=sizes > 0)
        n_steps = number_of_batches(int(self._n_drawn.sum()), batch_size)
        self._n_steps = min(n_steps, int(self._n_drawn.max()))  # no step without a row

    def state(self) -> MixerState:
        """Return the state from which the next epochs follow."""
        return MixerState(self._generator.bit_generator.state, list(self._left))

    def restore(self, state: MixerState) -> None:
        """Draw the epochs that follow from a state."""
        left = []
        for rows, numbers in zip(self._rows, state.left, strict=True):
            if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(
                rows.index
            ):
                raise ValueError("rows that are left must be those of the data sets")
            left.append(numbers)
        self._left = left
        self._generator.bit_generator.state = state.generator

    def draw(self) -> Drawn:
        """Return the next epoch."""
        drawn, bounds, n_labelled = [], [], []
        for i, n_rows in enumerate(self._n_drawn):
            order = self._take(i, n_rows)
            limits = cut(len(order), self._n_steps)
            drawn.append(self._rows[i].index[order])
            bounds.append(limits)
            # Counted on the host, so that the loss of a task without labels in a batch can be left
            # out instead of being multiplied by zero.
            totals = np.cumsum(self._rows[i].measured[order], axis=0)
            n_labelled.append(_differences(totals, limits))
        return Drawn(drawn, np.stack(bounds), np.sum(n_labelled, axis=0))

    def _take(self, i: int, n_rows: int) -> np.ndarray:
        """Return the next rows of a data set; begin new passes as needed."""
        while len(self._left[i]) < n_rows:
            self._left[i] = np.concatenate([self._left[i], self._pass(self._rows[i])])
        taken = self._left[i][:n_rows]
        self._left[i] = self._left[i][n_rows:]
        return taken

    def _pass(self, rows: Rows) -> np.ndarray:
        """Return an order of all rows of a data set."""
        if self._order == "shuffle":
            return self._generator.permutation(len(rows.index))
        return deal(rows.measured, self._generator)


def _differences(totals: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the sums between bounds, (n_steps, n_tasks), from running sums (n_rows, n_tasks)."""
    padded = np.concatenate([np.zeros((1, totals.shape[1]), dtype=np.int64), totals])
    return np.diff(padded[bounds], axis=0)
