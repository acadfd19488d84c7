"""How long a network is trained: the size of its batches and the number of epochs."""

from __future__ import annotations

import dataclasses
import math

from multitide.fitting._recipe import Recipe

# Steps that "auto" aims at. Small networks on small data need about as many steps as on large data,
# so that the number of epochs has to follow the number of rows.
STEPS = 1500
FEWEST_EPOCHS, MOST_EPOCHS = 12, 100
FEWEST_ROWS, MOST_ROWS = 8, 128  # of a batch
STEPS_OF_FEW_ROWS = 20  # per epoch


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the number of samples per step.

    "auto" is 128; for few rows less, at least 8, so that an epoch has about 20 steps.
    """
    if batch_size == "auto":
        return min(MOST_ROWS, max(FEWEST_ROWS, n_rows // STEPS_OF_FEW_ROWS))
    return int(batch_size)


def resolve_max_epochs(
    max_epochs: int | str, batch_size: int | str, n_rows: int
) -> int:
    """Return the number of epochs of a full run.

    "auto" is as many as take 1,500 steps, from 12 to 100.
    """
    if max_epochs != "auto":
        return int(max_epochs)
    per_epoch = max(1, n_rows // resolve_batch_size(batch_size, n_rows))
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(STEPS / per_epoch)))


def with_length(recipe: Recipe, n_rows: int) -> Recipe:
    """Return a recipe with the number of epochs in place of "auto"."""
    max_epochs = resolve_max_epochs(recipe.max_epochs, recipe.batch_size, n_rows)
    return dataclasses.replace(recipe, max_epochs=max_epochs)
