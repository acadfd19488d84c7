"""The weights, for each task, of the network and the trees that predict it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from multitide.backbones import BACKBONES
from multitide.backbones._backbone import Backbone
from multitide.backbones._trees import Trees
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.fitting._recipe import backbone_name
from multitide.fitting._validation_loss import validation_loss
from multitide.network._network import Network


class Candidate(TypedDict):
    """What predicts a task, alone or with others.

    Losses are those of the validation set, in units of the trivial loss; None in a stored model if
    they are not known. ``mean_loss`` is that of the weighted mean of all candidates of the task.
    The seconds are those of the whole fit.
    """

    task: str
    candidate: str
    loss: float | None
    seconds: float
    weight: float
    mean_loss: float | None


@dataclass
class GroupFit:
    """What was fitted for one group of tasks.

    Attributes
    ----------
    name : str
        Of its backbone.
    is_trained : bool
        Whether its network is trained by gradients.
    networks, predicted : list of Network, list of list of str
        The networks with the tasks that each predicts, the joint one first.
    before_refit : tuple of list of Network, list of list of str
        The same before a refit; the same lists without one.
    held_out : dict of str to HeldOut
        Predictions for the validation set, of the tasks that other fits predict too.
    crossed : dict of str to HeldOut
        Predictions for the training set by fits that have not seen them; see :func:`cross_fit`.
    history, pretrain_history : list of dict
        One row per epoch, task and set.
    best_epoch : dict of str to int
        The epoch whose weights predict each task.
    seconds : float
        Time spent in training.
    """

    name: str
    is_trained: bool
    networks: list[Network]
    predicted: list[list[str]]
    before_refit: tuple[list[Network], list[list[str]]]
    held_out: dict[str, HeldOut]
    crossed: dict[str, HeldOut]
    history: list[dict[str, Any]]
    pretrain_history: list[dict[str, Any]]
    best_epoch: dict[str, int]
    seconds: float

    @property
    def was_refitted(self) -> bool:
        """Whether the networks have seen the validation set."""
        return self.before_refit[0] != self.networks

    def without_refit(self) -> GroupFit:
        """Return the fit with the networks that have not seen the validation set."""
        networks, predicted = self.before_refit
        return replace(self, networks=networks, predicted=predicted)

    def validation_loss(self, task: str) -> float:
        """Return the loss of the epoch that predicts a task; infinite if it is not known."""
        return validation_loss(self.history, task, self.best_epoch[task])

    def networks_for(
        self, tasks: Collection[str]
    ) -> tuple[list[Network], list[list[str]]]:
        """Return the networks that predict some tasks, each with those that it predicts.

        The joint network stays in any case, since its features can be used elsewhere. Trees do not.
        """
        networks, predicted = [], []
        for i, (network, names) in enumerate(
            zip(self.networks, self.predicted, strict=True)
        ):
            kept = []
            for name in names:
                if name in tasks:
                    kept.append(name)
            is_joint = i == 0 and self.is_trained
            if kept or is_joint:
                networks.append(network)
                predicted.append(kept)
        return networks, predicted


def short_name(backbone: Backbone) -> str:
    """Return the name of a backbone, or the kind of its trees; the class of a user's own."""
    if isinstance(backbone, Trees):
        name: str = backbone.kind
        if name == "extra_trees" and backbone.n_levels > 1:
            name += ", quantiles"
        if backbone.min_samples_leaf is not None:
            name += f", leaves of {backbone.min_samples_leaf}"
        return name
    if type(backbone) not in BACKBONES.values():
        return type(backbone).__name__
    return backbone_name(backbone)


def weigh_fits(
    fits: Sequence[GroupFit], seed: int
) -> tuple[dict[str, dict[int, float]], list[Candidate]]:
    """Choose the weight of each fit in the predictions of each task, on the validation set.

    Parameters
    ----------
    fits : sequence of GroupFit
        All fits.
    seed : int
        Seed of the choice.

    Returns
    -------
    shares : dict of str to dict
        For each task the weights, which sum to 1, by the positions of the fits; those with weight 0
        are left out.
    candidates : list of Candidate
        One per task and fit where there are several.
    """
    fits_of: dict[str, list[int]] = {}
    for i, fit in enumerate(fits):
        for task in fit.best_epoch:
            fits_of.setdefault(task, []).append(i)
    shares = {}
    candidates: list[Candidate] = []
    for task, positions in fits_of.items():
        if len(positions) == 1:
            shares[task] = {positions[0]: 1.0}
            continue
        weights, loss = _weights([fits[i] for i in positions], task, seed)
        shares[task] = {}
        for i, weight in zip(positions, weights, strict=True):
            if weight:
                shares[task][i] = weight
            candidates.append(_row(fits[i], task, weight, loss))
    return shares, candidates


def _weights(
    fits: Sequence[GroupFit], task: str, seed: int
) -> tuple[list[float], float]:
    """Return the weights of the fits of a task, and the loss of their mean.

    If no validation row has a label, the network predicts the task, or else all fits do alike.
    """
    held_out = [fit.held_out[task] for fit in fits if task in fit.held_out]
    if len(held_out) < len(fits):
        loss = fits[0].validation_loss(task)
        if fits[0].is_trained:
            return [1.0] + [0.0] * (len(fits) - 1), loss
        return [1 / len(fits)] * len(fits), loss
    return shares_of_fits(held_out, seed, [fit.crossed.get(task) for fit in fits])


def _row(fit: GroupFit, task: str, weight: float, mean_loss: float) -> Candidate:
    return {
        "task": task,
        "candidate": fit.name,
        "loss": fit.validation_loss(task),
        "seconds": round(fit.seconds, 1),
        "weight": weight,
        "mean_loss": mean_loss,
    }
