"""Tasks that own several columns of ``y``, each label possibly missing by itself."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multitide.tasks._metrics import mean, metric_table
from multitide.tasks._task import Target


class SeveralTarget(Target):
    """A target of several labels a row.

    A row counts where at least one of its labels is known, and counts once: its loss is the mean
    over its known labels. So a row with one known label of six weighs as much as a row with all
    six. Codes are float32 (n, n_columns), NaN where nobody knows.
    """

    def measured(self, codes: Tensor) -> Tensor:
        """Return which rows have any label, bool (batch,)."""
        return ~codes.isnan().all(dim=1)

    def fill_missing(self, codes: Tensor) -> Tensor:
        """Return `codes` with labels in rows that have none; rows that have some are mended by `raw_loss`."""
        return torch.where(self.measured(codes)[:, None], codes, torch.zeros_like(codes))

    def raw_loss(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return each row's mean loss over its known labels, (batch,)."""
        known = ~codes.isnan()
        losses = self.cells(output, torch.where(known, codes, torch.zeros_like(codes)))
        return torch.where(known, losses, torch.zeros_like(losses)).sum(dim=1) / known.sum(dim=1)

    @abstractmethod
    def cells(self, output: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of every label, (batch, n_columns), for outputs (batch, n_outputs); all codes are numbers."""

    @abstractmethod
    def decoded_cells(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """Return the loss of every label from decoded answers, float64 (n, n_columns), as `cells` does."""

    def row_losses(self, labels: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
        """Return each row's loss in units of the trivial loss; NaN where no label is known."""
        return self._losses(self.truth(labels), decoded)

    def metrics(self, labels: pd.DataFrame, decoded: np.ndarray) -> pd.DataFrame:
        """Compare answers with labels on the rows that have any; ``n_labelled`` counts these.

        Parameters
        ----------
        labels : DataFrame, n_samples rows
            The task's columns.
        decoded : ndarray, shape (n_samples, n_columns)
            As `forward` gives it.
        """
        truth = self.truth(labels)
        known = ~np.isnan(truth).all(axis=1)
        truth, decoded = truth[known], decoded[known]
        values, trivial = (
            self.figures(truth, guess) | {"loss": mean(self._losses(truth, guess))}
            for guess in (decoded, self.constant(len(truth)))
        )
        return metric_table(values, trivial, dict.fromkeys(values, len(truth)))

    def _losses(self, truth: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        known = ~np.isnan(truth)
        losses = self.decoded_cells(np.where(known, truth, 0.0), decoded)
        count = known.sum(axis=1)
        sums = np.where(known, losses, 0.0).sum(axis=1)
        return np.where(count > 0, sums / np.maximum(count, 1), np.nan) / float(self.trivial_loss)


def cell_weights(truth: np.ndarray) -> np.ndarray:
    """Return how much each label counts, (n, n_columns): 1 / known labels of its row; 0 where nobody knows."""
    known = ~np.isnan(truth)
    return np.where(known, 1.0 / np.maximum(known.sum(axis=1, keepdims=True), 1), 0.0)
