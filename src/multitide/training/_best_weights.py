"""Which epoch's weights are kept, chosen on the validation set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor, nn

Keep = Literal["joint", "per_task"]
JOINT = "joint"


@dataclass(frozen=True)
class Snapshot:
    """All weights of one epoch: backbone, batch-norm statistics and heads.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    loss : float
        The validation loss that it was chosen by, in units of the trivial loss; NaN without a
        validation set.
    state : dict of Tensor
        A copy of the network's state.
    """

    epoch: int
    loss: float
    state: dict[str, Tensor]


class Keeper:
    """Keeps the best epoch of all tasks together, and on request of each task.

    The best epoch has the lowest mean of the tasks' validation losses, in units of their trivial
    losses; ties go to the earlier epoch. Without a validation set, the last epoch is kept.

    Parameters
    ----------
    keep : {"joint", "per_task"}
        Whether each task also gets its own best epoch.
    names : list of str
        The tasks of the network.
    epochs : dict of str to int, optional
        Epochs to keep, chosen earlier (a refit on all rows repeats them).
    """

    def __init__(
        self, keep: Keep, names: list[str], epochs: dict[str, int] | None = None
    ) -> None:
        self._keys = [JOINT]
        if keep == "per_task" and len(names) > 1:
            self._keys += names
        self._epochs = epochs
        self.best: dict[str, Snapshot] = {}

    @classmethod
    def of_task(cls, name: str) -> Keeper:
        """Return a keeper of the best epoch of one task only."""
        keeper = cls("joint", [name])
        keeper._keys = [name]
        return keeper

    def offer(self, epoch: int, losses: dict[str, float], network: nn.Module) -> bool:
        """Keep this epoch's weights if they are the best so far.

        Parameters
        ----------
        epoch : int
            Counted from 1.
        losses : dict of str to float
            Validation losses of the tasks.
        network : Module
            The network whose weights are kept.

        Returns
        -------
        bool
            Whether they are the best of all tasks together or of any task.
        """
        known = []
        for loss in losses.values():
            if not np.isnan(loss):
                known.append(loss)
        if known:
            joint = float(np.mean(known))
        else:
            joint = float("nan")
        values = {JOINT: joint, **losses}
        state: dict[str, Tensor] = {}
        improved = False
        for key in self._keys:
            value = values.get(key, float("nan"))
            if not self._is_better(key, epoch, value):
                continue
            if not improved:
                state = _copy_of(network.state_dict())
            self.best[key] = Snapshot(epoch, value, state)
            improved = True
        return improved

    def _is_better(self, key: str, epoch: int, value: float) -> bool:
        if self._epochs is not None:
            return epoch == self._epochs[key]
        if key not in self.best or np.isnan(self.best[key].loss):
            return True
        return value < self.best[key].loss


def _copy_of(state: dict[str, Tensor]) -> dict[str, Tensor]:
    copies = {}
    for name, tensor in state.items():
        copies[name] = tensor.detach().clone()
    return copies
