"""What a user should know after training, in sentences; none if all is well."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._weighted_mean import weighted_mean
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.data._weights import joined_weights_of
from multitide.fitting._fit_model import Fitted
from multitide.network._network import Predictor
from multitide.tasks._task import Target

logger = logging.getLogger("multitide")

LAST_SHARE = 0.1  # of the epochs
STILL_FALLING = 0.01  # relative fall of the validation loss in these last epochs
FAR_WORSE = 3.0  # times the validation loss


def after_training(
    predictor: Predictor,
    history: pd.DataFrame,
    best_epoch: Mapping[str, int],
    candidates: pd.DataFrame,
    validation_sets: Sequence[Samples],
) -> list[str]:
    """Say whether training ended too early, and which tasks do not beat their constant.

    Parameters
    ----------
    predictor : Predictor
        The fitted model.
    history : DataFrame
        ``estimator.history_``.
    best_epoch : mapping of str to int
        By task.
    candidates : DataFrame
        ``estimator.candidates_``.
    validation_sets : sequence of Samples
        With their labels, one per data set.
    """
    losses = validation_losses(history, best_epoch, candidates)
    warnings = []
    still_falling = _still_falling(history)
    falling = [repr(task) for task in losses if task in still_falling]
    if falling:
        warnings.append(
            f"The validation loss of {', '.join(falling)} was still falling in the last epochs. "
            "Raise `max_epochs`."
        )
    for task, loss in losses.items():
        constant = _constant_loss(predictor.target(task), validation_sets)
        if loss >= constant:
            warnings.append(
                f"Task {task!r} is not better than a constant on the validation set (loss "
                f"{loss:.3g}, constant {constant:.3g}). Its inputs may not determine it, it may "
                "have too few labels, or sharing may hurt it: `multitide compare` shows which."
            )
    return warnings


def tell_after_training(fitted: Fitted, data_sets: Sequence[SplitData]) -> None:
    """Log what :func:`after_training` says of a fit."""
    for sentence in after_training(
        fitted.predictor,
        pd.DataFrame(fitted.history),
        fitted.best_epoch,
        pd.DataFrame(fitted.candidates),
        [data.validation_set for data in data_sets],
    ):
        logger.warning(sentence)


def against_test(losses: Mapping[str, float], metrics: pd.DataFrame) -> list[str]:
    """Name the tasks whose test loss is far above their validation loss, and above the constant's.

    Parameters
    ----------
    losses : mapping of str to float
        The validation loss of each task.
    metrics : DataFrame
        ``estimator.evaluate`` on the test set.
    """
    warnings = []
    for row in metrics[metrics["metric"] == "loss"].to_dict("records"):
        known = losses.get(row["task"], np.nan)
        if row["value"] > FAR_WORSE * known and row["value"] > row["trivial"]:
            of_data = f" of {row['data']!r}" if row.get("data") else ""
            warnings.append(
                f"Task {row['task']!r}{of_data} is far worse on the test set (loss "
                f"{row['value']:.3g}, constant {row['trivial']:.3g}) than on the validation set "
                f"({known:.3g}): the two sets differ, for instance in season or machine, or the "
                "validation set is too small."
            )
    return warnings


def validation_losses(
    history: pd.DataFrame, best_epoch: Mapping[str, int], candidates: pd.DataFrame
) -> dict[str, float]:
    """Return the validation loss of what predicts each task; tasks without one are left out.

    It is that of the best epoch, or of the mean of several candidates.
    """
    of_means = {}
    if len(candidates):
        of_means = candidates.groupby("task")["mean_loss"].first().dropna().to_dict()
    if not len(history):
        return of_means
    rows = history[history["side"] == "validation"]
    by_task = {}
    for task, epoch in best_epoch.items():
        of_task = rows[(rows["task"] == task) & (rows["epoch"] == epoch)]
        loss = of_task["loss"].mean()
        if not np.isnan(loss):
            by_task[task] = float(loss)
    return by_task | of_means


def falls_at_the_end(history: pd.DataFrame, share: float) -> dict[str, float]:
    """Return how much lower each task's validation loss is in the last share of its epochs.

    0 if it is lowest before; tasks without a validation loss are left out.
    """
    falls = {}
    for task, curve in _validation_curves(history).items():
        late, before = _late_and_before(curve, share)
        falls[task] = float(np.nanmax([before - late, 0.0]))
    return falls


def _still_falling(history: pd.DataFrame) -> set[str]:
    """Return the tasks whose validation loss fell in the last tenth of its epochs."""
    falling = set()
    for task, curve in _validation_curves(history).items():
        late, before = _late_and_before(curve, LAST_SHARE)
        if late < (1 - STILL_FALLING) * before:
            falling.add(task)
    return falling


def _validation_curves(history: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the validation loss of each task by epoch, mean over the data sets."""
    if not len(history):
        return {}
    rows = history[history["side"] == "validation"]
    means = rows.groupby(["task", "epoch"])["loss"].mean()
    curves = {}
    for task in means.index.unique("task"):
        curves[str(task)] = means[task]
    return curves


def _late_and_before(curve: pd.Series, share: float) -> tuple[float, float]:
    """Return the lowest losses of the last share of the epochs and of those before.

    NaN if there are not two epochs.
    """
    epochs = curve.index.to_numpy()
    losses = curve.to_numpy()
    last = epochs.max()
    if last < 2:
        return float("nan"), float("nan")
    is_late = epochs > (1 - share) * last
    return _lowest(losses[is_late]), _lowest(losses[~is_late])


def _lowest(losses: np.ndarray) -> float:
    """Return the lowest loss that is a number; NaN without any."""
    known = losses[~np.isnan(losses)]
    return float(known.min()) if len(known) else float("nan")


def _constant_loss(target: Target, validation_sets: Sequence[Samples]) -> float:
    """Return the loss of the best constant of the training labels; NaN without labels."""
    losses, having = [np.empty(0)], []
    for samples in validation_sets:
        columns = target.task.columns
        if set(columns) <= set(samples.y):
            constant = target.constant(len(samples))
            losses.append(target.row_losses(samples.y[columns], constant))
            having.append(samples)
    joined = np.concatenate(losses)
    known = ~np.isnan(joined)
    weights = joined_weights_of(having, target.task.name)
    return weighted_mean(joined[known], None if weights is None else weights[known])
