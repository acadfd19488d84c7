"""Mixing: which rows of which data set every step of an epoch sees; a single data set is dealt out, once an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multitide.training._batches import DeviceSamples, Rows, cut, deal, number_of_batches


@dataclass(frozen=True)
class Stream:
    """A data set as training reads it.

    Attributes
    ----------
    samples : DeviceSamples
        Its samples of both sides.
    train, validation : Rows
        What is learned from, and what the epoch is chosen by (None: the last epoch is kept).
    """

    samples: DeviceSamples
    train: Rows
    validation: Rows | None = None


@dataclass(frozen=True)
class Drawn:
    """The rows of an epoch, step by step.

    Attributes
    ----------
    rows : list of ndarray of int
        For each data set the numbers of its samples, in their order.
    bounds : ndarray of int, shape (n_domains, n_steps + 1)
        Where in them each step begins and ends.
    n_labelled : ndarray of int, shape (n_steps, n_tasks)
        Labelled rows of each task in each step.
    """

    rows: list[np.ndarray]
    bounds: np.ndarray
    n_labelled: np.ndarray


def shares(sizes: Sequence[int] | np.ndarray, mixing: str, temperature: float) -> np.ndarray:
    """Return which share of every batch each data set has, shape (n_domains,); they sum to 1.

    Parameters
    ----------
    sizes : sequence of int
        Training rows of each data set; one without any has no share.
    mixing : {"size", "equal", "temperature"}
        In proportion to the rows, to 1, or to the rows to the power of 1 / temperature [1]_.
    temperature : float
        From 1, which is "size", to infinity, which is "equal".

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
    """Draws epochs: as many rows as all data sets have together, of which each has its share in every step.

    A data set gives its rows in passes: each row once, in a fresh order, before any of them comes
    again. With ``mixing="size"`` a pass is an epoch; else the passes of a data set that gives fewer
    rows than it has go on in the next epoch, and those of one that gives more begin anew within it.

    Parameters
    ----------
    rows : sequence of Rows
        The training rows of each data set.
    batch_size : int
        Rows of a step, of all data sets together.
    mixing, temperature
        See :func:`shares`.
    order : {"label_aware", "shuffle"}
        How a pass is ordered; see :class:`~multitide.training._settings.Training`.
    seed : int
        Of all orders.
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
        self._rows, self._order = list(rows), order
        self._generator = np.random.default_rng(seed)
        self._left = [np.array([], dtype=np.int64) for _ in rows]
        sizes = np.array([len(each.index) for each in rows])
        self._n_drawn = (
            np.rint(sizes.sum() * shares(sizes, mixing, temperature))
            .astype(int)
            .clip(min=sizes > 0)
        )
        n_steps = number_of_batches(int(self._n_drawn.sum()), batch_size)
        self._n_steps = min(n_steps, int(self._n_drawn.max()))  # no step without a row

    def draw(self) -> Drawn:
        """Return the next epoch."""
        orders = [self._take(i, n) for i, n in enumerate(self._n_drawn)]
        bounds = np.stack([cut(len(order), self._n_steps) for order in orders])
        # Which task has labels in which batch is known on the host, so that absent tasks can be
        # dropped, not zeroed.
        totals = [
            np.cumsum(rows.measured[order], axis=0)
            for rows, order in zip(self._rows, orders, strict=True)
        ]
        counts = [_differences(total, bounds[i]) for i, total in enumerate(totals)]
        taken = [rows.index[order] for rows, order in zip(self._rows, orders, strict=True)]
        return Drawn(taken, bounds, np.sum(counts, axis=0))

    def _take(self, i: int, n_rows: int) -> np.ndarray:
        """Return the next rows of a data set, beginning new passes where it takes them."""
        while len(self._left[i]) < n_rows:
            self._left[i] = np.concatenate([self._left[i], self._pass(self._rows[i])])
        taken, self._left[i] = self._left[i][:n_rows], self._left[i][n_rows:]
        return taken

    def _pass(self, rows: Rows) -> np.ndarray:
        """Return an order of all rows of a data set."""
        if self._order == "shuffle":
            return self._generator.permutation(len(rows.index))
        return deal(rows.measured, self._generator)


def _differences(totals: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the sums between bounds of what was summed up, (n_rows, n_tasks) -> (n_steps, n_tasks)."""
    padded = np.concatenate([np.zeros((1, totals.shape[1]), dtype=np.int64), totals])
    return np.diff(padded[bounds], axis=0)
