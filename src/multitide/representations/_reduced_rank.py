"""Linear heads of many tasks that lie in one subspace: reduced-rank regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from multitide.representations._line import Line
from multitide.representations._linear import fitted_lines, split_for_choice
from multitide.representations._vectors import Vectors
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
    training: Vectors,
    validation: Vectors | None,
    strengths: Sequence[float],
    ranks: Sequence[int],
    random_state: int,
) -> tuple[list[HeadChoice], list[Line]]:
    """Return the strength and rank with the smallest loss on validation rows, and the heads.

    The head of each task alone is among the candidates.

    Parameters
    ----------
    targets : sequence of Target
    training : Vectors
        Standardised vectors of all training rows, with the labels of all tasks.
    validation : Vectors or None
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
    splits = []
    found = []
    strengths = sorted(strengths, reverse=True)
    for target in targets:
        own = training.of(target)
        split = split_for_choice(target, own, validation, random_state)
        splits.append(split)
        found.append(list(fitted_lines(split.fit_rows, target, strengths)))
    centers = [split.fit_rows.center for split in splits]
    lowest = [np.inf] * len(targets)
    choices = [HeadChoice(strengths[0], None)] * len(targets)
    heads = [each[0] for each in found]
    for strength, alone in zip(strengths, zip(*found, strict=True), strict=True):
        for rank, candidates in _with_ranks(alone, training.vectors, centers, ranks):
            for i, head in enumerate(candidates):
                loss = splits[i].loss(head, targets[i])
                if loss < lowest[i]:
                    lowest[i] = loss
                    choices[i], heads[i] = HeadChoice(strength, rank), head
    if all(split.all_rows for split in splits):
        return choices, heads
    return choices, solve_heads(targets, training, choices)


def solve_heads(
    targets: Sequence[Target],
    training: Vectors,
    choices: Sequence[HeadChoice],
) -> list[Line]:
    """Return the heads with chosen strengths and ranks, fitted to all labelled rows."""
    heads: list[Line] = []
    solved: dict[float, list[Line]] = {}
    labelled = [training.of(target).labelled for target in targets]
    centers = [rows.center for rows in labelled]
    for i, (strength, rank) in enumerate(choices):
        if rank is None:
            heads.append(next(fitted_lines(labelled[i], targets[i], [strength])))
            continue
        if strength not in solved:
            solved[strength] = []
            for rows, target in zip(labelled, targets, strict=True):
                line = next(fitted_lines(rows, target, [strength]))
                solved[strength].append(line)
        projected = dict(
            _with_ranks(solved[strength], training.vectors, centers, [rank])
        )
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
