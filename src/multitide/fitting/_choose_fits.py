"""The choice, for each task, between the network and the trees that could answer it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from multitide.backbones import BACKBONES
from multitide.backbones._backbone import Backbone
from multitide.backbones._trees import Trees
from multitide.fitting._recipe import backbone_name
from multitide.fitting._validation_loss import validation_loss
from multitide.network._network import Network

# With fewer labels in the validation set, the loss of a single task is mostly noise, and the
# candidate that looks best there is often not the best.
ENOUGH_LABELS = 200


class Candidate(TypedDict):
    """What could have answered a task.

    The loss is that of the validation set, in units of the trivial loss; None in a stored model if
    it is not known. The seconds are those of the whole fit.
    """

    task: str
    candidate: str
    loss: float | None
    seconds: float
    chosen: bool


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
    history, pretrain_history : list of dict
        One row per epoch, task and set.
    best_epoch : dict of str to int
        The epoch whose weights predict each task.
    n_validation : dict of str to int
        Number of labels of each task in the validation set.
    seconds : float
        Time spent in training.
    """

    name: str
    is_trained: bool
    networks: list[Network]
    predicted: list[list[str]]
    history: list[dict[str, Any]]
    pretrain_history: list[dict[str, Any]]
    best_epoch: dict[str, int]
    n_validation: dict[str, int]
    seconds: float

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
        return backbone.kind
    if type(backbone) not in BACKBONES.values():
        return type(backbone).__name__
    return backbone_name(backbone)


def choose_fits(
    fits: Sequence[GroupFit],
) -> tuple[dict[str, int], list[Candidate]]:
    """Choose the fit that answers each task: the one with the lowest validation loss.

    Tasks with few labels in the validation set are chosen for together, by their mean loss.

    Returns
    -------
    chosen : dict of str to int
        The position of the fit, by task.
    candidates : list of Candidate
        One per task and fit where there are several.
    """
    fits_of: dict[str, list[int]] = {}
    for i, fit in enumerate(fits):
        for task in fit.best_epoch:
            fits_of.setdefault(task, []).append(i)
    chosen = {}
    few: dict[tuple[int, ...], list[str]] = {}
    for task, positions in fits_of.items():
        chosen[task] = _best(fits, positions, [task])
        n_labels = fits[positions[0]].n_validation.get(task, 0)
        if 0 < n_labels < ENOUGH_LABELS:
            few.setdefault(tuple(positions), []).append(task)
    for several, tasks in few.items():
        for task in tasks:
            chosen[task] = _best(fits, several, tasks)
    candidates: list[Candidate] = []
    for task, positions in fits_of.items():
        if len(positions) > 1:
            candidates += _rows(fits, positions, task, chosen[task])
    return chosen, candidates


def _best(
    fits: Sequence[GroupFit], positions: Sequence[int], tasks: Sequence[str]
) -> int:
    """Return the position of the fit with the lowest mean validation loss over some tasks."""
    means = {}
    for i in positions:
        losses = [fits[i].validation_loss(task) for task in tasks]
        means[i] = sum(losses) / len(losses)
    return min(means, key=lambda i: means[i])


def _rows(
    fits: Sequence[GroupFit], positions: Sequence[int], task: str, chosen: int
) -> list[Candidate]:
    rows: list[Candidate] = []
    for i in positions:
        rows.append(
            {
                "task": task,
                "candidate": fits[i].name,
                "loss": fits[i].validation_loss(task),
                "seconds": round(fits[i].seconds, 1),
                "chosen": i == chosen,
            }
        )
    return rows
