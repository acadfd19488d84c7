"""The rows of the history that an epoch adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from multitide.training._callbacks import HistoryRow
from multitide.training._validation import Validation

if TYPE_CHECKING:
    from multitide.training._trainer import Trainer


def history_rows(
    trainer: Trainer, train: Mapping[str, float], validation: Validation, seconds: float
) -> list[HistoryRow]:
    """Return one row per task and set.

    Parameters
    ----------
    trainer : Trainer
        At the end of an epoch.
    train : mapping of str to float
        The mean training loss of each task.
    validation : Validation
        What was measured on the validation set.
    seconds : float
        How long the epoch took.
    """
    weights = trainer.weighting.current()
    common = {
        "epoch": trainer.epoch,
        "lr": trainer.optimizer.param_groups[0]["rate"],
        "seconds": seconds,
    }
    rows: list[HistoryRow] = []
    for side, losses in (("train", train), ("validation", validation.losses)):
        for name, loss in losses.items():
            row = {**common, "task": name, "side": side, "loss": loss}
            row["weight"] = weights.get(name, 1.0)
            if side == "validation":
                row |= validation.headlines.get(name, {})
            rows.append(row)
    return rows
