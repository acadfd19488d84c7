"""Targets with several columns of ``y``, in which each label can be missing on its own."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from torch import Tensor

from multitide.tasks._missing_labels import zero_missing
from multitide.tasks._task import Target


class SeveralTarget(Target):
    """A target with several labels per row.

    A row counts once if at least one of its labels is known: its loss is the mean over its known
    labels. A row with one known label of six therefore has the same weight as a row with all six.
    Codes are float32 (n, n_columns); NaN for missing labels.
    """

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have at least one label, bool (batch,)."""
        return ~codes.isnan().all(dim=1)

    def has_label(self, truth: np.ndarray) -> np.ndarray:
        """Return which rows have at least one label, bool (n_samples,)."""
        some: np.ndarray = ~np.isnan(truth).all(axis=1)
        return some

    def fill_missing(self, codes: Tensor) -> Tensor:
        """Return `codes` with zeros in rows without any label.

        The missing labels of the other rows are handled by `raw_loss`.
        """
        return zero_missing(codes, self.measured(codes)[:, None])

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the mean loss of each row over its known labels, (batch,)."""
        known = ~codes.isnan()
        losses = self.label_losses(output, zero_missing(codes, known))
        return mean_of_known(losses, known)

    @abstractmethod
    def label_losses(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each label, (batch, n_columns).

        Parameters
        ----------
        output : Tensor, shape (batch, n_outputs)
            Outputs of the head.
        codes : Tensor, shape (batch, n_columns)
            Labels without NaN.
        """

    @abstractmethod
    def decoded_label_losses(
        self, truth: np.ndarray, decoded: np.ndarray
    ) -> np.ndarray:
        """Return the loss of each label from decoded predictions, float64 (n, n_columns)."""

    def decoded_losses(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the loss of each row in units of the trivial loss; NaN without any label."""
        known = ~np.isnan(truth)
        losses = self.decoded_label_losses(np.where(known, truth, 0.0), decoded)
        count = known.sum(axis=1)
        sums = np.where(known, losses, 0.0).sum(axis=1)
        means = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        return means / float(self.trivial_loss)


def mean_of_known(losses: Tensor, known: Tensor) -> Tensor:
    """Return the mean loss of each row over its known labels, (batch,); NaN without any."""
    return zero_missing(losses, known).sum(dim=1) / known.sum(dim=1)


def label_weights(truth: np.ndarray, of_rows: np.ndarray | None = None) -> np.ndarray:
    """Return the weight of each label: 1 / number of known labels in its row; 0 if missing.

    Parameters
    ----------
    truth : ndarray, shape (n, n_columns)
        NaN for missing labels.
    of_rows : ndarray, shape (n,), optional
        Weights of the rows, which their labels share.

    Returns
    -------
    ndarray, shape (n, n_columns)
    """
    known = ~np.isnan(truth)
    shares = 1.0 / np.maximum(known.sum(axis=1, keepdims=True), 1)
    if of_rows is not None:
        shares = shares * of_rows[:, None]
    return np.where(known, shares, 0.0)
