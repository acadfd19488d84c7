"""Means of the known labels in every node of some trees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def known_means(
    levels: Sequence[np.ndarray],
    parents: np.ndarray,
    leaves: np.ndarray,
    codes: np.ndarray,
    drawn: np.ndarray,
    otherwise: np.ndarray,
) -> np.ndarray:
    """Return for each node the mean of the known labels of its rows, (n_nodes, n_labels).

    Parameters
    ----------
    levels : sequence of ndarray of int
        The nodes of all trees by their depth, roots first.
    parents : ndarray of int, shape (n_nodes,)
        The parent of each node; any number for a root.
    leaves : ndarray of int, shape (n_rows, n_trees)
        The node in which each row ends.
    codes : ndarray, shape (n_rows, n_labels)
        NaN for missing labels.
    drawn : ndarray, shape (n_rows, n_trees)
        How often each tree has drawn a row, times the weight of the row.
    otherwise : ndarray, shape (n_nodes, n_labels)
        The values where no label is known.
    """
    known = ~np.isnan(codes)
    filled = np.where(known, codes, 0.0)
    sums = np.zeros(otherwise.shape)
    counts = np.zeros(otherwise.shape)
    for ends, times in zip(leaves.T, drawn.T, strict=True):
        np.add.at(sums, ends, filled * times[:, None])
        np.add.at(counts, ends, known * times[:, None])
    for nodes in reversed(levels[1:]):
        np.add.at(sums, parents[nodes], sums[nodes])
        np.add.at(counts, parents[nodes], counts[nodes])
    # In place: with many labels these are the largest arrays of a fit.
    unknown = counts == 0
    np.divide(sums, counts, out=sums, where=~unknown)
    np.copyto(sums, otherwise, where=unknown)
    return sums
