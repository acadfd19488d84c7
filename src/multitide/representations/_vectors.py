"""Vectors of samples, their labels, and how much each counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from multitide.tasks import Target


class Vectors(NamedTuple):
    """Vectors of samples with their labels.

    Attributes
    ----------
    vectors : ndarray of float64, shape (n, n_features)
    y : DataFrame, n rows
        The columns of one or several tasks.
    weights : DataFrame or None, n rows
        How much each row counts, with a column per task that has weights.
    """

    vectors: np.ndarray
    y: pd.DataFrame
    weights: pd.DataFrame | None = None

    def of(self, target: Target) -> OfTask:
        """Return the rows as one task sees them."""
        labels = self.y[target.task.columns]
        codes = target.encode(labels)
        known = target.measured(torch.from_numpy(codes)).numpy()
        weights = None
        if self.weights is not None and target.task.name in self.weights:
            weights = self.weights[target.task.name].to_numpy()
        return OfTask(self.vectors, labels, codes, np.flatnonzero(known), weights)


class OfTask(NamedTuple):
    """Vectors with the labels of one task.

    Attributes
    ----------
    vectors : ndarray of float64, shape (n, n_features)
    labels : DataFrame, n rows
        The columns of the task.
    codes : ndarray, shape (n,)
        The labels as the target encodes them.
    known : ndarray of int
        The rows that have a label.
    weights : ndarray or None, shape (n,)
        How much each row counts.
    """

    vectors: np.ndarray
    labels: pd.DataFrame
    codes: np.ndarray
    known: np.ndarray
    weights: np.ndarray | None

    @property
    def labelled(self) -> OfTask:
        """The rows that have a label."""
        return self.rows(self.known)

    def rows(self, rows: np.ndarray) -> OfTask:
        """Return some rows, all of which have a label."""
        return OfTask(
            self.vectors[rows],
            self.labels.iloc[rows].reset_index(drop=True),
            self.codes[rows],
            np.arange(len(rows)),
            None if self.weights is None else self.weights[rows],
        )

    @property
    def center(self) -> np.ndarray:
        """The weighted mean vector."""
        mean: np.ndarray = np.average(self.vectors, axis=0, weights=self.weights)
        return mean
