"""Linear heads: solved on the network's features instead of trained; what `Phases` is for all other networks."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from multitide.backbones._linear import Linear
from multitide.errors import ParameterError
from multitide.fitting._task_group import Group
from multitide.fitting._warm_start import Source
from multitide.network._network import Network
from multitide.representations._features import features_of
from multitide.representations._line import Line, Scales, check_solvable
from multitide.representations._linear import choose_line

logger = logging.getLogger("multitide")
Rows = tuple[np.ndarray, pd.DataFrame]


class Solution:
    """The heads of one group of tasks, each the best linear one of its labelled rows.

    Parameters
    ----------
    group : Group
        The group's data; its recipe's backbone is :class:`Linear`.
    source : Source or None
        Must be None: there are no weights to start from.
    """

    def __init__(self, group: Group, source: Source | None) -> None:
        if source is not None or group.recipe.training.pretrain:
            raise ParameterError(
                "`training.start` and `pretrain` must be left out with 'linear': it has no backbone."
            )
        spec = group.recipe.backbone
        assert isinstance(spec, Linear)
        self._group, self._strengths = group, dict.fromkeys(group.names, spec.strengths)
        self.history: list[dict[str, Any]] = []
        self.pretrain_history: list[dict[str, Any]] = []
        self.best_epoch = dict.fromkeys(group.names, 1)
        self.seconds = 0.0

    def run(self) -> tuple[list[Network], list[list[str]]]:
        """Solve every head, once more with the chosen strengths on all rows for a refit; return the network."""
        started, group = time.perf_counter(), self._group
        check_solvable(group.targets)
        (data,) = group.data
        validation = None if data.validation is None else data.validation.index
        network = group.make_network().eval()
        self._solve(network, data.train.index, validation)
        self.history = self._losses(network, validation, time.perf_counter() - started)
        if group.recipe.training.refit and validation is not None:
            network = group.make_network_on_all_rows().eval()
            self._solve(network, data.all_rows().train.index, None)
        self.seconds = time.perf_counter() - started
        return [network], [group.names]

    def _solve(self, network: Network, train: np.ndarray, validation: np.ndarray | None) -> None:
        """Fill the network's heads, and settle the strengths."""
        vectors, y = self._rows(network, train)
        scales = Scales.of(vectors)
        vectors = scales(vectors)
        held_out = None if validation is None else self._rows(network, validation)
        known = None if held_out is None else scales(held_out[0])
        for target, head in zip(network.target_list, network.heads, strict=True):
            name, columns = target.task.name, target.task.columns
            given = None if known is None or held_out is None else (known, held_out[1][columns])
            strengths, seed = self._strengths[name], self._group.recipe.seed
            strength, line = choose_line(target, vectors, y[columns], given, strengths, seed)
            _fill(head, scales.unscaled(line))
            self._strengths[name] = (strength,)
            if len(strengths) > 1:
                logger.info(
                    "%s: the penalty %g has the least loss of %d strengths.",
                    name,
                    strength,
                    len(strengths),
                )

    def _rows(self, network: Network, rows: np.ndarray) -> Rows:
        """Return the features of some samples, float64, and their labels."""
        samples = self._group.data[0].samples[rows]
        return features_of([network], samples).astype(np.float64), samples.y

    @torch.no_grad()
    def _losses(
        self, network: Network, validation: np.ndarray | None, seconds: float
    ) -> list[dict[str, Any]]:
        """Return the rows of a history of one epoch."""
        history = []
        sides = {"train": self._group.data[0].train.index, "validation": validation}
        for side, rows in sides.items():
            if rows is None:
                continue
            vectors, y = self._rows(network, rows)
            outputs = network.outputs(
                [torch.from_numpy(vectors.astype(np.float32))] * len(network.target_list)
            )
            for target, output in zip(network.target_list, outputs, strict=True):
                losses = target.row_losses(y[target.task.columns], target(output).numpy())
                if not np.isnan(losses).all():
                    row = {
                        "epoch": 1,
                        "lr": 0.0,
                        "seconds": seconds,
                        "task": target.task.name,
                        "side": side,
                    }
                    history.append(row | {"loss": float(np.nanmean(losses)), "weight": 1.0})
        return history


@torch.no_grad()
def _fill(head: torch.nn.Module, line: Line) -> None:
    """Write a line's weights into a linear head."""
    (layer,) = head.children()
    assert isinstance(layer, torch.nn.Linear)
    layer.weight.copy_(torch.from_numpy(line.weights.T))
    layer.bias.copy_(torch.from_numpy(line.bias))
