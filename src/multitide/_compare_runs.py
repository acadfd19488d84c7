"""Comparing two runs on the same samples, as after retraining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from multitide._checks import as_path, check_fraction, check_type
from multitide._load import load
from multitide.config._trained_on import started_from, trained_on
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._seen_samples import seen_samples
from multitide.data._weights import weights_of
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_options import Table
from multitide.errors import DataError
from multitide.model._fitted_model import FittedModel
from multitide.model._schema import DataRecord
from multitide.model._table_record import table_record
from multitide.study.design._test_groups import independent_groups
from multitide.study.results._model_gains import Answered, model_gains


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the same samples.

    Attributes
    ----------
    table : DataFrame
        One row per task: ``task``, ``metric``, ``old``, ``new``, ``gain`` (+ is better) with its
        interval ``low`` to ``high``, ``n_labelled``, ``n_groups``, ``verdict`` ("better", "worse",
        "same", "cannot tell", or that the task cannot be compared) and ``why``.
    n_samples : int
        Number of samples that both models were tested on.
    notes : tuple of str
        Which samples were left out, and of which run it is not known what it was trained on.
    """

    table: pd.DataFrame
    n_samples: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Reader:
    """A run that reads the table in its own way."""

    folder: Path
    model: FittedModel
    record: DataRecord
    samples: Samples

    def keys(self, rows: np.ndarray) -> pd.MultiIndex:
        """Return what identifies samples among those of other runs: their last time step."""
        samples = self.samples[rows]
        ends = samples.time
        if ends is None:
            ends = samples.starts + samples.lengths
        table = pd.DataFrame({"series": samples.series, "end": ends})
        table["number"] = table.groupby(["series", "end"], dropna=False).cumcount()
        return pd.MultiIndex.from_frame(table)

    @property
    def all_keys(self) -> pd.MultiIndex:
        return self.keys(np.arange(len(self.samples)))

    def answered(self, rows: np.ndarray) -> dict[str, Answered]:
        """Return the labels and predictions of some samples, by task."""
        samples = self.samples[rows]
        decoded = self.model.decode_data_sets(DataSets({self.record.name: samples}))
        found = {}
        for task, values in decoded[self.record.name].items():
            target = self.model.targets_.target(task)
            labels = samples.y[target.task.columns]
            weights = weights_of(samples, task)
            found[task] = Answered(target, labels, values, weights)
        return found


def compare_runs(
    old: str | Path,
    new: str | Path,
    data: Table,
    *,
    labels: Table | None = None,
    data_set: str | None = None,
    confidence: float = 0.95,
) -> RunComparison:
    """Compare two models on the same labelled samples, such as a model and its retrained successor.

    Each run reads the table as it read its training data. Samples that share time steps with the
    training or validation set of either run, or of a run that its training started from, are left
    out.

    Parameters
    ----------
    old, new : path
        Run folders.
    data, labels : path or DataFrame
        As in :func:`read_like`.
    data_set : str, optional
        Name of the data set, for models fitted on several.
    confidence : float, default=0.95
        Coverage of the intervals. They hold for new test groups (series, or blocks of time) and
        these two models, not for other seeds.

    Returns
    -------
    RunComparison
        With ``table``, ``n_samples`` and ``notes``.

    Raises
    ------
    DataError
        If no sample is left, or with what is wrong with the data.
    StoreError
        If a folder is not a model.

    Examples
    --------
    >>> import multitide as mt
    >>> mt.compare_runs("runs/old", "runs/new", "new.csv").table  # doctest: +SKIP
    """
    check_fraction("confidence", confidence)
    if data_set is not None:
        check_type("data_set", data_set, str, "Give the name of a data set.")
    readers = []
    for name, folder in (("old", old), ("new", new)):
        readers.append(_reader(as_path(name, folder), data, labels, data_set))
    first, second = readers
    notes: list[str] = []
    seen = _seen_keys(_with_ancestors(readers, data, labels, data_set), notes)
    common = second.all_keys.intersection(first.all_keys, sort=False)
    unseen = common.difference(seen, sort=False)
    if not len(unseen):
        raise DataError(
            "`data` must have samples that both "
            "models read and neither was trained on; "
            f"got none of {len(second.samples)}. Use newer data."
        )
    old_rows = first.all_keys.get_indexer(unseen)
    new_rows = second.all_keys.get_indexer(unseen)
    if len(common) > len(unseen):
        n_left = len(common) - len(unseen)
        notes.append(
            f"{n_left} of {len(common)} samples are left out: "
            "a model was trained on them."
        )
    groups = independent_groups(second.samples, new_rows)
    table = model_gains(
        first.answered(old_rows), second.answered(new_rows), groups, confidence
    )
    return RunComparison(table, len(unseen), tuple(notes))


def _reader(
    folder: Path, data: Table, labels: Table | None, data_set: str | None
) -> _Reader:
    model = load(folder)
    known = model.data_
    record, reading = table_record(known, data_set, folder, "`data_set` (--data)")
    samples = read_like(reading, data, labels=labels)
    return _Reader(folder, model, record, samples)


def _with_ancestors(
    readers: Sequence[_Reader],
    data: Table,
    labels: Table | None,
    data_set: str | None,
) -> list[_Reader]:
    """Return the runs, and those that their training started from."""
    by_folder = {reader.folder.resolve(): reader for reader in readers}
    waiting = list(readers)
    while waiting:
        start = started_from(waiting.pop().folder)
        if start is None or start.resolve() in by_folder:
            continue
        reader = _reader(start, data, labels, data_set)
        by_folder[start.resolve()] = reader
        waiting.append(reader)
    return list(by_folder.values())


def _seen_keys(readers: Sequence[_Reader], notes: list[str]) -> pd.Index:
    """Return the keys of the samples that any of the runs was trained on."""
    seen: pd.Index = readers[0].all_keys[:0]
    for reader in readers:
        known = trained_on(reader.folder, reader.model.data_)
        if known is None:
            notes.append(
                "It is not known what "
                f"{str(reader.folder)!r} was trained on: "
                "its configuration or its data "
                "are gone or have changed. "
                "If these samples were among it, it looks too good."
            )
            continue
        mask = seen_samples(reader.samples, known[reader.record.name])
        seen = seen.union(reader.all_keys[mask], sort=False)
    return seen
