"""What fits predict for the validation set, and their weights in a common prediction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from multitide._weighted_mean import weighted_mean
from multitide.data._recordings import recordings_of_rows
from multitide.data._weights import weights_of
from multitide.fitting._choose_weights import Evidence, choose_weights
from multitide.fitting._data_sets import labels_of
from multitide.fitting._recipe import resolve_device
from multitide.fitting._row_per_answer import with_each_answer
from multitide.fitting._task_group import TaskGroup
from multitide.network._network import Network, Predictor
from multitide.tasks._task import Target
from multitide.training._decode_samples import decode_samples


class HeldOut(NamedTuple):
    """The predictions of a fit for the labelled validation rows of a task.

    Attributes
    ----------
    target : Target
        Computes the loss.
    truth : ndarray, n_rows rows
        The labels as `Target.truth` returns them.
    recordings : ndarray of int, shape (n_rows,)
        Rows that belong together.
    decoded : ndarray, n_rows rows
        The predictions.
    weights : ndarray or None, shape (n_rows,)
        How much each row counts; None if all count alike.
    """

    target: Target
    truth: np.ndarray
    recordings: np.ndarray
    decoded: np.ndarray
    weights: np.ndarray | None = None

    def loss_of(self, decoded: np.ndarray) -> float:
        """Return the mean loss of predictions for these rows."""
        losses = self.target.decoded_losses(self.truth, decoded)
        return weighted_mean(losses, self.weights)


def predict_held_out(
    networks: Sequence[Network],
    predicted: Sequence[Sequence[str]],
    group: TaskGroup,
    tasks: Collection[str],
) -> dict[str, HeldOut]:
    """Return what networks that have not seen the validation set predict for it.

    Parameters
    ----------
    networks, predicted : sequence of Network, sequence of list of str
        The networks with the tasks that each predicts.
    group : TaskGroup
        The data of the group; it must have one data set.
    tasks : collection of str
        The tasks that are wanted.
    """
    wanted = [name for name in group.names if name in tasks]
    if not wanted:
        return {}
    (data,) = group.data
    if data.validation is None:
        return {}
    predictor = Predictor(networks, predicted)
    samples = data.samples[data.validation.index]
    device = resolve_device(group.recipe.device)
    decoded = decode_samples(predictor.eval(), samples, device, data.name)
    found = {}
    for target, labelled in zip(group.targets, data.validation.measured.T, strict=True):
        name = target.task.name
        if name in wanted and labelled.any():
            truth = target.truth(labels_of(samples, target.task))
            rows = np.flatnonzero(labelled)
            weights = weights_of(samples, name)
            found[name] = HeldOut(
                target,
                truth[rows],
                recordings_of_rows(samples, rows),
                decoded[name][rows],
                None if weights is None else weights[rows],
            )
    return found


def shares_of_fits(
    parts: Sequence[HeldOut], seed: int, crossed: Sequence[HeldOut | None] = ()
) -> tuple[list[float], float]:
    """Return the weight of each fit in the prediction of a task, and the loss of their mean.

    Parameters
    ----------
    parts : sequence of HeldOut
        The predictions of each fit for the same rows.
    seed : int
        Seed of the choice; see `choose_weights`.
    crossed : sequence of HeldOut or None, optional
        More rows for some of the fits, the same for all of these; see :func:`cross_fit`.
    """
    judged = [_judged(part) for part in parts]
    target, truth, recordings, _, own_weights = judged[0]

    def row_losses(decoded: np.ndarray) -> np.ndarray:
        return target.decoded_losses(truth, decoded)

    weights = choose_weights(
        [part.decoded.astype(np.float64) for part in judged],
        row_losses,
        recordings,
        seed,
        own_weights,
        _evidence(parts, crossed),
    )
    mean = np.zeros_like(parts[0].decoded, dtype=np.float64)
    for weight, part in zip(weights, parts, strict=True):
        mean += weight * part.decoded
    return weights.tolist(), parts[0].loss_of(mean)


def _judged(held: HeldOut) -> HeldOut:
    """Return the rows by which a fit is judged, one of which has each answer in turn."""
    target, truth, recordings, decoded, weights = held
    return HeldOut(
        target, *with_each_answer(target, truth, recordings, decoded, weights)
    )


def _evidence(
    parts: Sequence[HeldOut], crossed: Sequence[HeldOut | None]
) -> Evidence | None:
    """Return the losses of fits on validation rows and on the more rows of some of them.

    Fits without more rows are judged by how they compare with the others on the validation rows.
    """
    places = [i for i, more in enumerate(crossed) if more is not None]
    more = [each for each in crossed if each is not None]
    n_more = {len(each.truth) for each in more}
    if len(n_more) != 1:
        return None
    losses = np.array([_judged_loss(part) for part in parts])
    on_validation = losses[places]
    on_more = np.array([_judged_loss(each) for each in more])
    n_validation, n_added = len(parts[0].truth), n_more.pop()
    n_rows = n_validation + n_added
    pooled = (n_validation * on_validation + n_added * on_more) / n_rows
    if on_validation.mean() > 0:
        losses = losses * (pooled.mean() / on_validation.mean())
    losses[places] = pooled
    return Evidence(losses, float(n_rows))


def _judged_loss(held: HeldOut) -> float:
    judged = _judged(held)
    return judged.loss_of(judged.decoded)
