"""Which epoch's weights survive: chosen on validation, and said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor, nn

Keep = Literal["joint", "per_task"]
JOINT = "joint"


@dataclass(frozen=True)
class Snapshot:
    """A whole set of weights (backbone, batch-norm statistics, heads) of one epoch.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    loss : float
        What it was chosen by: validation loss in units of the trivial loss; NaN without validation.
    state : dict of Tensor
        The network's state, cloned.
    """

    epoch: int
    loss: float
    state: dict[str, Tensor]


class Keeper:
    """Keeps the best epoch of all tasks together, and of each task apart when asked to.

    The joint choice is the lowest mean of the tasks' validation losses in units of their trivial
    losses; ties go to the earlier epoch. Without validation the last epoch is kept.

    Parameters
    ----------
    keep : {"joint", "per_task"}
        Whether each task also gets its own best epoch.
    names : list of str
        The tasks of the network.
    epochs : dict of str to int, optional
        Epochs already chosen (a refit on all rows repeats them instead of choosing).
    """

    def __init__(self, keep: Keep, names: list[str], epochs: dict[str, int] | None = None) -> None:
        self._keys = [JOINT, *(names if keep == "per_task" and len(names) > 1 else [])]
        self._epochs = epochs
        self.best: dict[str, Snapshot] = {}

    def offer(self, epoch: int, losses: dict[str, float], network: nn.Module) -> bool:
        """Keep this epoch's weights where they are the best so far, and tell whether they were for any choice."""
        measured = [loss for loss in losses.values() if not np.isnan(loss)]
        values = {JOINT: float(np.mean(measured)) if measured else float("nan"), **losses}
        chosen = [
            key for key in self._keys if self._better(key, epoch, values.get(key, float("nan")))
        ]
        if chosen:
            state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
            self.best |= {
                key: Snapshot(epoch, values.get(key, float("nan")), state) for key in chosen
            }
        return bool(chosen)

    def _better(self, key: str, epoch: int, value: float) -> bool:
        if self._epochs is not None:
            return epoch == self._epochs[key]
        if key not in self.best or (np.isnan(value) and np.isnan(self.best[key].loss)):
            return True
        return value < self.best[key].loss or bool(
            np.isnan(self.best[key].loss) and not np.isnan(value)
        )
