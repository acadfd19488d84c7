"""The data of an ensemble as each seed divides them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.data._splitter import Splitter
from multitide.fitting._data_sets import split_data_sets
from multitide.tasks import Task


def splits_of_seeds(
    data_sets: Mapping[str, Samples],
    tasks: Sequence[Task],
    held_out: Mapping[str, Samples],
    rule: float | Splitter | None,
    n_seeds: int,
    seed: int,
    calibration: Mapping[str, Samples] | None = None,
) -> list[list[SplitData]]:
    """Return the data sets as each seed divides them.

    Parameters
    ----------
    data_sets, tasks, held_out
        As in :func:`split_data_sets`.
    rule : float, Splitter or None
        Each seed holds out other samples by it.
    n_seeds, seed : int
        Number of seeds, and the first one.
    calibration : mapping of str to Samples, optional
        The user's own calibration samples of some data sets.
    """
    splits = []
    for number in range(n_seeds):
        splits.append(
            split_data_sets(data_sets, tasks, held_out, rule, seed, number, calibration)
        )
    return splits
