"""Linear heads of many tasks that lie in one subspace: reduced-rank regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from multitide.representations._line import Line, lines
from multitide.representations._linear import labelled_rows, split_for_choice
from multitide.tasks import Target

RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # candidates of "auto"
SMALLEST = 1e-8  # of singular values, relative to the largest


class HeadChoice(NamedTuple):
    """What was chosen for the head of a task."""

    strength: float
    rank: int | None
    """Dimension of the subspace, or None for the head of the task alone."""


def choose_heads(
    targets: Sequence[Target],
    vectors: np.ndarray,
    y: pd.DataFrame,
    validation: tuple[np.ndarray, pd.DataFrame] | None,
    strengths: Sequence[float],
    ranks: Sequence[int],
    random_state: int,
) -> tuple[list[HeadChoice], list[Line]]:
    """Return the strength and rank with the smallest loss on validation rows, and the heads.

    The head of each task alone is among the candidates.

    Parameters
    ----------
    targets : sequence of Target
    vectors : ndarray of float64, shape (n, n_features)
        Standardised vectors of all training rows.
    y : DataFrame, n rows
        A column per task.
    validation : (vectors, y) or None
        If it is None, or has no labels of a task, a random fifth of the labelled rows of the task
        chooses, and all heads are then fitted to all rows.
    strengths, ranks : sequence of numbers
        Candidates.
    random_state : int

    Notes
    -----
    For each strength, the heads of all tasks give outputs for all training rows, labelled or not.
    The heads are projected onto the leading singular vectors of these outputs, so that a task with
    few labels keeps only what it has in common with others. The regression of reduced rank is that
    of Izenman [1]_; here, labels may be missing.

    References
    ----------
    .. [1] Izenman, "Reduced-rank regression for the multivariate linear model", Journal of
       Multivariate Analysis 5, 1975. https://doi.org/10.1016/0047-259X(75)90042-1
    """
    held_out = _held_out_by_task(targets, validation)
    splits = []
    found = []
    strengths = sorted(strengths, reverse=True)
    for target, held in zip(targets, held_out, strict=True):
        labels = y[target.task.columns]
        codes, rows = labelled_rows(target, labels)
        split = split_for_choice(target, vectors, labels, rows, held, random_state)
        splits.append(split)
        own = vectors[split.fit_rows], codes[split.fit_rows]
        found.append(list(lines(*own, target, strengths)))
    centers = []
    for split in splits:
        centers.append(vectors[split.fit_rows].mean(axis=0))
    lowest = [np.inf] * len(targets)
    choices = [HeadChoice(strengths[0], None)] * len(targets)
    heads = [each[0] for each in found]
    for strength, alone in zip(strengths, zip(*found, strict=True), strict=True):
        for rank, candidates in _with_ranks(alone, vectors, centers, ranks):
            for i, head in enumerate(candidates):
                decoded = head.decode(splits[i].vectors, targets[i])
                losses = targets[i].row_losses(splits[i].labels, decoded)
                if np.mean(losses) < lowest[i]:
                    lowest[i] = float(np.mean(losses))
                    choices[i], heads[i] = HeadChoice(strength, rank), head
    if all(split.all_rows for split in splits):
        return choices, heads
    return choices, solve_heads(targets, vectors, y, choices)


def _held_out_by_task(
    targets: Sequence[Target], validation: tuple[np.ndarray, pd.DataFrame] | None
) -> list[tuple[np.ndarray, pd.DataFrame] | None]:
    """Return the validation vectors with the labels of each task."""
    if validation is None:
        return [None] * len(targets)
    vectors, y = validation
    held_out: list[tuple[np.ndarray, pd.DataFrame] | None] = []
    for target in targets:
        held_out.append((vectors, y[target.task.columns]))
    return held_out


def solve_heads(
    targets: Sequence[Target],
    vectors: np.ndarray,
    y: pd.DataFrame,
    choices: Sequence[HeadChoice],
) -> list[Line]:
    """Return the heads with chosen strengths and ranks, fitted to all labelled rows."""
    heads: list[Line] = []
    solved: dict[float, list[Line]] = {}
    centers = []
    encoded = []
    for target in targets:
        codes, rows = labelled_rows(target, y[target.task.columns])
        encoded.append((vectors[rows], codes[rows], target))
        centers.append(vectors[rows].mean(axis=0))
    for i, (strength, rank) in enumerate(choices):
        if rank is None:
            heads.append(next(lines(*encoded[i], [strength])))
            continue
        if strength not in solved:
            solved[strength] = [next(lines(*each, [strength])) for each in encoded]
        projected = dict(_with_ranks(solved[strength], vectors, centers, [rank]))
        heads.append(projected.get(rank, solved[strength])[i])
    return heads


def _with_ranks(
    alone: Sequence[Line],
    vectors: np.ndarray,
    centers: Sequence[np.ndarray],
    ranks: Sequence[int],
) -> Iterator[tuple[int | None, Sequence[Line]]]:
    """Yield the heads of each task alone, then those of each rank below the full one.

    The mean output of a head over its labelled rows, whose mean vector is its center, stays.
    """
    yield None, alone
    weights = np.hstack([line.weights for line in alone])
    outputs = vectors @ weights
    outputs -= outputs.mean(axis=0)
    # Outputs of classes are logits, which grow without bounds as the penalty vanishes.
    spread = np.maximum(np.sqrt((outputs**2).mean(axis=0)), 1)
    left, values, right = np.linalg.svd(outputs / spread, full_matrices=False)
    full = int((values > SMALLEST * values.max()).sum())
    ends = np.cumsum([line.weights.shape[1] for line in alone])
    for rank in ranks:
        if rank >= full:
            return
        axes = (weights / spread) @ right[:rank].T / values[:rank]
        reduced = axes @ (left[:, :rank].T @ outputs)
        projected = []
        for line, center, own in zip(
            alone, centers, np.split(reduced, ends[:-1], axis=1), strict=True
        ):
            shift = center @ (line.weights - own)
            projected.append(Line(own, line.bias + shift))
        yield rank, projected
