"""Linear heads: solved on the network's features instead of trained by gradient descent."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from multitide._walk import modules_in
from multitide._weighted_mean import weighted_mean
from multitide.backbones._backbone import BackboneModule
from multitide.backbones._linear import Linear
from multitide.errors import ParameterError
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._warm_start import Source
from multitide.network._network import Network
from multitide.representations._features import features_of
from multitide.representations._line import Line, Scales, check_solvable
from multitide.representations._linear import choose_line
from multitide.representations._reduced_rank import (
    RANKS,
    HeadChoice,
    choose_heads,
    solve_heads,
)
from multitide.representations._vectors import Vectors
from multitide.tasks import Target
from multitide.training._callbacks import HistoryRow

logger = logging.getLogger("multitide")
# What is drawn from single series would not change with more of them.
MOST_DRAWN = 4096


class LinearFit:
    """The heads of one group of tasks, each fitted to its labelled rows in closed form.

    It takes the place of :class:`~multitide.fitting._phases.Phases` for the backbones "linear" and
    "rocket".

    Parameters
    ----------
    group : TaskGroup
        The data of the group; the backbone of its recipe is :class:`Linear`.
    source : Source or None
        Must be None: there are no weights to start from.
    """

    def __init__(self, group: TaskGroup, source: Source | None) -> None:
        check_linear(group, source)
        backbone = group.recipe.backbone
        if not isinstance(backbone, Linear):
            raise TypeError(f"the backbone must be Linear; got {backbone!r}")
        self._group = group
        self._backbone = backbone
        self._choices: list[HeadChoice] = []
        self.history: list[dict[str, Any]] = []
        self.pretrain_history: list[dict[str, Any]] = []
        self.best_epoch = dict.fromkeys(group.names, 1)
        self.before_refit: tuple[list[Network], list[list[str]]] = ([], [])
        self.seconds = 0.0

    def run(self) -> tuple[list[Network], list[list[str]]]:
        """Fit every head, and return the network with its tasks.

        With ``refit``, fit again on all rows, with the chosen strengths.
        """
        started = time.perf_counter()
        group = self._group
        (data,) = group.data
        if data.validation is None:
            validation = None
        else:
            validation = data.validation.index
        network = group.make_network().eval()
        self._draw(network, data.train.index)
        self._solve(network, data.train.index, validation)
        seconds = time.perf_counter() - started
        self.history = self._losses(network, "train", data.train.index, seconds)
        if validation is not None:
            self.history += self._losses(network, "validation", validation, seconds)
        self.before_refit = [network], [group.names]
        if group.recipe.training.refit in (True, "trees") and validation is not None:
            network = group.make_network_on_all_rows().eval()
            rows = data.all_for_training().train.index
            self._draw(network, rows)
            self._solve(network, rows, None)
        self.seconds = time.perf_counter() - started
        return [network], [group.names]

    @torch.no_grad()
    def _draw(self, network: Network, rows: np.ndarray) -> None:
        """Let the backbone draw from training series what it draws from series."""
        (data,) = self._group.data
        n_drawn = min(len(rows), MOST_DRAWN)
        rows = rows[np.linspace(0, len(rows) - 1, n_drawn).astype(np.int64)]
        x = torch.from_numpy(np.ascontiguousarray(data.samples.gather(rows)))
        lengths = torch.from_numpy(data.samples.lengths[rows])
        encoded = network.inputs(x, lengths)
        n_steps = network.stems[0].inputs.n_steps(lengths)
        for module in modules_in(network.sharing):
            if isinstance(module, BackboneModule):
                module.fit(encoded, n_steps)

    def _solve(
        self, network: Network, train: np.ndarray, validation: np.ndarray | None
    ) -> None:
        """Fit the network's heads and choose each task's strength."""
        training = self._features(network, train)
        scales = Scales.of(training.vectors)
        training = training._replace(vectors=scales(training.vectors))
        held_out = None
        if validation is not None:
            held_out = self._features(network, validation)
            held_out = held_out._replace(vectors=scales(held_out.vectors))
        lines = self._lines(network.target_list, training, held_out)
        for head, line in zip(network.heads, lines, strict=True):
            _set_weights(head, scales.unscaled(line))

    def _lines(
        self,
        targets: Sequence[Target],
        training: Vectors,
        held_out: Vectors | None,
    ) -> list[Line]:
        """Choose and fit the heads; with chosen ones, fit them to all rows."""
        if self._choices:
            return solve_heads(targets, training, self._choices)
        strengths, rank = self._backbone.strengths, self._backbone.rank
        seed = self._group.recipe.seed
        if rank is None:
            lines = self._each_alone(targets, training, held_out)
        else:
            ranks = RANKS if rank == "auto" else (rank,)
            self._choices, lines = choose_heads(
                targets, training, held_out, strengths, ranks, seed
            )
        if len(strengths) > 1 or rank is not None:
            for target, choice in zip(targets, self._choices, strict=True):
                self._tell(target.task.name, choice)
        return lines

    def _each_alone(
        self,
        targets: Sequence[Target],
        training: Vectors,
        held_out: Vectors | None,
    ) -> list[Line]:
        lines = []
        for target in targets:
            strength, line = choose_line(
                target,
                training,
                held_out,
                self._backbone.strengths,
                self._group.recipe.seed,
            )
            self._choices.append(HeadChoice(strength, None))
            lines.append(line)
        return lines

    def _tell(self, name: str, choice: HeadChoice) -> None:
        message = "%s: the penalty %g has the lowest loss of %d strengths."
        n_strengths = len(self._backbone.strengths)
        logger.info(message, name, choice.strength, n_strengths)
        if choice.rank is not None:
            logger.info("%s: its head is projected to rank %d.", name, choice.rank)

    def _features(self, network: Network, rows: np.ndarray) -> Vectors:
        """Return the features of some samples, float64, with their labels and weights."""
        samples = self._group.data[0].samples[rows]
        features = features_of([network], samples).astype(np.float64)
        return Vectors(features, samples.y, samples.weights)

    @torch.no_grad()
    def _losses(
        self, network: Network, which: str, rows: np.ndarray, seconds: float
    ) -> list[HistoryRow]:
        """Return the rows of the history for the training or validation set."""
        history = []
        rows_of_set = self._features(network, rows)
        features = torch.from_numpy(rows_of_set.vectors.astype(np.float32))
        outputs = network.outputs([features] * len(network.target_list))
        for target, output in zip(network.target_list, outputs, strict=True):
            own = rows_of_set.of(target)
            losses = target.row_losses(own.labels, target(output).numpy())
            known = ~np.isnan(losses)
            if not known.any():
                continue
            weights = None if own.weights is None else own.weights[known]
            history.append(
                {
                    "epoch": 1,
                    "lr": 0.0,
                    "seconds": seconds,
                    "task": target.task.name,
                    "side": which,
                    "loss": weighted_mean(losses[known], weights),
                    "weight": 1.0,
                }
            )
        return history


def check_linear(group: TaskGroup, source: Source | None) -> None:
    """Raise unless the heads of a group can be solved, from scratch."""
    if source is not None or group.recipe.training.pretrain:
        raise ParameterError(
            "`training.start` and `pretrain` must be left out with "
            "backbone 'linear', which has no weights to pre-train."
        )
    check_solvable(group.targets)


@torch.no_grad()
def _set_weights(head: torch.nn.Module, line: Line) -> None:
    (layer,) = head.children()
    if not isinstance(layer, torch.nn.Linear):
        raise TypeError(f"the head must be linear; got {layer!r}")
    layer.weight.copy_(torch.from_numpy(line.weights.T))
    layer.bias.copy_(torch.from_numpy(line.bias))
