"""Permutation importance: how much worse a model predicts if a part of its input is exchanged."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from multitide._weighted_mean import weighted_mean
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._weights import weights_of
from multitide.errors import MultitideWarning
from multitide.model._fitted_model import FittedModel
from multitide.reasons._exchange import donor_rows, in_chunks
from multitide.reasons._input_parts import InputPart
from multitide.tasks import Target
from multitide.tasks._metric_table import goodness
from multitide.training._decode_samples import Decoded, joined

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judge:
    """The labels of one task, and the loss and main metric of predictions for them.

    Attributes
    ----------
    target : Target
    truth : ndarray, n_samples rows
    known : ndarray of bool, shape (n_samples,)
        Which rows have a label that counts.
    weights : ndarray or None, shape (n_samples,)
        How much each row counts; None if all count alike.
    """

    target: Target
    truth: np.ndarray
    known: np.ndarray
    weights: np.ndarray | None = None

    @property
    def name(self) -> str:
        """The task."""
        return self.target.task.name

    @property
    def metric(self) -> str:
        """The main metric."""
        return self.target.metric_names[0]

    def scores(self, decoded: np.ndarray) -> tuple[float, float]:
        """Return the mean loss and the main metric of predictions for all samples."""
        truth, decoded = self.truth[self.known], decoded[self.known]
        weights = None if self.weights is None else self.weights[self.known]
        losses = self.target.decoded_losses(truth, self.target.as_trained(decoded))
        values = self.target.metric_values(truth, decoded, weights)
        return weighted_mean(losses, weights), float(values[self.metric])

    def goodness(self, value: float) -> float:
        """Return a value of the main metric as a number of which the larger one is better."""
        return float(goodness(self.metric, value, self.target.level_of(self.metric)))


def judges_of(
    model: FittedModel, samples: Samples, tasks: Sequence[str]
) -> list[Judge]:
    """Return one judge for each task that has a label in the samples."""
    judges = []
    for name in tasks:
        target = model.targets_.target(name)
        columns = target.task.columns
        if not set(columns) <= set(samples.y):
            continue
        truth = target.truth(samples.y[columns])
        known = target.has_label(truth)
        weights = weights_of(samples, name)
        if weights is not None:
            known &= weights > 0
        if known.any():
            judges.append(Judge(target, truth, known, weights))
    return judges


def permutation_importance(
    model: FittedModel,
    samples: Samples,
    data_set: str,
    parts: Sequence[InputPart],
    judges: Sequence[Judge],
    n_repeats: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the importance of every part for every task, and the scores without exchange.

    The model is called once per part, for all repeats at once; see :class:`Explanation` for the
    columns.
    """
    known = model.decode_data_sets(DataSets({data_set: samples}))[data_set]
    before = {judge.name: judge.scores(known[judge.name]) for judge in judges}
    donors = donor_rows(len(samples), n_repeats, seed)
    rows = []
    for part in parts:
        decoded = _decoded(model, samples, data_set, part, donors)
        for judge in judges:
            repeats = decoded[judge.name].reshape(
                n_repeats, len(samples), *decoded[judge.name].shape[1:]
            )
            changes = _changes(judge, before[judge.name], repeats)
            rows.append(_row(judge, part, changes))
    return _sorted(pd.DataFrame(rows)), _score_table(judges, before)


def _decoded(
    model: FittedModel,
    samples: Samples,
    data_set: str,
    part: InputPart,
    donors: np.ndarray,
) -> Decoded:
    """Return the predictions for the samples of all repeats, one repeat after another."""
    decoded = []
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", MultitideWarning
        )  # told for the samples already
        for chunk in in_chunks(samples, donors, part):
            decoded.append(
                model.decode_data_sets(DataSets({data_set: chunk}))[data_set]
            )
    return joined(decoded)


def _changes(
    judge: Judge, before: tuple[float, float], repeats: np.ndarray
) -> np.ndarray:
    """Return by how much loss and metric become worse in each repeat, (n_repeats, 2)."""
    changes = []
    for decoded in repeats:
        loss, value = judge.scores(decoded)
        worse = judge.goodness(before[1]) - judge.goodness(value)
        changes.append((loss - before[0], worse))
    return np.array(changes)


def _row(judge: Judge, part: InputPart, changes: np.ndarray) -> dict[str, object]:
    loss, change = changes.mean(axis=0)
    loss_half, change_half = _half_widths(changes)
    return {
        "task": judge.name,
        "kind": part.kind,
        "input": part.name,
        "loss": loss,
        "loss_low": loss - loss_half,
        "loss_high": loss + loss_half,
        "metric": judge.metric,
        "change": change,
        "change_low": change - change_half,
        "change_high": change + change_half,
        "n_labelled": int(judge.known.sum()),
    }


def _half_widths(changes: np.ndarray) -> np.ndarray:
    """Return half the width of the t intervals of the means over repeats; NaN for one repeat."""
    n = len(changes)
    if n < 2:
        return np.full(changes.shape[1], np.nan)
    errors = changes.std(axis=0, ddof=1) / np.sqrt(n)
    half: np.ndarray = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * errors
    return half


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Sort the parts of each task by importance, but leave segments in the order of time."""
    tables = []
    for _, rows in table.groupby("task", sort=False):
        in_time = rows["kind"] == "segment"
        inputs = rows[~in_time].sort_values("loss", ascending=False, kind="stable")
        tables += [inputs, rows[in_time]]
    return pd.concat(tables, ignore_index=True)


def _score_table(
    judges: Sequence[Judge], before: dict[str, tuple[float, float]]
) -> pd.DataFrame:
    rows = []
    for judge in judges:
        loss, value = before[judge.name]
        rows.append(
            {
                "task": judge.name,
                "loss": loss,
                "metric": judge.metric,
                "value": value,
                "n_labelled": int(judge.known.sum()),
            }
        )
    return pd.DataFrame(rows)
