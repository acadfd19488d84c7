"""Fitting an ensemble: its members are trained, and weights are chosen on what they held out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np

from multitide._checks import as_path
from multitide._claim_folder import claim_folder
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import FITS_FORMAT
from multitide._interrupts import interrupts_end_all
from multitide._weighted_mean import weighted_mean
from multitide.data._split_data import SplitData
from multitide.engines._engine import Engine
from multitide.ensemble._average import mean, reference_targets
from multitide.ensemble._calibrate_mean import held_out_means
from multitide.ensemble._held_out_file import read_held_out
from multitide.ensemble._plan import planned_fits
from multitide.ensemble._store import EnsembleResult, MemberResult
from multitide.ensemble._train_members import Finished, Listener, train_members
from multitide.ensemble._validation_rows import (
    Held,
    ValidationRows,
    add_held_out,
    validation_rows,
)
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.network._network import Predictor
from multitide.tasks import Target, Task, task_names

# Of the time for an ensemble; in the rest, its weights are chosen and it is written.
SHARE_OF_FITS = 0.95


def fit_members(
    members: Mapping[str, MultiTaskEstimator],
    tasks: Sequence[Task],
    splits: Sequence[Sequence[SplitData]],
    seed: int,
    *,
    folder: str | Path | None,
    engine: Engine,
    seconds: float,
    listener: Listener | None,
) -> EnsembleResult:
    """Train all members, and choose their weights.

    Parameters
    ----------
    members, tasks, splits, seed
        As in :func:`planned_fits`.
    folder : path or None
        Keeps finished fits; None keeps them only until the end.
    engine, seconds, listener
        As in :func:`train_members`.
    """
    started = perf_counter()
    with _kept_in(folder) as place, interrupts_end_all():
        finished = train_members(
            planned_fits(members, tasks, splits, seed, seconds),
            place,
            engine=engine,
            seconds=seconds * SHARE_OF_FITS,
            listener=listener,
        )
        # Processes end in any order; sums of floats depend on it.
        names = list(members)
        finished.sort(key=lambda done: (done.fit.number, names.index(done.fit.member)))
        return _weighted(finished, tasks, seed, started)


def _weighted(
    finished: Sequence[Finished], tasks: Sequence[Task], seed: int, started: float
) -> EnsembleResult:
    """Return the fits by member, with weights that are chosen on the rows that they held out."""
    fits: dict[str, dict[str, MultiTaskEstimator]] = {}
    for done in finished:
        estimator = MultiTaskEstimator.load(done.folder)
        fits.setdefault(done.fit.member, {})[done.fit.key] = estimator
    targets = reference_targets(_predictors(fits), task_names(tasks))
    held = _held(finished, fits, targets)
    members = {name: MemberResult(own, {}, {}) for name, own in fits.items()}
    total: dict[str, float] = {}
    chosen: dict[str, list[float]] = {}
    for name, target in targets.items():
        rows = validation_rows(held, finished[0].fit.data, target)
        weights = _chosen_weights(rows, target, len(fits), seed)
        chosen[name] = weights
        for member, weight in zip(members.values(), weights, strict=True):
            member.weights[name] = weight
        if rows is None:
            continue
        predictions = list(rows.predictions.values())
        for member, values in zip(members.values(), predictions, strict=True):
            member.validation_loss[name] = _loss(target, rows, values)
        total[name] = _loss(target, rows, mean(predictions, weights))
    unseen = held_out_means(held, chosen, finished[0].fit.data, targets)
    seconds = perf_counter() - started
    return EnsembleResult(members, total, seed, seconds, held_out=unseen)


def _predictors(
    fits: Mapping[str, Mapping[str, MultiTaskEstimator]],
) -> list[Predictor]:
    predictors = []
    for own in fits.values():
        for estimator in own.values():
            predictors.append(estimator.model_)
    return predictors


def _held(
    finished: Sequence[Finished],
    fits: Mapping[str, Mapping[str, MultiTaskEstimator]],
    targets: Mapping[str, Target],
) -> dict[str, Held]:
    """Return what each member's fits predict for the rows that they held out."""
    held = {name: Held() for name in fits}
    for done in finished:
        estimator = fits[done.fit.member][done.fit.key]
        add_held_out(
            held[done.fit.member],
            read_held_out(done.folder, done.fit.data),
            done.fit.data,
            estimator.model_,
            targets,
        )
    return held


def _chosen_weights(
    rows: ValidationRows | None, target: Target, n_members: int, seed: int
) -> list[float]:
    """Return the weights of one task; equal ones without validation rows."""
    equal = [1 / n_members] * n_members
    if rows is None:
        return equal
    truth = target.truth(rows.labels)
    known = target.has_label(truth)
    if not known.any():
        return equal
    weights = None if rows.weights is None else rows.weights[known]
    parts = []
    for decoded in rows.predictions.values():
        part = HeldOut(
            target, truth[known], rows.groups[known], decoded[known], weights
        )
        parts.append(part)
    chosen, _ = shares_of_fits(parts, seed)
    return chosen


def _loss(target: Target, rows: ValidationRows, values: np.ndarray) -> float:
    losses = target.row_losses(rows.labels, values)
    if rows.weights is None:
        return float(np.nanmean(losses))
    known = ~np.isnan(losses)
    return weighted_mean(losses[known], rows.weights[known])


@contextmanager
def _kept_in(folder: str | Path | None) -> Iterator[Path]:
    """Give the block the folder of the fits, which is a temporary one if there is none."""
    if folder is not None:
        place = as_path("folder", folder)
        claim_folder(place, FITS_FORMAT)
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="multitide-") as temporary:
        yield Path(temporary)
